"""What a benchmark reports; never how fast anything is."""

import json
import time

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from numpy.testing import assert_allclose

from equical import EquiCalc
from equical.errors import InputError
from equical.inference import executions
from equical.workflows.bench import STAGES, bench, measure
from equical.workflows.bench import run as module
from equical.workflows.bench.deadline import OutOfTime


def test_rows_hold_what_follows_from_the_times_of_steps(tiny_model, tmp_path, monkeypatch):
    seconds = iter([9.0] * 6 + [1.0, 2.0, 4.0, 2.0, 7.0, 3.0] + [9.0] * 20)
    timed = measure._timed
    monkeypatch.setattr(measure, "_timed", lambda *a: timed(*a) and next(seconds))
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
    seen, timed = [], measure._timed
    monkeypatch.setattr(
        measure, "_timed", lambda calc, atoms: seen.append(atoms.positions.copy()) or timed(calc, atoms)
    )
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
    with pytest.warns(UserWarning, match="is given up for eager execution") as given:
        result = bench(tiny_model, sizes=[4], executions=["static"], steps=1, device="cpu")
    assert result.rows[0].gave_up and not result.converged
    assert [str(one.message) for one in given] == list(result.warnings)


def interrupt(monkeypatch, when):
    """Let time be up in evaluations for which ``when(execution, atoms)`` is true; the others take half a second."""
    timed = measure._timed

    def limited(calculator, atoms):
        if when(calculator.parameters["execution"], atoms):
            raise OutOfTime
        timed(calculator, atoms)
        return 0.5

    monkeypatch.setattr(measure, "_timed", limited)


def test_what_takes_too_long_is_skipped_from_there_on(tiny_model, tmp_path, monkeypatch):
    interrupt(monkeypatch, lambda execution, atoms: execution == "static" and len(atoms) > 1)
    settings = {"sizes": [4, 1, 2], "executions": ["eager", "static"], "steps": 1, "time_limit": 3600}
    with pytest.warns(UserWarning, match="static skipped at 2, 4 atoms: no step within 3600 s") as given:
        result = bench(tiny_model, bulk("Cu"), **settings, device="cpu", output=tmp_path)
    measured = [(row.execution, row.num_atoms) for row in result.rows]
    assert measured == [("eager", 1), ("static", 1), ("eager", 2), ("eager", 4)]
    assert [(skip.execution, skip.num_atoms) for skip in result.skipped] == [("static", 2), ("static", 4)]
    assert not result.converged and len(given) == len(result.warnings) == 1
    data = json.loads((tmp_path / "result.json").read_text())
    reasons = ["nothing measured in 3600 s", "too slow at fewer atoms"]
    assert [skip["reason"] for skip in data["skipped"]] == reasons


def test_steps_within_the_limit_count(tiny_model, monkeypatch):
    calls = iter(range(100))
    interrupt(monkeypatch, lambda execution, atoms: next(calls) == measure.WARM_UP + 2)
    with pytest.warns(UserWarning, match="auto at 4 atoms: time was up after 2 of 9 steps"):
        result = bench(tiny_model, sizes=[4], steps=9, time_limit=3600, device="cpu")
    (row,) = result.rows
    assert row.step_times == (0.5, 0.5)
    assert row.peak_memory is None and min(row.shares.values()) >= 0
    assert not result.converged


def test_what_does_not_come_back_is_interrupted(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "_timed", lambda calculator, atoms: time.sleep(3600))
    with pytest.warns(UserWarning, match="auto skipped at 1 atoms"):
        result = bench(tiny_model, bulk("Cu"), sizes=[1], time_limit=0.2, device="cpu", output=tmp_path)
    assert (result.rows, result.converged) == ((), False)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "parts.json", "result.json"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": []}, "numbers of atoms"),
        ({"sizes": [0]}, "numbers of atoms"),
        ({"executions": ["eager", "warp"]}, "and not warp"),
        ({"executions": []}, "and not none"),
        ({"timestep": 0.0}, "timestep must be a positive number"),
        ({"steps": 0}, "at least one step"),
        ({"time_limit": 0.0}, "time_limit must be a positive number"),
        ({"structure": Atoms()}, "no atoms"),
        ({"executions": ["cuda-graph"]}, "needs a CUDA device"),
    ],
)
def test_mistakes_are_refused(tiny_model, settings, message):
    with pytest.raises(InputError, match=message):
        bench(tiny_model, **{"device": "cpu"} | settings)


@pytest.mark.parametrize("settings", [{"executions": ["auto", "cuda-graph"]}, {"structure": bulk("Fe")}])
def test_what_is_refused_leaves_earlier_results(tiny_model, tmp_path, settings):
    (tmp_path / "result.json").write_text("precious")
    with pytest.raises(InputError):
        bench(tiny_model, **settings, sizes=[1], device="cpu", output=tmp_path, overwrite=True)
    assert (tmp_path / "result.json").read_text() == "precious"


def test_a_killed_benchmark_goes_on_after_the_last_size(tiny_model, tmp_path, monkeypatch):
    measured, options = [], {"sizes": [4, 8], "steps": 1, "device": "cpu", "output": tmp_path / "out"}

    def measure_until(killed):
        def watched(atoms, *rest):
            if len(atoms) == killed:
                raise KeyboardInterrupt
            measured.append(len(atoms))
            return measure.measure(atoms, *rest)

        monkeypatch.setattr(module, "measure", watched)

    measure_until(killed=8)
    with pytest.raises(KeyboardInterrupt):
        bench(tiny_model, **options)
    measure_until(killed=None)
    result = bench(tiny_model, resume=True, **options)
    assert measured == [4, 8] == [row.num_atoms for row in result.rows]
    again = bench(tiny_model, resume=True, **options)
    assert measured == [4, 8] and again.rows == result.rows
    monkeypatch.setattr(module, "device_name", lambda device: "another machine")
    with pytest.raises(InputError, match="machine was"):
        bench(tiny_model, resume=True, **options)
    (tmp_path / "out" / "parts.json").write_text("{")
    monkeypatch.undo()
    with pytest.raises(InputError, match="parts.json is damaged"):
        bench(tiny_model, resume=True, **options)
