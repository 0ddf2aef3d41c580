"""What a result was computed with, and whether a calculator is the one it was before."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.version import __version__

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator
    from ase.constraints import FixConstraint

__all__ = ["comparable", "constraints_of", "identity_of", "is_known", "parameters_of", "probe", "provenance"]
__all__ += ["structure_digest"]

GRID = 1e-6
"""Å. Coordinates are compared on a grid of this spacing, as processors differ in the last bits of a sine."""

OFF_GRID = 0.318309886
"""Grid spacings that the grid is moved by, so that fractions such as 1/16 Å do not lie on the edge between two."""

PROBE_DISPLACEMENT = 0.05
"""Å. Far enough from equilibrium for two calculators to differ that agree at a minimum."""


def provenance(calculator: BaseCalculator) -> dict[str, Any]:
    """What a result was computed with.

    Returns:
        ``model``: class of the calculator, and name and hash of the weights of an equical model; ``dtype``: its
        precision, where known; ``versions`` of what took part.
    """
    model = {"calculator": type(calculator).__name__}
    checkpoint = getattr(calculator, "checkpoint", None)
    if checkpoint is not None:
        model |= {"name": checkpoint.name, "sha256": checkpoint.sha256}
    versions = {"equical": __version__} | {name: version(name) for name in ("torch", "ase", "numpy")}
    return {
        "model": model,
        "dtype": getattr(calculator, "parameters", {}).get("dtype"),
        "versions": versions | {"python": platform.python_version()},
    }


def identity_of(calculator: BaseCalculator) -> dict[str, Any]:
    """What must be the same of a calculator where an interrupted run goes on: model and parameters, not the device."""
    return {"model": provenance(calculator)["model"], "parameters": parameters_of(calculator)}


def is_known(calculator: BaseCalculator) -> bool:
    """Whether :func:`identity_of` tells two calculators apart that compute different numbers.

    It does for equical's models, whose weights have a hash, and for calculators that say what they were told. It does
    not for those without parameters, nor for those made of others (sums and mixtures), which do not name their parts.
    """
    if getattr(calculator, "checkpoint", None) is not None:
        return True
    parts = any(_is_calculator(value) for value in _members(calculator))
    return bool(getattr(calculator, "parameters", {})) and not parts


def probe(calculator: BaseCalculator, atoms: Atoms) -> dict[str, float]:
    """Numbers that tell two unknown calculators apart, at the price of one evaluation.

    Args:
        calculator: to be looked at.
        atoms: where the run starts.

    Returns:
        ``energy`` in eV and the root mean square ``force`` in eV/Å of the structure with its atoms displaced.
    """
    displaced = atoms.copy()
    displaced.set_constraint()
    displaced.rattle(PROBE_DISPLACEMENT, seed=0)
    forces = np.asarray(calculator.get_property("forces", displaced))
    energy = float(calculator.get_property("energy", displaced))
    return {"energy": energy, "force": float(np.sqrt(np.mean(forces**2)))}


def structure_digest(atoms: Atoms) -> str:
    """Hash of what a calculation starts from: elements, masses, positions and cell."""
    digest = hashlib.sha256()
    for lengths in (atoms.positions, atoms.cell.array):
        digest.update(np.floor(lengths / GRID + OFF_GRID).astype(np.int64).tobytes())
    for exact in (atoms.numbers.astype(np.int64), np.round(atoms.get_masses(), 6)):
        digest.update(np.ascontiguousarray(exact).tobytes())
    return digest.hexdigest()


def constraints_of(atoms: Atoms) -> list[str]:
    """Constraints as text; the one that keeps the symmetry is a setting of its own."""
    from ase.constraints import FixSymmetry

    given = [constraint for constraint in atoms.constraints if not isinstance(constraint, FixSymmetry)]
    return [f"{type(one).__name__} {json.dumps(_arguments(one), default=_as_list)}" for one in given]


def _arguments(constraint: FixConstraint) -> Any:
    """What it was made with; ASE demands ``todict`` of its own constraints only."""
    try:
        return constraint.todict()["kwargs"]
    except (AttributeError, NotImplementedError):
        return vars(constraint)


def _as_list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)


def parameters_of(calculator: BaseCalculator) -> dict[str, str]:
    """What a calculator was told, as text, without the device: a run may move to another machine."""
    parameters = getattr(calculator, "parameters", None) or {}
    return {name: repr(comparable(value)) for name, value in sorted(parameters.items()) if name != "device"}


def comparable(value: Any) -> Any:
    """Values as nested lists; other objects by their type alone, as their text may hold an address in memory."""
    if isinstance(value, Mapping):
        return sorted([str(key), comparable(item)] for key, item in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return comparable(vars(value))
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value if isinstance(value, str | int | float | None) else type(value).__qualname__


def _members(thing: Any) -> list[Any]:
    """What an object holds, and what is in its lists and in its plain parts, such as the mixer of ASE's sums."""
    found: list[Any] = []
    for item in _held(thing):
        found.append(item)
        if type(item).__module__.startswith("ase.calculators"):
            found += _held(item)
    return found


def _held(thing: Any) -> list[Any]:
    values = vars(thing).values() if hasattr(thing, "__dict__") else ()
    return [item for value in values for item in (value if isinstance(value, list | tuple) else (value,))]


def _is_calculator(value: Any) -> bool:
    return hasattr(value, "get_property") and hasattr(value, "implemented_properties")
