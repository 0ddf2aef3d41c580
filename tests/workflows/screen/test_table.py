"""Tables of what to screen, as people write them."""

import pytest
from ase import Atoms

from equical.errors import InputError
from equical.workflows.screen.table import read_table

CSV = """\
# alloys and their elements
bulk,     facets,         adsorbates, size, layers

Pt; Cu,   1 1 1; 1 0 0,   O OH,       2x2,  4
Pt3Ni,    "(1 1 -1)",     "CO; H",    ,
Ru,       0001,           N,          ,     five
Au,       11,             O,          2,
Ag,       111,            O,          1x1,  4,  5
"""

YAML = """\
# the same
- bulk: [Pt, Cu]
  facets: [[1, 1, 1], [1, 0, 0]]
  adsorbates: [O, OH]
  size: [2, 2]
  layers: 4
- {bulk: Pt3Ni, facets: 1 1 -1, adsorbates: [CO, H]}

- bulk: Ru
  facets: "0001"
  adsorbates: N
- just text
"""


@pytest.fixture
def lines(tmp_path):
    """Lines of a table that is written to a file."""

    def read(text, name="table.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_table(tmp_path / name)

    return read


def test_lines_of_a_csv_are_numbered_as_in_an_editor(lines):
    first, second, third, *_ = found = lines(CSV)
    assert [line.where for line in found] == [f"line {number}" for number in (4, 5, 6, 7, 8)]
    assert (first.several("bulk"), first.several("adsorbates", spaced=True)) == (["Pt", "Cu"], ["O", "OH"])
    assert (first.facets(), first.size(), first.whole("layers")) == ([(1, 1, 1), (1, 0, 0)], (2, 2), 4)
    assert (second.facets(), second.several("adsorbates", spaced=True)) == ([(1, 1, -1)], ["CO", "H"])
    assert (second.size(), second.whole("layers"), second.truth("keep_bulk")) == ((3, 3), None, False)
    assert third.facets() == [(0, 0, 0, 1)]


def test_what_is_wrong_with_a_cell_is_told(lines):
    *_, third, fourth, fifth = lines(CSV)
    for wrong, message in [
        (lambda: third.whole("layers"), "layers must be a whole number, not 'five'"),
        (fourth.facets, "a facet has three or four Miller indices, such as 1 1 1, not '11'"),
        (fourth.size, "size must be such as 3x3, not '2'"),
        (fifth.check, "it has 6 cells, and the header 5; several values of a cell stand between ;"),
    ]:
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            wrong()


def test_yaml_says_the_same(lines):
    first, second, third, fourth = lines(YAML, "table.yaml")
    of_csv = lines(CSV)
    for line, other in [(first, of_csv[0]), (second, of_csv[1]), (third, of_csv[2])]:
        assert [line.several("bulk"), line.facets()] == [other.several("bulk"), other.facets()]
        assert line.several("adsorbates", spaced=True) == other.several("adsorbates", spaced=True)
    assert (first.size(), first.whole("layers")) == ((2, 2), 4)
    assert [line.where for line in (first, second, third, fourth)] == ["line 2", "line 7", "line 9", "line 12"]
    with pytest.raises(InputError, match="it is 'just text', and no mapping"):
        fourth.check()


def test_mappings_may_hold_structures():
    slab = Atoms("Pt")
    line = read_table([{"slab": slab, "adsorbates": ["O"], "freeze": None}])[0]
    assert line.where == "entry 1"
    assert line.several("slab")[0] is slab or line.path_or_name(line.several("slab")[0]) is slab
    assert line.whole("freeze") is None


def test_files_lie_beside_the_table(lines, tmp_path):
    (tmp_path / "my slab.cif").touch()
    line = lines("slab,adsorbates\nmy slab.cif; none.cif,O\n")[0]
    assert [line.path_or_name(value) for value in line.several("slab")] == [tmp_path / "my slab.cif", "none.cif"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "bulk,facet,adsorbates\nPt,111,O\n",
            "t.csv",
            "has a column 'facet': its first line names columns",
        ),
        ("bulk,adsorbates\n", "t.csv", "has no lines that say what to screen"),
        ("", "t.csv", "has no lines"),
        ("bulk: Pt\n", "t.yaml", "must be a list"),
        ("- {bulk: Pt\n", "t.yaml", "is not readable as YAML"),
    ],
)
def test_a_table_that_is_wrong_as_a_whole(lines, text, name, message):
    with pytest.raises(InputError, match=message):
        lines(text, name)


def test_no_table(tmp_path):
    with pytest.raises(InputError, match="cannot read the table .*none.csv: No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="give a table as a file, or as a list of mappings"):
        read_table([])
