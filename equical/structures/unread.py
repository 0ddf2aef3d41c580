"""What stands in a file and ASE's reader of its format leaves aside, where that makes another structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice

from equical.errors import InputError

__all__ = ["UNREAD", "check_unread"]

LENGTH_UNITS = ("metal", "real")
"""Styles of units of LAMMPS in which lengths are in Å."""

WHOLE = (1.0, 11.0)
"""Occupancies of SHELX that mean an atom: 10 is added to what is not refined."""


def check_unread(kind: str, lines: Iterable[str]) -> None:
    """Refuse a file that says more than is read of it.

    Args:
        kind: ASE's name of its format, one of ``UNREAD``.
        lines: of the file.

    Raises:
        InputError: it does; the message says what is left aside.
    """
    UNREAD[kind](lines)


def _res(lines: Iterable[str]) -> None:
    """SHELX: ASE reads the atoms as they stand there, in plain decimals, whatever the symmetry and the occupancy."""
    inside = False
    for line in lines:
        words = line.split()
        if not words:
            continue
        word = words[0].upper()
        inside = inside or word == "SFAC"
        if (word == "LATT" and words[1:] != ["-1"]) or word == "SYMM":
            raise InputError(
                f"its symmetry ({' '.join(words)}) is not read: write all atoms of the cell, or a CIF file"
            )
        if word in ("END", "HKLF"):
            return
        if inside and len(words) > 4 and _are_numbers(words[1:5]):
            if not all(re.fullmatch(r"[-0-9.]+", number) for number in words[2:5]):
                raise InputError(f"the position of {words[0]} is not in plain decimals: write 0.00001 for 1e-5")
            if len(words) < 6:
                raise InputError(f"atom {words[0]} has no occupancy, without which it is not read: add 1.0")
            if float(words[5]) not in WHOLE:
                raise InputError(f"atom {words[0]} is occupied in part ({words[5]}): make an ordered supercell of it")


def _castep(lines: Iterable[str]) -> None:
    """CASTEP: atoms that share a site are marked as a mixture."""
    for line in lines:
        if "MIXTURE" in line.partition("#")[0].partition("!")[0].upper():
            raise InputError(f"a site is shared by several elements ({line.strip()}): make an ordered supercell of it")


def _pdb(lines: Iterable[str]) -> None:
    """PDB: without its columns 77 and 78, an alpha carbon (CA) is read as calcium."""
    for line in lines:
        if line.startswith(("ATOM", "HETATM")) and not line[76:78].strip():
            raise InputError(
                f"it does not name the element of an atom ({line[:27].strip()}): fill the columns 77 and 78"
            )


def _dump(lines: Iterable[str]) -> None:
    """LAMMPS: lengths in other units than Å are read as Å."""
    told = iter(lines)
    for line in told:
        if line.startswith("ITEM: UNITS"):
            units = next(told, "").strip()
            if units not in LENGTH_UNITS:
                raise InputError(f"its lengths are in units of the style {units}, not in Å: convert them")
            return
        if line.startswith("ITEM: ATOMS"):
            return


def _poscar(lines: Iterable[str]) -> None:
    """VASP 4: elements are the first symbols of the title, which may have more of them."""
    head = [line.split() for line in islice(lines, 6)]
    if len(head) < 6 or not all(word.isdigit() for word in head[5]):
        return
    named = [symbol for word in head[0] for symbol in _symbols(word)]
    if len(named) > len(head[5]):
        raise InputError(
            f"it does not name its elements, and its title ({' '.join(head[0])}) has {len(named)} for {len(head[5])} "
            "numbers of atoms: add a line with them above the numbers, or use --species Cu,Ni"
        )


def _symbols(word: str) -> list[str]:
    """Elements in a formula; none where a word is no formula."""
    from ase.formula import Formula

    try:
        return list(Formula(re.sub(r"[-_,.=0-9^]", "", word)))
    except ValueError:
        return []


def _are_numbers(words: Iterable[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


UNREAD: dict[str, Callable[[Iterable[str]], None]] = {
    "res": _res,
    "castep-cell": _castep,
    "proteindatabank": _pdb,
    "lammps-dump-text": _dump,
    "vasp": _poscar,
}
"""Formats of which something is left aside, and what looks for it."""
