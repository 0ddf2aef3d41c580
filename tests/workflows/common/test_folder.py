"""A run's folder is never overwritten unasked, belongs to one process, and goes on with the same run only."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.mixing import LinearCombinationCalculator

from equical.errors import InputError
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.result import Result
from equical.workflows.common.settings import Settings


@dataclass(frozen=True)
class Scan(Settings):
    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"steps"})

    width: float = 0.1
    steps: int = 5


@dataclass(frozen=True, kw_only=True)
class ScanResult(Result):
    energy: float
    UNITS: ClassVar = {"energy": "eV", "absent": "Å"}

    def numbers(self):
        return {"energy": self.energy, "shape": np.eye(2)}


LEAVES = ["points/*.npz", "scan.png"]


def begin(folder, settings=None, calculator=None, atoms=None):
    calculator, atoms = calculator or EMT(), atoms or bulk("Cu", cubic=True)
    folder.begin("scan", settings or Scan(), calculator, atoms)


def test_an_occupied_folder_is_refused_unless_asked(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty.*--overwrite"), RunFolder(tmp_path, LEAVES):
        pass
    for options in ({"resume": True}, {"overwrite": True}):
        with RunFolder(tmp_path, LEAVES, **options) as folder:
            begin(folder)
    assert (tmp_path / "notes.txt").exists()


def test_what_is_overwritten_goes_when_the_input_is_accepted_and_not_before(tmp_path):
    for name in ("result.json", "points/0.npz", "points/mine.txt", "scan.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="no"), RunFolder(tmp_path, LEAVES, overwrite=True):
        raise InputError("no")
    assert sorted(tmp_path.rglob("*")) == before
    with RunFolder(tmp_path, LEAVES, overwrite=True) as folder:
        begin(folder)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"points", "points/mine.txt", "notes.txt", "run.json"}


def test_a_run_without_a_record_of_what_it_is_overwrites_too(tmp_path):
    for name in ("result.json", "scan.png", "notes.txt"):
        (tmp_path / name).write_text("")
    with RunFolder(tmp_path, LEAVES, overwrite=True) as folder:
        assert (tmp_path / "scan.png").exists()
        folder.accept()
        folder.finish(ScanResult(converged=True, energy=1.0), None)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "result.json"}
    assert "model" not in json.loads((tmp_path / "result.json").read_text())


def test_a_refused_run_leaves_no_folder(tmp_path):
    with pytest.raises(InputError, match="no"), RunFolder(tmp_path / "a" / "b", LEAVES):
        raise InputError("no")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="no"), RunFolder(tmp_path / "mine", LEAVES):
        raise InputError("no")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for output, message in [
        (tmp_path / "file", "is a file; give a folder"),
        (tmp_path / "file" / "below", "cannot write to output folder"),
        ("/proc/equical", "cannot write to output folder"),
    ]:
        with pytest.raises(InputError, match=message), RunFolder(output, LEAVES):
            pass
    with pytest.raises(InputError, match="give one of the two"):
        RunFolder(tmp_path, LEAVES, resume=True, overwrite=True)
    with pytest.raises(InputError, match="give the output folder"):
        RunFolder(None, LEAVES, resume=True)


def test_without_a_folder_nothing_is_kept():
    with RunFolder(None, LEAVES) as folder:
        assert not folder
        begin(folder)
        folder.finish(ScanResult(converged=True, energy=1.0), EMT())


def test_the_result_names_units_warnings_and_versions(tmp_path):
    with RunFolder(tmp_path, LEAVES) as folder:
        begin(folder)
        folder.finish(ScanResult(converged=False, energy=1.5, warnings=("thin",), wall_time=2.0), EMT(), seed=4)
    data = json.loads((tmp_path / "result.json").read_text())
    assert (data["converged"], data["energy"], data["shape"]) == (False, 1.5, [[1, 0], [0, 1]])
    assert (data["warnings"], data["wall_time_s"], data["seed"]) == (["thin"], 2.0, 4)
    assert data["units"] == {"energy": "eV", "wall_time_s": "s"}
    assert data["model"] == {"calculator": "EMT"} and "torch" in data["versions"]


def test_a_run_goes_on_with_the_same_input_only(tmp_path):
    with RunFolder(tmp_path, LEAVES) as folder:
        begin(folder)
    moved = bulk("Cu", cubic=True)
    moved.positions[0, 0] += 0.01
    for options, message in [
        ({"atoms": moved}, "began with another structure"),
        ({"settings": Scan(width=0.2)}, "width was 0.1"),
        ({"calculator": LennardJones()}, "model was EMT"),
        ({"calculator": EMT(asap_cutoff=True)}, "parameters were"),
    ]:
        with pytest.raises(InputError, match=message), RunFolder(tmp_path, LEAVES, resume=True) as folder:
            begin(folder, **options)
    with RunFolder(tmp_path, LEAVES, resume=True) as folder:
        begin(folder, Scan(steps=50))
    with pytest.raises(InputError, match="a run of scan"), RunFolder(tmp_path, LEAVES, resume=True) as folder:
        folder.begin("relax", Scan(), EMT(), bulk("Cu", cubic=True))


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"workflow": "scan"', b"\xff\xfe"])
def test_a_damaged_record_of_the_run_is_named(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json is damaged"), RunFolder(tmp_path, LEAVES, resume=True) as folder:
        begin(folder)


def mixture(*weights):
    return LinearCombinationCalculator([EMT(), EMT()], list(weights))


def test_calculators_that_say_nothing_of_themselves_must_compute_the_same(tmp_path):
    with RunFolder(tmp_path, LEAVES) as folder:
        begin(folder, calculator=mixture(0.25, 0.75))
    with RunFolder(tmp_path, LEAVES, resume=True) as folder:
        begin(folder, calculator=mixture(0.75, 0.25))  # the same in another order
    with (
        pytest.raises(InputError, match="computes other numbers"),
        RunFolder(tmp_path, LEAVES, resume=True) as folder,
    ):
        begin(folder, calculator=mixture(0.75, 0.5))


HOLD = """
import sys, time
from equical.workflows.common.folder import RunFolder
with RunFolder(sys.argv[1], [], resume=True) as folder:
    print("in", flush=True)
    time.sleep(60)
"""


def test_two_processes_do_not_share_a_folder(tmp_path):
    (tmp_path / ".run.1.tmp.json").write_text("half")
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "in\n"
        for options in ({}, {"resume": True}, {"overwrite": True}):
            message = f"in use by process {other.pid} on "
            with pytest.raises(InputError, match=message), RunFolder(tmp_path, LEAVES, **options):
                pass
        other.kill()
    assert (tmp_path / ".lock").exists()  # and means nothing, now that its process is gone
    with RunFolder(tmp_path, LEAVES) as folder:
        begin(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_what_killed_runs_left_is_removed(tmp_path):
    for name in (".run.7.tmp.json", "points/.0001.77.tmp.npz", ".model.9.new/weights", ".mine", "run.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    with RunFolder(tmp_path, LEAVES, resume=True):
        pass
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {".mine", "run.json"}
