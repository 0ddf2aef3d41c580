"""Whether a model is fit for what a workflow asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from equical.workflows.common.notes import warn

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["warn_if_unsuitable"]


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
