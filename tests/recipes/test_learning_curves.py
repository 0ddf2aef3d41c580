"""The script of the learning curves, with a handful of frames."""

import importlib.util
import json
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

SCRIPT = Path(__file__).parents[2] / "examples" / "recipes" / "learning_curves" / "curves.py"


@pytest.fixture
def curves(monkeypatch):
    spec = importlib.util.spec_from_file_location("curves", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ATOMS", 100)
    return module


@pytest.fixture
def frames(tmp_path):
    images = []
    for seed in range(14):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = SinglePointCalculator(atoms, **{k: EMT().get_property(k, atoms) for k in ("energy", "forces")})
        images.append(atoms)
    write(tmp_path / "frames.extxyz", images)
    return tmp_path / "frames.extxyz"


def test_no_training_sees_a_test_frame_and_larger_sets_hold_the_smaller(curves, frames):
    training, test = curves.divided(frames, 4, seed=0)
    everything = {atoms.positions.tobytes() for atoms in read(frames, index=":")}
    parts = [{atoms.positions.tobytes() for atoms in part} for part in (training, test)]
    assert parts[0] | parts[1] == everything
    assert not parts[0] & parts[1]
    assert len(test) == 4


def test_passes_are_as_many_as_the_atoms_allow(curves):
    assert curves.passes([bulk("Cu", cubic=True)]) == 25
    assert curves.passes([bulk("Cu")]) == 100
    assert curves.passes([bulk("Cu", cubic=True) * 4]) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # of few frames, and of no progress in a pass or two
def test_both_ways_are_tested_on_the_same_frames_and_once(curves, frames, tmp_path, capsys, monkeypatch):
    command = [
        "emt",
        str(frames),
        "--frames",
        "6",
        "--test",
        "4",
        "--model",
        "metals-pbe",
        "--output",
        str(tmp_path / "c"),
    ]
    curves.main(command)
    rows = [json.loads(path.read_text()) for path in sorted((tmp_path / "c").glob("*.json"))]
    assert [(row["way"], row["test_frames"], row["passes"]) for row in rows] == [
        ("adapted", 4, 4),
        ("from-scratch", 4, 4),
    ]
    monkeypatch.setattr(curves, "WAYS", dict.fromkeys(curves.WAYS))
    curves.main(command)
    capsys.readouterr()
    curves.main(["table", str(tmp_path / "c")])
    assert len(capsys.readouterr().out.splitlines()) == 3
