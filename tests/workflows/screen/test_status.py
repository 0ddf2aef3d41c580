"""How far a screening is."""

import pytest
from ase import Atoms

from equical.errors import InputError
from equical.workflows.screen import export_screen, screen_status
from equical.workflows.screen.status import expected
from equical.workflows.screen.store import DATABASE, Row, Store


def placed(pair, number, status="open", **values):
    named = {"surface": "Pt", "adsorbate": "H", "configuration": f"top-{number}"} | values
    return Row(f"{pair} top-{number}", "adsorption", Atoms("H"), status, named, pair)


def test_what_is_to_come_is_estimated_from_what_is_known():
    slab = Row("slab-1", "slab", Atoms("Pt"), "done", {"surface": "Pt"})
    assert expected([], surfaces=2, pairs=3) == 2 + 3
    assert expected([slab], surfaces=2, pairs=3) == 1 + 1 + 3
    rows = [slab, *(placed("pair-1", number) for number in range(4))]
    assert expected(rows, surfaces=2, pairs=3) == 5 + 1 + 2 * 4
    assert expected(rows, surfaces=1, pairs=1) == 5


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / DATABASE, {"fmax": 0.1})
    made.remember(surfaces=0, pairs=1)
    return made


def test_status_is_told_while_another_process_writes(store, tmp_path):
    store.write(*(placed("pair-1", number) for number in range(3)))
    status = screen_status(tmp_path)
    assert (status.ended, status.expected, status.per_hour, status.seconds_since) == (0, 3, None, None)
    store.write(placed("pair-1", 0, "failed", reason="3", seconds=1.0))
    store.write(placed("pair-1", 1, "done", seconds=1.0))
    status = screen_status(tmp_path)
    assert status.counts["adsorption"] == {"open": 1, "done": 1, "failed": 1}
    assert status.ended == 2 and status.per_hour > 0 and status.seconds_left > 0
    assert [(failure.name, failure.reason) for failure in status.failures] == [("H on Pt, top-0", "3:")]


def test_rows_are_all_there_or_none(store, tmp_path):
    with pytest.raises(ValueError, match="Bad value"):
        store.write(placed("pair-1", 0), placed("pair-1", 1, wrong=object()))
    assert not store.rows and not Store(tmp_path / DATABASE, {"fmax": 0.1}).rows


def test_there_is_something_to_export(store, tmp_path):
    store.write(placed("pair-1", 0))
    with pytest.raises(InputError, match="has no relaxed configurations yet"):
        export_screen(tmp_path, "extxyz")
    with pytest.raises(InputError, match="exported as csv or extxyz, not as 'xlsx'"):
        export_screen(tmp_path, "xlsx")
    assert export_screen(tmp_path, "csv").read_text().count("\n") == 1


def test_a_database_that_is_being_made_is_left_alone(tmp_path):
    """Its maker creates tables one after the other, and would stumble over ours."""
    (tmp_path / DATABASE).touch()
    with pytest.raises(InputError, match="no database of a screening"):
        screen_status(tmp_path)
    assert (tmp_path / DATABASE).stat().st_size == 0
