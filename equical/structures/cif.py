"""Crystals from CIF files: refused where ASE would make another crystal of what stands there, and say nothing.

ASE builds a crystal from the sites of a file and the symmetry that it finds. It takes symmetry in a form that it does
not know for none, space groups in their first setting whatever the cell, and the first of several elements that share
a site for the only one.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.io.cif import CIFBlock

__all__ = ["read_crystals"]

SYMMETRY = re.compile(
    r"_(parent_)?(space_group|symmetry).*(symop|equiv|int_tables_number|it_number|h-m|hall|number_bns|number_og)"
)
"""Tags that say which symmetry a crystal has."""

UNREAD = re.compile(r"_space_group_symop_(magn|ssg|magn_ssg)_(operation|centering)[._](xyz|algebraic)")
"""Lists of operations that replace the usual ones: of magnetic and modulated crystals."""

TRIVIAL = ("P 1", "P1", "1", "1.1", "x,y,z", "x,y,z,+1", "?", ".")
"""No symmetry."""

ORIGIN = re.compile(r"(:\s*2|\s[zZ])\s*$")
"""At the end of a symbol: the second of two origins."""

BENT = 0.03
"""Relative change of the metric of a cell by its own symmetry, from which on the two do not belong together."""

SAME_SITE = 0.05
"""Å. Sites that are closer are one."""

LIST_THEM = "list its operations under _space_group_symop_operation_xyz, or write all atoms of the cell in P 1"


def read_crystals(text: str) -> list[Atoms]:
    """Every crystal or molecule in the text of a CIF file, as ASE builds it.

    Raises:
        InputError: a cell is incomplete or does not have the symmetry that is stated, symmetry is given in a form
            that is not read, positions are missing, or a site holds several elements without saying how much of each.
    """
    from ase.io.cif import parse_cif

    crystals = []
    for block in parse_cif(io.StringIO(text)):
        if block.has_structure():
            _check_sites(block)
            _check_symmetry(block)
            atoms = _built(block)
            if atoms.cell.rank == 3:
                _check_cell(block, atoms)
                _check_shared(block, atoms)
            crystals.append(atoms)
    return crystals


def _built(block: CIFBlock) -> Atoms:
    """What ASE makes of it, without its warnings of what is looked at here more closely."""
    from ase.spacegroup.spacegroup import SpacegroupNotFoundError

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"scaled_positions \d+ and \d+ are equivalent")
        warnings.filterwarnings("ignore", "(unexpected )?crystal system")
        try:
            return block.get_atoms()
        except SpacegroupNotFoundError as error:
            raise InputError(f"its space group is not known by that name ({error}): {LIST_THEM}") from error


def _check_sites(block: CIFBlock) -> None:
    """Refuse positions that are no numbers, and fractions of a cell that is not there."""
    coordinates = ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"]
    fractional = all(tag in block for tag in coordinates)
    if not fractional:
        coordinates = ["_atom_site_cartn_x", "_atom_site_cartn_y", "_atom_site_cartn_z"]
    for tag in coordinates:
        for label, value in zip(_labels(block), _column(block, tag), strict=False):
            if isinstance(value, str):
                number = bool(re.search(r"\d", value))
                advice = f"write it as a number ({tag})" if number else "add its position, or remove it"
                raise InputError(f"site {label} is at {value!r}: {advice}")
    if not fractional:
        return
    for tag in block.cell_tags:
        value = block.get(tag)
        if isinstance(value, str) or value is None or not 0 < value < np.inf:
            shown = "is missing" if value is None else f"is {value}"
            raise InputError(f"{tag} {shown}, and positions are fractions of the cell: add the length (Å) or angle")


def _check_symmetry(block: CIFBlock) -> None:
    """Refuse symmetry that ASE does not look at, or looks at in another way than is meant."""
    for tag in block:
        if UNREAD.fullmatch(tag) and len(_column(block, tag)) > 1:
            raise InputError(f"its symmetry is that of a magnetic or modulated crystal ({tag}), not read: {LIST_THEM}")
    name = block._get_spacegroup_name()
    number = block._get_spacegroup_number()
    if block._get_sitesym():
        if number is None and name is None:
            raise InputError("it lists operations without naming their space group: add _space_group_IT_number")
        return
    if number is None and name is None:
        for tag in block:
            told = [str(value).strip() for value in _column(block, tag)]
            if SYMMETRY.match(tag) and not tag.endswith(("id", "_sg_id")) and set(told) - set(TRIVIAL):
                raise InputError(f"its symmetry is given in a form that is not read ({tag} {told[0]}): {LIST_THEM}")
    if isinstance(name, str) and ORIGIN.search(name) and block._get_setting() != 2:
        raise InputError(f"{name!r} means the second origin: add the line _symmetry_space_group_setting 2")


def _check_cell(block: CIFBlock, atoms: Atoms) -> None:
    """Refuse a cell that does not have the symmetry of the crystal, as in rhombohedral axes for hexagonal ones."""
    metric = atoms.cell.array @ atoms.cell.array.T
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    group = atoms.info["spacegroup"]
    bent = max(np.abs((turn.T @ metric @ turn - metric) / scale).max() for turn in group.get_rotations())
    if bent < BENT:
        return
    lengths = " ".join(f"{value:.4g}" for value in atoms.cell.cellpar())
    message = f"the cell ({lengths}) does not have the symmetry of space group {group.symbol} in these axes"
    if block._get_sitesym() or group.symbol[0] != "R":
        raise InputError(f"{message}: {LIST_THEM}")
    setting = 1 if abs(atoms.cell.angles()[2] - 120) < 1 else 2
    axes = "hexagonal" if setting == 1 else "rhombohedral"
    raise InputError(f"{message}: for {axes} ones add the line _symmetry_space_group_setting {setting}")


def _check_shared(block: CIFBlock, atoms: Atoms) -> None:
    """Refuse sites of which ASE has kept another element; of occupancies it keeps a record."""
    if block._get_fractional_occupancies() is not None:
        return
    coordinates, positions = block._get_site_coordinates()
    fractions = positions if coordinates == "scaled" else atoms.cell.scaled_positions(positions)
    there: NDArray[np.float64] = atoms.get_scaled_positions()
    for label, symbol, place in zip(_labels(block), block.get_symbols(), fractions, strict=False):
        apart = there - place
        distance = np.linalg.norm((apart - np.round(apart)) @ atoms.cell.array, axis=1)
        found = int(distance.argmin())
        if distance[found] < SAME_SITE and atoms.symbols[found] != symbol:
            raise InputError(
                f"site {label} ({symbol}) is also one of {atoms.symbols[found]}, itself or by symmetry: correct a "
                "position, or make an ordered supercell if the site is shared"
            )


def _labels(block: CIFBlock) -> list[str]:
    """What the sites are called."""
    return [str(label) for label in block._get_any(["_atom_site_label", "_atom_site_type_symbol"])]


def _column(block: CIFBlock, tag: str) -> list[Any]:
    """The values of a tag, one or many."""
    value = block.get(tag)
    return value if isinstance(value, list) else [value]
