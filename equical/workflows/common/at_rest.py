"""What derivatives at a minimum ask of their starting point: that it is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equical.errors import InputError
from equical.workflows.common.notes import warn

__all__ = ["largest_force", "refuse_unless_forced", "require_numbers"]


def largest_force(forces: NDArray[np.float64]) -> float:
    """Largest length of a force in ``[N, 3]`` eV/Å."""
    return float(np.linalg.norm(forces, axis=1).max())


def require_numbers(values: ArrayLike, quantity: str, where: str) -> None:
    """Refuse what a calculator has returned where it is infinite or no number.

    Args:
        values: of any shape.
        quantity: what they are, as the error shall say it, such as ``"forces"``.
        where: for which structure.

    Raises:
        InputError: names both.
    """
    if not np.isfinite(values).all():
        raise InputError(f"the calculator returned {quantity} with values that are not numbers for {where}")


def refuse_unless_forced(shortcoming: str, *, relax_first: bool, force: bool) -> None:
    """Refuse a structure that is not at rest, or accept it with a warning where the user insists.

    Args:
        shortcoming: what acts on it and what the limit is, as the user shall read it.
        relax_first: whether the structure was relaxed before.
        force: whether the user insists.

    Raises:
        InputError: says what to do.
    """
    if force:
        warn(shortcoming)
    elif relax_first:
        raise InputError(f"the relaxation did not converge: {shortcoming}; try equical relax, or insist with --force")
    else:
        raise InputError(f"{shortcoming}: relax it first (--relax-first, or equical relax), or insist with --force")
