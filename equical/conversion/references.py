"""Reference energies of the elements, and which elements a model was trained for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equical.conversion.layouts import Published
from equical.errors import InputError

__all__ = ["References", "element_references", "read_references", "saved_references", "trained_elements"]

LARGEST_REFERENCE = 1e6
"""eV: no atom has a total energy beyond this; least squares without data on an element gives such numbers."""


@dataclass(frozen=True)
class References:
    """Energies added for each atom.

    Attributes:
        energies: eV by atomic number, of the elements in the training data.
        absent: atomic numbers whose reference is zero or absurd, because no training structure had them.
    """

    energies: dict[int, float]
    absent: tuple[int, ...]


def element_references(values: Tensor | None, max_elements: int) -> References | None:
    """References ``[Z]`` (eV, row number is the atomic number) without the entries that were never fitted."""
    if values is None:
        return None
    entries = values.double().flatten()[:max_elements].tolist()[1:]
    sound = {z: e for z, e in enumerate(entries, start=1) if isfinite(e) and 0 < abs(e) < LARGEST_REFERENCE and z < 119}
    if not sound:
        return None
    absent = tuple(z for z in range(1, min(len(entries) + 1, 119)) if z not in sound)
    return References(sound, absent)


def trained_elements(
    references: References | None, max_elements: int, wanted: Iterable[int] | None, published: Published
) -> tuple[int, ...]:
    """Atomic numbers the model covers: those asked for, or those with a reference, or all that its tables have."""
    rows = range(1, min(max_elements, 119))
    if wanted is not None:
        chosen = sorted(set(wanted))
        beyond = [z for z in chosen if z not in rows]
        if beyond:
            raise InputError(f"{published.path} has no rows for the elements with atomic numbers {beyond}.")
        return tuple(chosen)
    return tuple(rows) if references is None else tuple(z for z in rows if z in references.energies)


def saved_references(content: Mapping[str, Any]) -> Tensor | None:
    """The element references of the energy in a file: ``[119]`` eV."""
    saved = content.get("elementrefs") or {}
    state = saved.get("energy", {}) if isinstance(saved, Mapping) else {}
    values = state.get("element_references") if isinstance(state, Mapping) else None
    return torch.as_tensor(values) if values is not None else None


def read_references(path: Path) -> Tensor:
    """Reference energies from a file of their own: ``[Z]`` eV.

    Raises:
        InputError: the file holds none.
    """
    from ase.data import atomic_numbers

    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return torch.from_numpy(np.array(arrays["coeff"], dtype=np.float64))
        table = json.loads(path.read_text())
        values = torch.zeros(119, dtype=torch.float64)
        for symbol, energy in table.items():
            values[atomic_numbers[symbol]] = float(energy)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} holds no reference energies ({type(error).__name__}: {error}); give JSON {{symbol: eV}}, or npz"
            " with 'coeff' by atomic number."
        ) from error
    return values
