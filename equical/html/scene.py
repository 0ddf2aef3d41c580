"""Structures as the viewer takes them: plain numbers, and the colours and radii that ASE gives the elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.html.page import Link, Structure

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["scene"]

DECIMALS = 4
"""Of positions in Å: a picture needs fewer, a distance that is measured in it does not."""


def scene(structures: Sequence[Structure], first: Link | None = None) -> dict[str, Any]:
    """Everything the viewer draws, in the types of JSON.

    Positions that are no numbers, as those of a run that flew apart, are null. A frame says what it is made of only
    where that is not as in the frame before.

    Args:
        structures: of a page.
        first: what is shown first; None for the first frame of the first one.
    """
    numbers = sorted({int(z) for one in structures for image in one.images for z in image.numbers})
    place = 0 if first is None else [one.name for one in structures].index(first.structure)
    return {
        "elements": {str(z): _element(z) for z in numbers},
        "structures": [_structure(one) for one in structures],
        "first": [place, 0 if first is None else first.frame],
    }


def _element(z: int) -> dict[str, Any]:
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors

    colour = "#" + "".join(f"{round(255 * float(part)):02x}" for part in jmol_colors[z])
    return {"symbol": chemical_symbols[z], "colour": colour, "radius": round(float(covalent_radii[z]), 2)}


def _structure(structure: Structure) -> dict[str, Any]:
    frames: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for image in structure.images:
        made_of = _made_of(image)
        frames.append({"positions": _rounded(image.positions)} | ({} if made_of == last else made_of))
        last = made_of
    return {
        "name": structure.name,
        "caption": structure.caption,
        "labels": list(structure.labels),
        "loops": structure.loops,
        "frames": frames,
    }


def _made_of(image: Atoms) -> dict[str, Any]:
    frozen = np.zeros(len(image), bool)
    for constraint in image.constraints:
        if type(constraint).__name__ == "FixAtoms":  # others leave the atoms some way to go
            frozen[constraint.get_indices()] = True
    return {
        "formula": image.get_chemical_formula(),
        "numbers": image.numbers.tolist(),
        "frozen": np.flatnonzero(frozen).tolist(),
        "cell": _rounded(image.cell.array),
        "pbc": image.pbc.tolist(),
    }


def _rounded(values: np.ndarray) -> list[float | None]:
    """A flat list, row by row."""
    flat = np.round(np.asarray(values, float).ravel(), DECIMALS) + 0.0  # no −0
    return [value if np.isfinite(value) else None for value in flat.tolist()]
