"""Files that state how many atoms they hold, and hold others: cut short, put together by hand, or damaged.

Some of ASE's readers take as many lines as are stated and leave the rest, some take all lines whatever is stated, and
some count to any number before they look: the first two give another structure than the one that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile

from equical.errors import InputError

__all__ = ["COUNTED", "check_counts"]

Count = tuple[int, int]
"""Atoms stated, and lines of atoms that are there."""


def check_counts(kind: str, lines: Iterable[str]) -> None:
    """Refuse a file whose number of atoms is not the one that it states.

    Args:
        kind: ASE's name of its format, one of ``COUNTED``.
        lines: of the file.

    Raises:
        InputError: there are more, or fewer; the message has both numbers.
    """
    try:
        for number, (stated, found) in enumerate(COUNTED[kind](iter(lines))):
            if stated != found:
                where = f"frame {number} of it" if number else "it"
                raise InputError(f"{where} states {stated} atoms and holds {found}: it is cut short, or was changed")
    except InputError:
        raise
    except (ValueError, IndexError, StopIteration):  # no file of this format at all, as its reader will say
        return


def _dump(lines: Iterator[str]) -> Iterator[Count]:
    """LAMMPS dumps: sections, each below a line that names it."""
    stated, found, inside = 0, 0, False
    for line in lines:
        if not line.startswith("ITEM:"):
            found += inside and not line.isspace()
            continue
        if inside:
            yield stated, found
        found, inside = 0, line.startswith("ITEM: ATOMS")
        if line.startswith("ITEM: NUMBER OF ATOMS"):
            stated = int(next(lines))
    if inside:
        yield stated, found


def _lammps_data(lines: Iterator[str]) -> Iterator[Count]:
    """Data files of LAMMPS: the section of atoms lies between two empty lines."""
    stated = None
    for line in lines:
        words = line.partition("#")[0].split()
        if len(words) == 2 and words[1] == "atoms":
            stated = int(words[0])
        elif words == ["Atoms"] and stated is not None:
            next(lines)
            yield stated, sum(1 for _ in takewhile(lambda text: _begins_with(text, int), lines))
            return


def _gro(lines: Iterator[str]) -> Iterator[Count]:
    """GROMACS: a title, the number, the atoms, and the box."""
    next(lines)
    stated, rest = int(next(lines)), sum(1 for line in lines if not line.isspace())
    frames, more = divmod(rest + 2, stated + 3)
    if frames > 1 and not more:
        raise InputError(f"it holds {frames} frames, and ASE reads one: take one out, or convert them to .extxyz")
    yield stated, rest - 1


def _gen(lines: Iterator[str]) -> Iterator[Count]:
    """DFTB+: number and kind, the elements, the atoms, and the origin with three vectors of a periodic one."""
    told = (line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    stated, kind = next(told).split()[:2]
    next(told)
    yield int(stated), sum(1 for _ in told) - (4 if kind.upper() in ("S", "F") else 0)


def _mol(lines: Iterator[str]) -> Iterator[Count]:
    """MDL: three lines of a header, the numbers in columns of three, and the atoms."""
    counts = next(islice(lines, 3, None))
    if "V3000" not in counts:
        atom = re.compile(r"\s*-?\d+\.\d+\s*-?\d+\.\d+\s*-?\d+\.\d+\s+[A-Za-z*]")
        yield int(counts[:3]), sum(1 for _ in takewhile(atom.match, lines))


def _xsf(lines: Iterator[str]) -> Iterator[Count]:
    """XCrySDen: the number and the atoms follow a keyword, once or for each frame."""
    stated, found, inside = 0, 0, False
    for line in lines:
        if inside and _begins_with(line, str, float, float, float):
            found += 1
            continue
        if inside:
            yield stated, found
        found, inside = 0, line.startswith(("PRIMCOORD", "CONVCOORD"))
        if inside:
            stated = int(next(lines).split()[0])
    if inside:
        yield stated, found


def _poscar(lines: Iterator[str]) -> Iterator[Count]:
    """VASP: numbers for each element, and the atoms below how they are given, up to an empty line or the end."""
    stated = _of_elements(lines)
    how = next(lines)
    if how.strip()[:1] in "sS":
        next(lines)
    yield stated, sum(1 for _ in takewhile(lambda line: _begins_with(line, float, float, float), lines))


def _xdatcar(lines: Iterator[str]) -> Iterator[Count]:
    """The same with many frames, and with the header again before each where the cell changes."""
    stated, found, inside = _of_elements(lines), 0, False
    for line in lines:
        if _begins_with(line, float, float, float):
            found += 1
            continue
        if inside:
            yield stated, found
        found, inside = 0, line.startswith("Direct")
        if not inside and line.strip():
            stated = _of_elements(lines, before=4)
    if inside:
        yield stated, found


def _of_elements(lines: Iterator[str], before: int = 5) -> int:
    """The sum of the numbers that follow title, scale and cell, or the names of the elements after these."""
    line = next(islice(lines, before, None))
    words = (line if line.split()[0].isdigit() else next(lines)).split()
    return sum(int(word) for word in takewhile(str.isdigit, words))


def _begins_with(line: str, *kinds: Callable[[str], object]) -> bool:
    """Whether the words of a line can be read so."""
    words = line.split()
    try:
        return len([kind(word) for kind, word in zip(kinds, words, strict=False)]) == len(kinds)
    except ValueError:
        return False


COUNTED: dict[str, Callable[[Iterator[str]], Iterator[Count]]] = {
    "lammps-dump-text": _dump,
    "lammps-data": _lammps_data,
    "gromacs": _gro,
    "gen": _gen,
    "mol": _mol,
    "sdf": _mol,
    "xsf": _xsf,
    "vasp": _poscar,
    "vasp-xdatcar": _xdatcar,
}
"""Formats that state it, and what counts their atoms."""
