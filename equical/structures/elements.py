"""Which element an atom is, and what to do where a file does not say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["check_elements", "unknown_symbol"]

ISOTOPES = {"D": 2.014, "T": 3.016}
"""u. Isotopes of hydrogen with a symbol of their own."""


def check_elements(atoms: Atoms) -> None:
    """Refuse atoms that are no element.

    Raises:
        InputError: there is an atom X, which stands for a ghost, a vacancy, or an element that a file did not name.
    """
    nameless = np.flatnonzero(atoms.numbers < 1)
    if not nameless.size:
        return
    others = f" and {len(nameless) - 1} others" if len(nameless) > 1 else ""
    advice = "remove ghost atoms and vacancies"
    if "type" in atoms.arrays:
        advice = "name the elements of the types in the file with --species, such as Cu,Ni"
    raise InputError(f"atom {nameless[0]} (X){others}: X is no element; {advice}")


def unknown_symbol(symbol: str, *, with_species: bool = True) -> str:
    """What to say of a symbol that no element has.

    Args:
        symbol: as it stands in the file.
        with_species: whether ``--species`` can name the elements of such a file.
    """
    from ase.data import atomic_numbers

    if symbol.upper() in ISOTOPES:
        symbol = symbol.upper()
        ordinary = f" (--species {symbol}=H reads it as ordinary hydrogen)" if with_species else ""
        return (
            f"{symbol} is hydrogen of mass {ISOTOPES[symbol]}: write H, and set the mass with atoms.set_masses where "
            f"it matters{ordinary}"
        )
    if not with_species:
        return f"no element is called {symbol}: write chemical symbols into the file"
    if symbol.isdigit():
        return (
            f"its elements are numbers ({symbol}): write chemical symbols, or name the element of each number with "
            "--species, such as Cu,Ni or 29=Cu"
        )
    meant = re.match("[A-Z][a-z]?", symbol)
    element = meant[0] if meant and meant[0] in atomic_numbers else "O"
    return (
        f"no element is called {symbol}: write chemical symbols, or say what labels mean with --species, "
        f"such as {symbol}={element}"
    )
