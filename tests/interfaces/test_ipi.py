"""Codes that speak i-PI's protocol get what ASE gets from the same calculator."""

import importlib.util
import socket as sockets
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write

from equical.errors import InputError
from equical.interfaces.ipi import serve

pytestmark = pytest.mark.filterwarnings(  # ASE's client leaves a socket that found nobody to the garbage collector
    "ignore:unclosed:ResourceWarning", "ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def name():
    """A socket of this test alone, among all that run on this machine."""
    return f"equical-test-{uuid.uuid4().hex[:8]}"


def free_port():
    with sockets.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("kind", ["crystal", "compound, skewed cell", "molecule in a box"])
def test_a_server_gets_the_numbers_of_the_calculator(kind, name, structures, tiny_calculator):
    atoms = structures[kind]
    template = atoms.copy()
    template.positions += 0.3  # only its elements and periodicity count
    template.cell = template.cell * 1.1
    with ThreadPoolExecutor() as threads:
        with SocketIOCalculator(unixsocket=name, timeout=60) as server:
            counted = threads.submit(serve, template, tiny_calculator, socket=name)
            atoms.calc = server
            for _ in range(2):
                atoms.rattle(0.05, seed=4)
                np.testing.assert_allclose(atoms.get_forces(), tiny_calculator.get_forces(atoms), atol=1e-6)
                energy = tiny_calculator.get_potential_energy(atoms)
                assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-6)
                if atoms.pbc.any():
                    stress, volume = tiny_calculator.get_stress(atoms), atoms.get_volume()
                    np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-6 / volume)
        assert counted.result() == 2
    assert not np.allclose(template.positions, atoms.positions)


def test_waits_for_a_port_that_is_opened_later():
    port, atoms = free_port(), bulk("Cu")
    with ThreadPoolExecutor() as threads:
        counted = threads.submit(serve, atoms, EMT(), port=port)
        with SocketIOCalculator(port=port, timeout=60) as server:
            other = atoms.copy()
            other.calc = server
            energy = other.get_potential_energy()
        assert counted.result() == 1
    atoms.calc = EMT()
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)


def test_another_number_of_atoms_is_refused(name):
    with ThreadPoolExecutor() as threads, SocketIOCalculator(unixsocket=name, timeout=60) as server:
        served = threads.submit(serve, bulk("Cu", cubic=True), EMT(), socket=name)
        atoms = bulk("Cu")
        atoms.calc = server
        with pytest.raises(OSError):
            atoms.get_potential_energy()
        with pytest.raises(InputError, match="sends 1 of them, while the structure has 4"):
            served.result()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({}, "Give the name of a UNIX socket or a port"),
        ({"socket": "a", "port": 1}, "Give the name of a UNIX socket or a port"),
        ({"socket": "/tmp/ipi_a"}, "has a name without folders"),
        ({"port": 70000}, "from 1 to 65535, not 70000"),
        ({"socket": "equical-nobody"}, "Nobody listens at /tmp/ipi_equical-nobody, tried for 0 s"),
        ({"port": 9, "host": "no..where"}, "There is no host 'no..where'"),
    ],
)
def test_refuses(where, message):
    with pytest.raises(InputError, match=message):
        serve(bulk("Cu"), EMT(), **where, wait=0)


INPUT = """<simulation verbosity='low'>
  <output prefix='run'>
    <properties stride='1' filename='out'>
      [ step, potential{{electronvolt}}, conserved{{electronvolt}}, volume ]
    </properties>
  </output>
  <total_steps>6</total_steps>
  <prng><seed>4</seed></prng>
  <ffsocket mode='unix' name='engine'><address>{name}</address><latency>1e-3</latency></ffsocket>
  <system>
    <initialize nbeads='2'>
      <file mode='ase'>start.extxyz</file>
      <velocities mode='thermal' units='kelvin'>100</velocities>
    </initialize>
    <forces><force forcefield='engine'/></forces>
    <ensemble><temperature units='kelvin'>100</temperature></ensemble>
    <motion mode='dynamics'><dynamics mode='nve'><timestep units='femtosecond'>2</timestep></dynamics></motion>
  </system>
</simulation>
"""


@pytest.mark.skipif(importlib.util.find_spec("ipi") is None, reason="i-PI is not installed")
def test_ipi_conserves_the_energy_of_its_ring_polymers(name, tmp_path):
    atoms = bulk("Cu", a=3.6, cubic=True)
    write(tmp_path / "start.extxyz", atoms)
    (tmp_path / "input.xml").write_text(INPUT.format(name=name))
    command = [sys.executable, Path(sys.executable).with_name("i-pi"), "input.xml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ipi:
        try:
            count = serve(atoms, EMT(), socket=name)
            assert ipi.wait(60) == 0, ipi.stdout.read()
        finally:
            ipi.kill()
    assert count >= 14  # two beads, before the first step and at each of six
    rows = np.loadtxt(tmp_path / "run.out")
    atoms.calc = EMT()
    assert rows[0, 1] == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    assert rows[0, 3] == pytest.approx(atoms.get_volume() / units.Bohr**3, rel=1e-6)
    assert np.ptp(rows[:, 2]) < 0.002 < np.ptp(rows[:, 1])
