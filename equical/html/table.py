"""A table as HTML: whole without a script, and ready for the one that sorts and filters it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypeGuard

import numpy as np

from equical.html.page import Cell, Column, Link, Table, as_link
from equical.html.text import as_text, number

__all__ = ["is_number", "shown", "table_as_html", "target"]

TEXT_HELP = "Part of the text; !part for rows without it"
NUMBER_HELP = "Such as <0.5, >=1 or -1..0"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number, of Python or NumPy; NaN is one, True is none."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def shown(value: object, decimals: int | None = None) -> str:
    """A value as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, decimals) if is_number(value) else str(value)


def target(link: Link | str, place: Mapping[str, int]) -> str:
    """Where a link leads: number of the structure and of the frame, from 0.

    Args:
        link: or the name of a structure.
        place: of each structure by its name.
    """
    link = as_link(link)
    return f"{place[link.structure]}.{link.frame}"


def table_as_html(table: Table, place: Mapping[str, int]) -> str:
    """The table with its heading.

    Args:
        table: to write.
        place: of each structure by its name, for the links.
    """
    numeric = [_is_numeric([row[i] for row in table.rows]) for i in range(len(table.columns))]
    heads = "".join(_head(column, is_numeric) for column, is_numeric in zip(table.columns, numeric, strict=True))
    filters = "".join(_filter(column, is_numeric) for column, is_numeric in zip(table.columns, numeric, strict=True))
    links = table.links or [None] * len(table.rows)
    rows = "\n".join(
        _row(row, table.columns, numeric, None if link is None else target(link, place))
        for row, link in zip(table.rows, links, strict=True)
    )
    return (
        f'<details class="table"{"" if table.folded else " open"}>'
        f'<summary><h2>{as_text(table.title)}</h2><span class="count">{_count(len(table.rows))}</span></summary>\n'
        f'<div class="scroll"><table>\n<thead>\n<tr>{heads}</tr>\n<tr class="filters" hidden>{filters}</tr>\n</thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div></details>"
    )


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _is_numeric(values: Sequence[Cell]) -> bool:
    """Whether a column is one of numbers; some may be missing."""
    present = [value for value in values if value is not None]
    return bool(present) and all(map(is_number, present))


def _head(column: Column, numeric: bool) -> str:
    unit = f"<small>{as_text(column.unit)}</small>" if column.unit else ""
    note = f' title="{as_text(column.note)}"' if column.note else ""
    kind = "number" if numeric else "text"
    name = f"<span>{as_text(column.name)}</span>"
    return f'<th class="{kind}" aria-sort="none"><button type="button"{note}>{name}{unit}</button></th>'


def _filter(column: Column, numeric: bool) -> str:
    hint, note = ("&lt; 0.5", NUMBER_HELP) if numeric else ("filter", TEXT_HELP)
    label = f'aria-label="Filter by {as_text(column.name)}"'
    return f'<td><input type="search" placeholder="{hint}" title="{as_text(note)}" {label}></td>'


def _row(row: Sequence[Cell], columns: Sequence[Column], numeric: Sequence[bool], link: str | None) -> str:
    cells: list[str] = []
    for value, column, is_numeric in zip(row, columns, numeric, strict=True):
        text = as_text(shown(value, column.decimals))
        if link and not cells:
            text = f'<a href="#structure-{link}">{text}</a>'
        exact = f' data-value="{float(value)!r}"' if is_number(value) and isfinite(value) else ""
        cells.append(f"<td{' class=number' if is_numeric else ''}{exact}>{text}</td>")
    return f"<tr{f' data-show={link}' if link else ''}>{''.join(cells)}</tr>"
