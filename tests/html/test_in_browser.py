"""What a reader does with a page: sorts, filters, follows a link, looks at structures. Skipped without a Chromium."""

import io

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule
from matplotlib.image import imread

from equical.html import Column, Fact, Link, Page, Structure, Table, write_page
from tests.browser import Browser, find_browser
from tests.html.test_page import HOSTILE

pytestmark = pytest.mark.skipif(find_browser() is None, reason="needs a Chromium")


COLUMNS = [Column("name"), Column("energy", "eV", 2), Column("remarks")]
ROWS = [("slab", -1.5, ""), ("water", -14.251, "turned"), (HOSTILE, 10.0, "desorbed"), ("none", None, "migrated")]


def example():
    slab, salt, water = fcc111("Pt", (2, 2, 3), vacuum=6), bulk("NaCl", "rocksalt", 5), molecule("H2O")
    turning = [water.copy() for _ in range(4)]
    for number, frame in enumerate(turning):
        frame.rotate(90 * number, "z")
    rows = [*ROWS[:2], *((f"row {number}", None, "") for number in range(60)), ROWS[2]]
    return Page(
        "Example",
        facts=[Fact("best", "water", link=Link("water", 2))],
        tables=[Table("All", COLUMNS, rows, ["slab", Link("water", 1), *60 * [None], "salt"])],
        structures=[Structure("slab", slab), Structure("water", turning), Structure("salt", salt)],
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One for all tests: it takes seconds to begin, and as long again to open a page with a viewer."""
    opened = Browser(tmp_path_factory.mktemp("profile"), size=(1000, 640))
    yield opened
    opened.close()


@pytest.fixture
def table(browser, tmp_path):
    """A page with nothing but its table."""
    path = write_page(Page("x", tables=[Table("All", COLUMNS, ROWS)]), tmp_path / "table.html")
    browser.open(path)
    yield browser
    assert (browser.errors, browser.requests) == ([], [path.as_uri()])


@pytest.fixture(scope="module")
def example_page(tmp_path_factory):
    return write_page(example(), tmp_path_factory.mktemp("pages") / "page.html")


@pytest.fixture
def page(browser, example_page):
    """A page with everything, at its first structure."""
    if not browser.run("location.href").startswith(example_page.as_uri()):
        browser.open(example_page)
    browser.run("location.hash = 'structure-0.0'")
    browser.wait_for("document.getElementById('about').textContent.startsWith('Pt12')")
    yield browser
    assert (browser.errors, browser.requests) == ([], [example_page.as_uri()])  # itself, and nothing else


def names(page):
    """First cells of the rows to be seen, from above."""
    return page.run("[...document.querySelectorAll('tbody tr:not([hidden])')].map(row => row.cells[0].textContent)")


def type_into(page, column, text):
    script = """(() => {
        const input = document.querySelectorAll('.filters input')[%d];
        input.value = %r;
        input.dispatchEvent(new Event('input'));
    })()"""
    page.run(script % (column, text))


def colours(page):
    """Share of the canvas that is not background, and its pixels: ``[H, W, 3]`` of numbers from 0 to 1."""
    pixels = imread(io.BytesIO(page.picture("#canvas")), format="png")[..., :3]
    return float((pixels.min(axis=2) < 0.9).mean()), pixels


def test_rows_are_sorted_by_any_column_with_missing_values_last(table):
    heads = "document.querySelectorAll('th button')[%d].click()"
    table.run(heads % 1)
    assert [name[:5] for name in names(table)] == ["water", "slab", HOSTILE[:5], "none"]
    table.run(heads % 1)
    assert [name[:5] for name in names(table)] == [HOSTILE[:5], "slab", "water", "none"]
    table.run(heads % 0)
    assert [name[:5] for name in names(table)] == [HOSTILE[:5], "none", "slab", "water"]
    assert table.run("document.querySelector('th').getAttribute('aria-sort')") == "ascending"


@pytest.mark.parametrize(
    ("column", "typed", "left"),
    [
        (1, "<0", ["slab", "water"]),
        (1, "< -14.2505", ["water"]),  # the number, not what is shown of it
        (1, "-2..20", ["slab", HOSTILE[:5]]),
        (1, "=10", [HOSTILE[:5]]),
        (1, "−14", ["water"]),
        (1, "<", ["slab", "water", HOSTILE[:5], "none"]),  # not finished yet
        (0, "WAT", ["water"]),
        (2, "!de", ["slab", "water", "none"]),
        (2, "!", ["slab", "water", HOSTILE[:5], "none"]),
    ],
)
def test_rows_are_filtered(table, column, typed, left):
    type_into(table, column, typed)
    assert [name[:5] for name in names(table)] == left
    count = "4 rows" if len(left) == 4 else f"{len(left)} of 4 rows"
    assert table.run("document.querySelector('.count').textContent") == count


def test_filters_of_several_columns_hold_together(table):
    type_into(table, 1, "<0")
    type_into(table, 2, "turned")
    assert names(table) == ["water"]
    type_into(table, 1, "")
    type_into(table, 2, "")
    assert len(names(table)) == 4


def test_structures_are_drawn_in_the_colours_of_their_elements(page):
    share, _ = colours(page)
    assert share > 0.1
    page.run("document.querySelector('tbody tr:last-child').click()")
    page.wait_for("document.getElementById('structure').value === '2'")
    _, pixels = colours(page)
    green = (pixels[..., 1] > 1.3 * pixels[..., 0]) & (pixels[..., 1] > 1.3 * pixels[..., 2])
    violet = (pixels[..., 2] > 1.2 * pixels[..., 1]) & (pixels[..., 0] > 1.1 * pixels[..., 1])
    assert green.mean() > 0.003  # chlorine
    assert violet.mean() > 0.1  # sodium, at all corners of its cell


def test_rows_and_structures_show_each_other(page):
    shown = "[...document.querySelectorAll('tr.shown')].map(row => row.cells[0].textContent)"
    assert page.run(shown) == ["slab"]
    page.run("document.querySelectorAll('tbody a')[1].click()")
    page.wait_for("document.getElementById('structure').value === '1'")
    assert page.run("document.getElementById('label').textContent") == "2 of 4"
    assert page.run(shown) == ["water"]
    page.run("document.getElementById('next').click()")
    page.wait_for("document.getElementById('structure').value === '2'")
    assert [text[:5] for text in page.run(shown)] == [HOSTILE[:5]]
    assert page.run("document.querySelector('.scroll').scrollTop") > 100  # to where the row is
    page.run("document.querySelector('.facts a').click()")
    page.wait_for("document.getElementById('label').textContent === '3 of 4'")
    assert page.run("document.getElementById('about').textContent").startswith("H2O · 3 atoms")
    assert page.run("document.querySelector('.scroll').scrollTop") < 100


def test_frames_are_played(page):
    page.run("location.hash = 'structure-1.0'")
    page.wait_for("document.getElementById('label').textContent === '1 of 4'")
    _, before = colours(page)
    page.run("document.getElementById('play').click()")
    page.wait_for("document.getElementById('label').textContent === '4 of 4'")
    page.wait_for("document.getElementById('play').title === 'Play'")  # it stops at the end
    _, after = colours(page)
    assert not np.array_equal(before, after)


def test_the_cell_is_repeated_and_looked_at_from_where_one_wants(page):
    pictures = [colours(page)[1]]
    for script in (
        "document.querySelector('[data-view=c]').click()",
        "document.querySelector('[data-view=a]').click()",
        "const s = document.getElementById('repeat'); s.value = 3; s.dispatchEvent(new Event('change'))",
        "const s = document.getElementById('style'); s.value = 'balls'; s.dispatchEvent(new Event('change'))",
    ):
        page.run(f"(() => {{ {script} }})()")
        share, pixels = colours(page)
        assert share > 0.05
        assert not any(np.array_equal(pixels, earlier) for earlier in pictures)
        pictures.append(pixels)
    options = "[...document.getElementById('repeat').options].map(option => option.text)"
    assert page.run(options) == ["1 × 1 × 1", "2 × 2 × 1", "3 × 3 × 1"]


def test_atoms_are_named_and_measured(page):
    """Of water seen along z, hydrogen atoms lie to both sides of oxygen."""
    page.run("location.hash = 'structure-1.0'")
    page.wait_for("document.getElementById('structure').value === '1'")
    page.run("document.querySelector('[data-view=a]').click()")
    _, pixels = colours(page)
    box = page.run("(({x, y}) => [x, y])(document.getElementById('canvas').getBoundingClientRect())")
    red = np.argwhere(pixels[..., 0] > 2 * pixels[..., 1])
    grey = np.argwhere((np.ptp(pixels, axis=2) < 0.1) & (pixels.max(axis=2) < 0.9))
    middle = red.mean(axis=0)
    for row, column in (grey[grey[:, 1] < middle[1]].mean(axis=0), middle, grey[grey[:, 1] > middle[1]].mean(axis=0)):
        page.click(box[0] + column, box[1] + row)
    picked = "document.getElementById('picked').textContent"
    page.wait_for(f"{picked}.includes('°')")
    assert "0.969 Å" in page.run(picked) and "104.00°" in page.run(picked)


def test_without_webgl_the_rest_of_the_page_works(tmp_path):
    page = write_page(example(), tmp_path / "page.html")
    browser = Browser(tmp_path / "profile")
    try:
        browser.before_pages("HTMLCanvasElement.prototype.getContext = () => null")
        browser.open(page)
        assert "cannot draw in three dimensions" in browser.run("document.getElementById('message').textContent")
        type_into(browser, 0, "water")
        assert names(browser) == ["water"]
    finally:
        browser.close()
