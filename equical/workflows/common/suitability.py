"""Whether a model is fit for what a workflow asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from equical.workflows.common.notes import has_noted, warn

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["OUTSIDE", "outside", "reason_outside", "tells_outside", "warn_if_unknown", "warn_if_unsuitable"]
__all__ += ["warn_of_unknown"]

OUTSIDE = "outside what the model knows"
"""Of what, in a table."""

LIES_OUTSIDE = f"lies {OUTSIDE}"

WAYS_ON = "compare with a reference calculation, take another model, or finetune this one"


def tells_outside(calculator: BaseCalculator) -> bool:
    """Whether a calculator tells which structures lie outside what it knows, see :func:`outside`."""
    return "energy_std" in getattr(calculator, "implemented_properties", ()) and hasattr(calculator, "uncertainty")


def outside(calculator: BaseCalculator, atoms: Atoms, what: str) -> str:
    """Say where a structure lies outside what the model knows: one line, or nothing where it does not.

    Calculators tell by a method ``uncertainty``, see :meth:`.EquiCalc.uncertainty`; of others, and of models that were
    not calibrated, nothing is said.

    Args:
        calculator: what the workflow uses.
        atoms: a structure that it has accepted.
        what: the structure, in words that begin a sentence, such as ``"the relaxed structure"``.
    """
    if not tells_outside(calculator):
        return ""
    found = calculator.uncertainty(atoms)
    if not found.outside:
        return ""
    std = 1000 * found.energy_std / len(atoms)
    return f"{what} {LIES_OUTSIDE}: {'; '.join(found.reasons)}. Its energy may be off by {std:.0f} meV/atom: {WAYS_ON}"


def reason_outside(calculator: BaseCalculator, atoms: Atoms) -> str | None:
    """Why one of many structures lies outside what the model knows, in a few words for a table.

    Returns:
        None where it does not, or the calculator does not tell, see :func:`outside`.
    """
    return "; ".join(calculator.uncertainty(atoms).reasons) or None if tells_outside(calculator) else None


def warn_of_unknown(reasons: Sequence[tuple[str, str | None]], kind: str) -> None:
    """Warn, in one line however many they are, where some of many structures lie outside what the model knows.

    Args:
        reasons: names of all structures, each with its :func:`reason_outside`; the first that has one is named.
        kind: what they are, in the plural, such as ``"configurations"``.
    """
    unknown = [(name, reason) for name, reason in reasons if reason]
    if unknown:
        first, reason = unknown[0]
        lie = "lies" if len(unknown) == 1 else "lie"
        warn(f"{len(unknown)} of {len(reasons)} {kind} {lie} {OUTSIDE}, the first is {first}: {reason}; {WAYS_ON}")


def warn_if_unknown(calculator: BaseCalculator, atoms: Atoms, what: str) -> bool:
    """Warn where a structure lies outside what the model knows, see :func:`outside`; the first one of a run is told.

    Returns:
        Whether this one does, or one before it did.
    """
    if has_noted(LIES_OUTSIDE):
        return True
    if message := outside(calculator, atoms, what):
        warn(message)
    return bool(message)


def warn_if_unsuitable(calculator: BaseCalculator, atoms: Atoms, purpose: str, *, forces: bool = True) -> None:
    """Warn where derivatives of its energy are wanted and it has no proper ones.

    Calculators tell by the attributes ``conservative`` (forces are the gradient of the energy) and ``smooth`` (the
    energy is continuous); those without them are taken to be both.

    Args:
        calculator: what the workflow will use.
        atoms: structure whose net force is quoted: zero for a gradient, the size of the defect for a force head.
        purpose: what the workflow does, such as ``"a phonon calculation"``.
        forces: whether the workflow uses forces at all.
    """
    defects = []
    if forces and getattr(calculator, "conservative", True) is False:
        net = np.linalg.norm(calculator.get_forces(atoms).sum(axis=0))
        defects.append(
            f"its forces are not the gradient of its energy (here they sum to {net:.2g} eV/Å over {len(atoms)} atoms,"
            " and should cancel)"
        )
    if getattr(calculator, "smooth", True) is False:
        defects.append("its energy jumps where the set of nearest neighbours of an atom changes")
    if defects:
        warn(f"this model is a poor choice for {purpose}: {'; '.join(defects)}")
