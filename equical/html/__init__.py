"""Pages for looking at results: one HTML file that needs nothing else, on any machine, without a network.

``page`` says what a page holds, in words that know nothing of workflows; ``write`` makes the file of it, ``table`` and
``scene`` the two parts that are more than text: tables that sort and filter (``table.js``), and structures for the
three-dimensional viewer (``viewer.js``, which draws with what lies in ``vendor``).

    >>> from ase.build import molecule
    >>> from equical.html import Column, Fact, Page, Structure, Table, write_page
    >>> page = Page(
    ...     "Two molecules",
    ...     facts=[Fact("most stable", "water", link="water")],
    ...     tables=[
    ...         Table(
    ...             "Energies",
    ...             [Column("name"), Column("energy", "eV", decimals=3)],
    ...             [("water", -14.22), ("methane", -24.04)],
    ...             links=["water", "methane"],
    ...         )
    ...     ],
    ...     structures=[Structure("water", molecule("H2O")), Structure("methane", molecule("CH4"))],
    ... )
    >>> write_page(page, "molecules.html")  # doctest: +SKIP
"""

from equical.html.page import Column, Fact, Image, Link, Page, Structure, Table
from equical.html.write import page_as_html, write_page

__all__ = ["Column", "Fact", "Image", "Link", "Page", "Structure", "Table", "page_as_html", "write_page"]
