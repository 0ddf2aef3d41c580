"""Results kept on disk are read back to the last bit where everything is the same, and only there."""

from contextlib import contextmanager

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from equical.errors import InputError
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.settings import Settings


@contextmanager
def opened(folder, calculator=None, settings=None, resume=False):
    """Evaluations of a run that has begun."""
    with RunFolder(folder, ["*.npz"], resume=resume, overwrite=folder is not None and not resume) as run:
        run.begin("work", Settings(), EMT(), None)
        yield Evaluations(run, "points", calculator or EMT(), settings or {})


class Work:
    """Counts how often it is done."""

    def __init__(self):
        self.count = 0

    def __call__(self, atoms):
        self.count += 1
        return {"forces": atoms.positions / 3, "energy": -1 / 3, "converged": True}


@pytest.fixture
def copper():
    return bulk("Cu", cubic=True)


def test_a_result_is_calculated_once_and_read_back_to_the_last_bit(copper, tmp_path):
    work = Work()
    for _ in range(2):
        with opened(tmp_path, settings={"fmax": 0.1}, resume=True) as store:
            found = store.get("0001", copper, work)
    assert (work.count, store.reused) == (1, 1)
    np.testing.assert_array_equal(found["forces"], copper.positions / 3)
    assert found["energy"] == -1 / 3 and found["converged"]
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["0001.npz"]


def test_nothing_is_read_unless_resumed_and_nothing_written_without_a_folder(copper, tmp_path):
    work = Work()
    for folder in (tmp_path, tmp_path, None, None):
        with opened(folder) as store:
            store.get("0001", copper, work)
    assert work.count == 4


def test_half_a_file_is_calculated_again(copper, tmp_path):
    work = Work()
    with opened(tmp_path) as store:
        store.get("0001", copper, work)
    path = tmp_path / "points" / "0001.npz"
    for content in (b"", path.read_bytes()[:100], b"no archive"):
        path.write_bytes(content)
        with opened(tmp_path, resume=True) as store:
            store.get("0001", copper, work)
    assert work.count == 4


def moved(atoms):
    atoms = atoms.copy()
    atoms.positions[0, 0] += 1e-15
    return atoms


def other_element(atoms):
    atoms = atoms.copy()
    atoms.symbols[0] = "Ag"
    return atoms


class Another(LennardJones):
    pass


@pytest.mark.parametrize(
    ("change", "calculator", "settings"),
    [
        (lambda atoms: atoms, Another(), {"fmax": 0.1}),
        (moved, LennardJones(), {"fmax": 0.1}),
        (other_element, LennardJones(), {"fmax": 0.1}),
        (lambda atoms: atoms, EMT(), {"fmax": 0.1}),
        (lambda atoms: atoms, LennardJones(epsilon=1.1), {"fmax": 0.1}),
        (lambda atoms: atoms, LennardJones(), {"fmax": 0.2}),
    ],
)
def test_results_of_something_else_are_refused(change, calculator, settings, copper, tmp_path):
    with opened(tmp_path, LennardJones(), {"fmax": 0.1}) as store:
        store.get("0001", copper, Work())
    with (
        pytest.raises(InputError, match=r"0001\.npz belongs to another structure, model or setting"),
        opened(tmp_path, calculator, settings, resume=True) as store,
    ):
        store.get("0001", change(copper), Work())


def test_the_device_does_not_count(copper, tmp_path):
    work = Work()
    for device in ("cpu", "cuda:0"):
        calculator = EMT()
        calculator.parameters["device"] = device
        with opened(tmp_path, calculator, resume=True) as store:
            store.get("0001", copper, work)
    assert work.count == 1


def test_what_is_calculated_before_the_run_begins_is_written_when_it_has(copper, tmp_path):
    with RunFolder(tmp_path / "out", ["points/*.npz"]) as run:
        store = Evaluations(run, "points", EMT())
        store.get("first", copper, Work())
        assert not (tmp_path / "out" / "points").exists()
        run.begin("work", Settings(), EMT(), copper)
        store.get("second", copper, Work())
    assert sorted(path.stem for path in (tmp_path / "out" / "points").iterdir()) == ["first", "second"]
    with pytest.raises(InputError, match="no"), RunFolder(tmp_path / "refused", []) as run:
        Evaluations(run, "points", EMT()).get("first", copper, Work())
        raise InputError("no")
    assert not (tmp_path / "refused").exists()


def test_what_was_calculated_before_the_run_had_begun_can_be_written_at_once(copper, tmp_path):
    with RunFolder(tmp_path, ["*.npz"]) as run:
        store = Evaluations(run, "points", EMT())
        store.get("0001", copper, Work())
        assert not (tmp_path / "points").exists()
        run.begin("work", Settings(), EMT(), None)
        store.write()
        assert (tmp_path / "points" / "0001.npz").exists()


def test_many_are_calculated_several_at_a_time_and_only_those_that_are_missing(copper, tmp_path, monkeypatch):
    monkeypatch.setattr("equical.workflows.common.evaluations.AT_ONCE", 3)
    named = {f"{i}": copper * (1, 1, i) for i in (1, 2, 3, 4, 5, 6)}
    sizes = []

    def work(images):
        sizes.append([len(image) // 4 for image in images])
        return [{"number": len(image)} for image in images]

    with opened(tmp_path) as store:
        store.get("4", named["4"], lambda atoms: {"number": len(atoms)})
        assert next(store.get_all({"2": named["2"]}, work))["number"] == 8
    with opened(tmp_path, resume=True) as store:
        found = [int(one["number"]) for one in store.get_all(named, work)]
    assert found == [4, 8, 12, 16, 20, 24]
    assert sizes == [[2], [1, 3, 5], [6]] and store.reused == 2
