"""What a page holds: facts, warnings, tables, pictures and structures, and links from one to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Cell", "Column", "Fact", "Image", "Link", "Page", "Structure", "Table", "as_link"]

Cell = str | float | int | bool | None
"""A value in a table. None and NaN are shown as a dash, and sorted behind everything else."""


@dataclass(frozen=True)
class Link:
    """One frame of a structure.

    Attributes:
        structure: its name.
        frame: counted from 0.
    """

    structure: str
    frame: int = 0


@dataclass(frozen=True)
class Fact:
    """One of the figures that stand at the top.

    Attributes:
        name: what it is.
        value: a text, or a number, of which six digits are shown.
        unit: of the number.
        link: a structure that belongs to it, or its name.
        note: what else there is to say about it, shown where the pointer rests.
    """

    name: str
    value: Cell
    unit: str = ""
    link: Link | str | None = None
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its heading.
        unit: of its numbers.
        decimals: of its numbers; None to show six digits. They are sorted and filtered as they are.
        note: what else there is to say about it, shown where the pointer rests.
    """

    name: str
    unit: str = ""
    decimals: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by every column and filtered.

    Attributes:
        title: its heading.
        columns: of it.
        rows: a value for each column.
        links: for each row the structure that belongs to it, or its name; empty where there are none.
        folded: show it only when asked to.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    links: Sequence[Link | str | None] = ()
    folded: bool = False


@dataclass(frozen=True)
class Image:
    """A picture.

    Attributes:
        title: what it shows.
        png: bytes of a PNG file.
    """

    title: str
    png: bytes


@dataclass(frozen=True)
class Structure:
    """A structure for the viewer, or several frames of one.

    Attributes:
        name: unique on its page.
        frames: the structure, or what it goes through; frames may differ in everything.
        caption: what else there is to say about it.
        labels: of the frames, such as their times; empty to number them.
        loops: the last frame leads to the first one again, as in a vibration.
    """

    name: str
    frames: Atoms | Sequence[Atoms]
    caption: str = ""
    labels: Sequence[str] = ()
    loops: bool = False

    @property
    def images(self) -> list[Atoms]:
        """The frames as a list."""
        from ase import Atoms

        return [self.frames] if isinstance(self.frames, Atoms) else list(self.frames)


@dataclass(frozen=True)
class Page:
    """Everything on a page, from the top down.

    Attributes:
        title: its heading.
        subtitle: a line below it.
        good: whether all is well, which a mark beside the title says; None where that is no question.
        verdict: the words of the mark, such as ``"converged"``.
        facts: the figures to know first.
        warnings: what to bear in mind, each one line.
        tables: sorted as they should be seen first.
        images: below them.
        structures: for the viewer; none for a page without it.
        first: what the viewer shows first, or its name; None for the first one.
        footer: where it all comes from, each one line.

    Raises:
        InputError: names of structures are not unique, a link leads nowhere, a row has not one value for each column.
    """

    title: str
    subtitle: str = ""
    good: bool | None = None
    verdict: str = ""
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    images: Sequence[Image] = ()
    structures: Sequence[Structure] = ()
    first: Link | str | None = None
    footer: Sequence[str] = ()

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(one.name for one in self.structures).items() if count > 1]
        if twice:
            raise InputError(f"structures of a page need names of their own, but there are several called {twice[0]!r}")
        lengths = {one.name: len(one.images) for one in self.structures}
        for one in self.structures:
            if not lengths[one.name] or len(one.labels) not in (0, lengths[one.name]):
                raise InputError(f"structure {one.name!r} needs frames, and labels for all of them or for none")
        for link in self._links():
            if not 0 <= link.frame < lengths.get(link.structure, 0):
                raise InputError(f"there is no frame {link.frame} of a structure {link.structure!r} to link to")
        for table in self.tables:
            if len(table.links) not in (0, len(table.rows)):
                raise InputError(f"table {table.title!r} needs a link, or None, for each row, or no links at all")
            if any(len(row) != len(table.columns) for row in table.rows):
                raise InputError(f"table {table.title!r} needs {len(table.columns)} values in each row")

    def _links(self) -> Iterable[Link]:
        given = [self.first, *(fact.link for fact in self.facts), *(link for one in self.tables for link in one.links)]
        return (as_link(link) for link in given if link is not None)


def as_link(link: Link | str) -> Link:
    """A name leads to the first frame."""
    return Link(link) if isinstance(link, str) else link
