"""What a benchmark reports; never how fast anything is."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from numpy.testing import assert_allclose

from equical import EquiCalc
from equical.errors import InputError
from equical.inference import executions
from equical.workflows.bench import run as module
from equical.workflows.bench.run import STAGES, bench


def test_rows_hold_what_follows_from_the_times_of_steps(tiny_model, tmp_path, monkeypatch):
    seconds = iter([9.0] * 6 + [1.0, 2.0, 4.0, 2.0, 7.0, 3.0] + [9.0] * 20)
    timed = module._timed
    monkeypatch.setattr(module, "_timed", lambda *a: timed(*a) and next(seconds))
    result = bench(tiny_model, sizes=[4], executions=["eager", "static"], steps=3, timestep=2.0, device="cpu")
    eager, static = result.rows
    assert (eager.execution, static.execution) == ("eager", "static")
    assert (eager.step_times, static.step_times) == ((1.0, 4.0, 7.0), (2.0, 2.0, 3.0))
    assert (eager.step_time, static.step_time) == (4.0, 2.0)
    assert (eager.num_atoms, eager.atom_time, eager.atoms_per_second) == (4, 1.0, 1.0)
    assert_allclose(eager.ns_per_day, 2e-6 * 86400 / 4.0)
    for row in result.rows:
        assert tuple(row.shares) == STAGES
        assert_allclose(sum(row.shares.values()), 1)
        assert min(row.shares.values()) >= 0 and row.shares["network"] > 0
        assert row.num_edges > 4 and row.peak_memory > 1e4 and row.list_rebuilds == 0 and not row.gave_up
    assert eager.fill is None and 0 < static.fill <= 1
    assert result.formula == "Cu" and result.converged and result.threads >= 1


def test_the_network_takes_its_share_of_real_time(tiny_model):
    (row,) = bench(tiny_model, sizes=[4], steps=2, device="cpu").rows
    assert row.execution == "auto" and row.step_time > 0
    assert row.shares["network"] > 0.1


@pytest.mark.drawn
def test_files(tiny_model, tmp_path):
    structure = fcc111("Al", (1, 1, 2), a=4.05, vacuum=5.0)
    result = bench(tiny_model, structure, sizes=[5, 3], steps=1, output=tmp_path / "out", device="cpu")
    assert [row.num_atoms for row in result.rows] == [4, 8]
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [row["num_atoms"] for row in data["rows"]] == [4, 8]
    assert data["model"]["name"] == "tiny" and data["converged"] is True
    assert data["units"]["step_time"] == "s" and data["rows"][0]["shares"].keys() == set(STAGES)
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="not empty"):
        bench(tiny_model, sizes=[1], steps=1, output=tmp_path / "out", device="cpu")


def test_supercells_are_compact():
    repeated = [module._supercell(bulk("Cu", cubic=True), size) for size in (1, 4, 5, 32, 100)]
    assert [len(atoms) for atoms in repeated] == [4, 4, 8, 32, 108]
    assert_allclose(repeated[-1].cell.lengths(), [3 * 3.61] * 3)
    slab = fcc111("Al", (1, 1, 3), a=4.05, vacuum=5.0)
    wide = module._supercell(slab, 30)
    assert len(wide) == 36 and wide.cell.lengths()[2] == slab.cell.lengths()[2]
    assert len(module._supercell(molecule("H2O"), 3)) == 3
    with pytest.raises(InputError, match="cannot be repeated to 4 atoms"):
        module._supercell(molecule("H2O"), 4)


def test_the_default_structure_is_of_an_element_the_model_covers(tiny_checkpoint, monkeypatch):
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    assert module._default_structure(calculator).get_chemical_formula() == "Cu4"
    monkeypatch.setattr(EquiCalc, "elements", ["H", "Si", "Ni"])
    assert module._default_structure(calculator).get_chemical_formula() == "Si8"
    monkeypatch.setattr(EquiCalc, "elements", ["H", "O"])
    with pytest.raises(InputError, match="give a structure"):
        module._default_structure(calculator)


def test_atoms_move_between_steps_and_the_given_structure_does_not(tiny_model, monkeypatch):
    seen, timed = [], module._timed
    monkeypatch.setattr(module, "_timed", lambda calc, atoms: seen.append(atoms.positions.copy()) or timed(calc, atoms))
    structure = bulk("Cu", cubic=True)
    before = structure.copy()
    bench(tiny_model, structure, sizes=[4], steps=2, device="cpu")
    assert structure == before
    steps = np.diff(seen[:5], axis=0)
    assert 1e-4 < np.abs(steps).mean() < 1e-2  # Å in a femtosecond, at 300 K
    assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-12)


def test_an_execution_that_gives_up_is_told(tiny_model, monkeypatch):
    def broken(*args):
        raise RuntimeError("broken")

    monkeypatch.setattr(executions.DirectBackend, "prepare", broken)
    with pytest.warns(RuntimeWarning, match="given up"):
        result = bench(tiny_model, sizes=[4], executions=["static"], steps=1, device="cpu")
    assert result.rows[0].gave_up and not result.converged


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": []}, "numbers of atoms"),
        ({"sizes": [0]}, "numbers of atoms"),
        ({"executions": ["eager", "warp"]}, "and not warp"),
        ({"executions": []}, "and not none"),
        ({"timestep": 0.0}, "time step"),
        ({"steps": 0}, "At least one step"),
        ({"structure": Atoms()}, "no atoms"),
        ({"executions": ["cuda-graph"]}, "needs a CUDA device"),
    ],
)
def test_mistakes_are_refused(tiny_model, settings, message):
    with pytest.raises(InputError, match=message):
        bench(tiny_model, **{"device": "cpu"} | settings)
