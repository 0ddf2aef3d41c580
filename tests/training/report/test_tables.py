"""Tables that are cut off, widened and damaged."""

import pytest

from equical import InputError
from equical.training.report.tables import CsvTable, read_table


@pytest.fixture
def table(tmp_path):
    """Three rows, the last of which has a column more."""
    table = CsvTable(tmp_path / "training.csv")
    for step in (1, 2):
        table.add({"step": step, "loss": 0.5 / step})
    table.add({"step": 3, "loss": 0.1, "stress": 2.0})
    return table


def test_rows_come_back_as_they_were(table):
    assert read_table(table.path) == [
        {"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"step": 3, "loss": 0.1, "stress": 2.0},
    ]  # fmt: skip


def test_rows_after_the_state_are_forgotten(table):
    again = CsvTable(table.path, until=2)
    again.add({"step": 3, "loss": 0.2})
    assert [row["step"] for row in read_table(table.path)] == [1, 2, 3]
    assert read_table(table.path)[-1] == {"step": 3, "loss": 0.2}


def test_a_torn_row_is_left_out(table):
    table.path.write_text(table.path.read_text()[:-3])
    assert [row["step"] for row in read_table(table.path)] == [1, 2]
    CsvTable(table.path, until=3).add({"step": 3, "loss": 0.2})
    assert [row["step"] for row in read_table(table.path)] == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "ste"])
def test_a_file_without_a_row_is_no_table_yet(tmp_path, text):
    path = tmp_path / "training.csv"
    path.write_text(text)
    assert read_table(path) == []
    CsvTable(path, until=3).add({"step": 1, "loss": 0.2})
    assert read_table(path) == [{"step": 1, "loss": 0.2}]


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"l"])
def test_a_damaged_table_is_named(table, damage):
    table.path.write_bytes(table.path.read_bytes().replace(b"s", damage))
    for use in (read_table, lambda path: CsvTable(path, until=3)):
        with pytest.raises(InputError, match=r"training.csv is damaged; remove it, and the run goes on"):
            use(table.path)
