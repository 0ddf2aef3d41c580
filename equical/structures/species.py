"""Elements for what some files have in their place: numbers of types, or labels of force fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Species", "check_lammps_data", "name_types", "parse_species", "relabel_poscar", "relabel_xyz"]
__all__ += ["check_masses", "elements_of_dump", "masses_of_dump"]

Species = Mapping[str, str]
"""Chemical symbol of each label; types of LAMMPS are labels ``"1"``, ``"2"`` and so on."""

MASS_TOLERANCE = 0.6
"""u. Masses of a data file that are further from every element's are no masses of atoms."""


def parse_species(given: str | Sequence[str] | Mapping[str | int, str] | None) -> Species:
    """Chemical symbols by label.

    Args:
        given: symbols of type 1, 2 and so on, as a list or separated by commas; or symbols by label, as a mapping or
            as ``OW=O,HW=H``.

    Raises:
        InputError: a symbol is no element's.

    >>> parse_species("Cu, Ni"), parse_species("OW=O,HW=H"), parse_species({3: "Al"})
    ({'1': 'Cu', '2': 'Ni'}, {'OW': 'O', 'HW': 'H'}, {'3': 'Al'})
    """
    from ase.data import atomic_numbers

    if given is None:
        return {}
    parts = [part.strip() for part in given.split(",")] if isinstance(given, str) else given
    if isinstance(parts, Mapping):
        species = {str(label): str(symbol) for label, symbol in parts.items()}
    else:
        pairs = [(part.partition("=") if "=" in part else (str(i), "=", part)) for i, part in enumerate(parts, 1)]
        species = {label.strip(): symbol.strip() for label, _, symbol in pairs}
    for symbol in species.values():
        if symbol not in atomic_numbers or symbol == "X":
            raise InputError(f"species: {symbol!r} is no chemical symbol; give Cu,Ni for types 1 and 2, or OW=O,HW=H")
    return species


def name_types(atoms: Atoms, types: np.ndarray, species: Species) -> None:
    """Give each atom the element of its type.

    Raises:
        InputError: a type has none.
    """
    from ase.data import atomic_numbers

    missing = sorted({int(kind) for kind in types if str(kind) not in species})
    if missing:
        known = ", ".join(f"{label}={symbol}" for label, symbol in species.items())
        raise InputError(f"type {missing[0]} has no element: species are {known}")
    masses = atoms.arrays.pop("masses", None)  # those of the types if the file has any, else of wrong elements
    atoms.numbers = [atomic_numbers[species[str(kind)]] for kind in types]
    if masses is not None:
        atoms.set_masses(masses)


def relabel_xyz(text: str, species: Species) -> tuple[str, bool]:
    """An XYZ file with chemical symbols for labels, and whether there were any of these labels."""
    lines = text.splitlines(keepends=True)
    upper = {label.upper(): symbol for label, symbol in species.items()}
    at, found = 0, False
    while at < len(lines) and lines[at].strip().isdigit():
        count = int(lines[at])
        column = _species_column(lines[at + 1]) if at + 1 < len(lines) else None
        if column is not None:
            for i in range(at + 2, min(at + 2 + count, len(lines))):
                words = lines[i].split()
                if len(words) > column and words[column].upper() in upper:
                    words[column] = upper[words[column].upper()]
                    lines[i] = " ".join(words) + "\n"
                    found = True
        at += 2 + count
    return "".join(lines), found


def _species_column(comment: str) -> int | None:
    """Where symbols stand in the lines of a frame; None if there are none."""
    match = re.search(r"Properties=[\"']?([^\s\"']+)", comment, re.IGNORECASE)
    if match is None:
        return 0
    fields = match[1].split(":")
    names, widths = fields[::3], [int(width) for width in fields[2::3]]
    return sum(widths[: names.index("species")]) if "species" in names else None


def relabel_poscar(text: str, species: Species) -> tuple[str, bool]:
    """A POSCAR with a line of elements, and whether the labels belong to it."""
    lines = text.splitlines()
    if len(lines) < 7:
        return text, False
    words = lines[5].split()
    if all(word.isdigit() for word in words):  # VASP 4: numbers of atoms alone
        symbols = [species.get(str(i), "") for i in range(1, len(words) + 1)]
        if not all(symbols):
            raise InputError(f"there are {len(words)} kinds of atoms and {len(species)} species; name one for each")
        return "\n".join([*lines[:5], " ".join(symbols), *lines[5:]]) + "\n", True
    lines[5] = " ".join(species.get(word, word) for word in words)
    return "\n".join(lines) + "\n", bool(set(words) & species.keys())


def elements_of_dump(head: bytes) -> str | None:
    """The column of a LAMMPS dump that says which elements atoms are; None if there is none."""
    match = re.search(rb"^ITEM: ATOMS (.*)$", head, re.MULTILINE)
    columns = match[1].decode("ascii", "replace").split() if match else []
    return next((name for name in ("element", "mass") if name in columns), None)


def check_lammps_data(text: str, atoms: Atoms) -> None:
    """Refuse a LAMMPS data file whose types are not named, neither by their masses nor by labels.

    Raises:
        InputError: what the types are cannot be told.
    """
    from ase.data import atomic_numbers

    section = re.search(r"^\s*Atom Type Labels[^\n]*\n\s*\n((?:\s*\d+\s+\S+[^\n]*\n)+)", text, re.MULTILINE)
    if section and all(line.split()[1] in atomic_numbers for line in section[1].splitlines() if line.strip()):
        return
    types = atoms.arrays["type"]
    if "masses" not in atoms.arrays:
        raise InputError(nameless(types))
    atoms.numbers[atoms.numbers == 0] = 1  # ASE takes a mass of 1 for X
    check_masses(dict(zip(types.tolist(), atoms.arrays["masses"].tolist(), strict=True)))


def check_masses(masses: Mapping[int, float]) -> None:
    """Refuse masses from which no elements can be told.

    Args:
        masses: u, by the numbers of types.

    Raises:
        InputError: a mass is far from that of every element, or all are 1, as in Lennard-Jones units.
    """
    from ase.data import atomic_masses

    types = np.array(list(masses))
    if all(abs(mass - 1.0) < 1e-6 for mass in masses.values()):
        raise InputError(f"all masses are 1, which is no element's; {nameless(types)}")
    for kind, mass in sorted(masses.items()):
        if np.abs(atomic_masses[1:] - mass).min() > MASS_TOLERANCE:
            raise InputError(f"type {kind} has the mass {mass:g}, which is no element's; {nameless(types)}")


def masses_of_dump(lines: Iterable[str]) -> dict[int, float]:
    """u, the masses in a LAMMPS dump with a column of them, by type; types are 1 and so on where it has none."""
    masses: dict[int, float] = {}
    columns: list[str] = []
    for line in lines:
        words = line.split()
        if line.startswith("ITEM:"):
            columns = words[2:] if line.startswith("ITEM: ATOMS") else []
        elif columns and len(words) == len(columns):
            atom = dict(zip(columns, words, strict=True))
            mass = float(atom["mass"])
            if mass not in masses.values():
                masses[int(atom.get("type", len(masses) + 1))] = mass
    return masses


def nameless(types: np.ndarray) -> str:
    """What to say where atoms have types and no elements."""
    kinds = ", ".join(str(kind) for kind in sorted(set(types.tolist())))
    return (
        f"its atoms have types ({kinds}) and no elements: name the element of each type, from 1 on, with --species, "
        "such as Cu,Ni"
    )
