"""A page holds what it was given, all of it as text, and needs nothing from anywhere."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from math import nan

import numpy as np
import pytest
from ase.build import molecule

from equical.errors import InputError
from equical.files import file_sha256
from equical.html import Column, Fact, Image, Link, Page, Structure, Table, page_as_html, write_page

HOSTILE = '</script></title><script>alert(1)</script><img src=x onerror="alert(2)"> \'"&amp;\x00\u2028'


class Reader(HTMLParser):
    """Tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        self.text += "" if self._silent else data


def table(*rows, links=(), columns=("name", "value")):
    return Table("Values", [Column(name) for name in columns], rows, links)


def test_what_it_was_given_is_there():
    page = Page(
        "Water",
        "by hand",
        False,
        "not converged",
        facts=[Fact("energy", -14.2212345678, "eV"), Fact("count", 3), Fact("none", None, "eV"), Fact("whole", True)],
        warnings=["it is wet"],
        tables=[Table("Values", [Column("name"), Column("angle", "°", 1)], [("HOH", 104.479), ("none", nan)])],
        images=[Image("a picture", b"\x89PNG")],
        footer=["from the sea"],
    )
    read = Reader(page_as_html(page))
    given = "Water|by hand|not converged|−14.2212|eV|3|yes|it is wet|104.5|from the sea"
    assert [text for text in given.split("|") if text not in read.text] == []
    assert "data:image/png;base64,iVBORw==" in [about.get("src") for tag, about in read.tags if tag == "img"]
    assert "104.479" in [about.get("data-value") for tag, about in read.tags if tag == "td"]  # sorted as it is
    assert not any(about.get("id") == "viewer" for _, about in read.tags)  # nothing to see


def test_nothing_of_the_user_is_more_than_text(tmp_path):
    atoms = molecule("H2O")
    atoms.info = {HOSTILE: HOSTILE}
    page = Page(
        *(HOSTILE, HOSTILE, True, HOSTILE),
        facts=[Fact(HOSTILE, HOSTILE, HOSTILE, link=HOSTILE, note=HOSTILE)],
        warnings=[HOSTILE],
        tables=[Table(HOSTILE, [Column(HOSTILE, HOSTILE, note=HOSTILE)], [(HOSTILE,)], [HOSTILE])],
        images=[Image(HOSTILE, b"")],
        structures=[Structure(HOSTILE, atoms, HOSTILE, [HOSTILE])],
        footer=[HOSTILE, "\ud800"],
    )
    plain = Page(
        *("x", "x", True, "x"),
        facts=[Fact("x", "x", "x", link="x", note="x")],
        warnings=["x"],
        tables=[Table("x", [Column("x", "x", note="x")], [("x",)], ["x"])],
        images=[Image("x", b"")],
        structures=[Structure("x", atoms, "x", ["x"])],
        footer=["x", "x"],
    )
    read, same = (Reader(write_page(one, tmp_path / "page.html").read_text("utf-8")) for one in (page, plain))
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in same.tags]
    assert [list(about) for _, about in read.tags] == [list(about) for _, about in same.tags]
    assert read.text.count("<script>alert(1)</script>") > 8


def test_nothing_is_fetched_and_only_own_scripts_run():
    page = page_as_html(Page("x", structures=[Structure("water", molecule("H2O"))]))
    read = Reader(page)
    assert not any(set(about) & {"src", "href", "srcset", "style", "onclick"} for _, about in read.tags)
    policy = next(about["content"] for tag, about in read.tags if "http-equiv" in about)
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert re.search("script-src [^;]*", policy)[0].count("sha256-") == 3
    assert "unsafe-inline" not in re.search("script-src [^;]*", policy)[0]
    assert not re.search("@import|url\\(", files("equical.html").joinpath("page.css").read_text())


def test_the_viewer_is_the_release_that_is_named():
    vendor = files("equical.html").joinpath("vendor")
    assert file_sha256(vendor.joinpath("3Dmol-min.js")) in vendor.joinpath("README.md").read_text("utf-8")
    script = vendor.joinpath("3Dmol-min.js").read_text("utf-8")
    assert not re.search("</script|<!--|\r", script, re.IGNORECASE)  # what would end it within a page
    licences = Reader(page_as_html(Page("x", structures=[Structure("water", molecule("H2O"))]))).text
    assert "University of Pittsburgh" in licences and "Redistributions in binary form" in licences


def test_links_lead_from_rows_and_facts_to_structures():
    structures = [Structure("a", molecule("H2O")), Structure("b", [molecule("CH4")] * 3)]
    rows = table(("one", 1), ("two", 2), ("three", 3), links=["a", Link("b", 2), None])
    page = page_as_html(Page("x", facts=[Fact("best", "b", link="b")], tables=[rows], structures=structures))
    tags = Reader(page).tags
    assert [about["href"][-3:] for tag, about in tags if tag == "a"] == ["1.0", "0.0", "1.2"]
    assert [about.get("data-show") for tag, about in tags if tag == "tr"][2:] == ["0.0", "1.2", None]


def test_only_columns_of_numbers_are_numbers():
    page = Page("x", tables=[table((None, "1", 2), (np.float64(3), 2, True), columns=("a", "b", "c"))])
    heads = [about["class"] for tag, about in Reader(page_as_html(page)).tags if tag == "th"]
    assert heads == ["number", "text", "text"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"structures": [Structure("a", molecule("H2")), Structure("a", molecule("O2"))]}, "several called 'a'"),
        ({"structures": [Structure("a", [])]}, "'a' needs frames"),
        ({"structures": [Structure("a", molecule("H2"), labels=["1", "2"])]}, "labels for all"),
        ({"facts": [Fact("best", "b", link="b")]}, "no frame 0 of a structure 'b'"),
        ({"structures": [Structure("a", molecule("H2"))], "facts": [Fact("x", 1, link=Link("a", 1))]}, "no frame 1"),
        ({"tables": [table(("a",))]}, "'Values' needs 2 values in each row"),
        ({"tables": [table(("a", 1), links=[None, None])]}, "'Values' needs a link"),
    ],
)
def test_what_does_not_fit_together_is_refused(contents, message):
    with pytest.raises(InputError, match=message):
        Page("x", **contents)
