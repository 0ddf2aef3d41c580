"""Sites that are occupied in part, or by several elements: averages over a crystal, which no single structure is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["check_occupancy", "disordered_site"]

FULL = 0.995
"""What counts as one: occupancies are refined and rounded."""


def check_occupancy(atoms: Atoms) -> None:
    """Refuse a disordered crystal, of which ASE keeps the most frequent element of each site.

    Raises:
        InputError: a site is not fully occupied, or by more than one element.
    """
    found = disordered_site(atoms)
    if found is not None:
        raise InputError(
            f"{found}: make an ordered supercell of it first (a special quasirandom structure, say); if it is ordered "
            "already, delete occupancy from its info and arrays"
        )


def disordered_site(atoms: Atoms) -> str | None:
    """The first site that is occupied in part or by several elements, in words; None if there is none.

    Looked for in ``info["occupancy"]``, which ASE fills from a CIF, and in an array ``occupancy``, as from a PDB file,
    or ``occupancies``, as from files for simulated electron microscopes. Of sites whose atoms have become several
    elements, somebody has made an ordered structure already.
    """
    occupancy = atoms.info.get("occupancy")
    if isinstance(occupancy, Mapping):
        found = _of_sites(atoms, occupancy)
        if found is not None:
            return found
    per_atom = atoms.arrays.get("occupancy", atoms.arrays.get("occupancies"))
    if per_atom is None or per_atom.shape != (len(atoms),) or not np.issubdtype(per_atom.dtype, np.number):
        return None
    partial = np.flatnonzero((per_atom > 0) & (per_atom < FULL))  # a column of zeros says nothing
    if not partial.size:
        return None
    return f"atom {partial[0]} ({atoms.symbols[partial[0]]}) is there {per_atom[partial[0]]:g} of the time"


def _of_sites(atoms: Atoms, occupancy: Mapping[Any, Any]) -> str | None:
    now: dict[str, set[str]] = defaultdict(set)
    for kind, symbol in zip(atoms.arrays.get("spacegroup_kinds", ()), atoms.symbols, strict=False):
        now[str(kind)].add(symbol)
    for site, shares in occupancy.items():
        if not isinstance(shares, Mapping) or (
            now and len(now[str(site)]) != 1
        ):  # of elements on one site, one is left
            continue
        parts = {str(symbol): _number(share) for symbol, share in shares.items()}
        if len(parts) > 1 or not FULL < sum(parts.values()) < 1 / FULL:
            what = ", ".join(f"{symbol} {share:g}" for symbol, share in parts.items())
            why = "is occupied more than once" if sum(parts.values()) > 1 else "is occupied in part"
            why = "is shared by several elements" if len(parts) > 1 else why
            return f"site {site} of the crystal {why} ({what})"
    return None


def _number(share: Any) -> float:
    """An occupancy; CIFs may say ``?`` or ``.`` for "as usual". Not a number where it is something else."""
    try:
        return float(share)
    except (TypeError, ValueError):
        return 1.0 if share in ("?", ".", None) else math.nan
