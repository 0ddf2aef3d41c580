"""One descent to a minimum: what may move, how large a step to try, and when to stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase import units
from numpy.typing import NDArray

from equical.errors import InputError
from equical.structures.vacuum import VACUUM, widest_gap
from equical.workflows.common.frames import snapshot
from equical.workflows.common.notes import warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.relax.settings import RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator
    from ase.optimize.optimize import Optimizer

__all__ = ["RelaxStep", "descend", "is_converged", "make_optimizer", "measure", "relaxing_strains"]

CURVATURE = 20.0
"""eV/Å², first guess of the curvature for the quasi-Newton optimizers: that of a metallic to covalent crystal. ASE's 70
fits stiff bonds, and costs crystals two to three times the steps."""

CELL_SCALE = 1.5
"""Å. A strain of N atoms counts as a displacement of ``CELL_SCALE · √N``, which makes the cell as stiff as the atoms:
its own curvature is N · volume per atom · elastic constant, about 12 eV · N. ASE's N makes large cells too soft."""


def descend(
    moving: Atoms, history: list[RelaxStep], settings: RelaxSettings, mask: NDArray[np.bool_] | None, progress: bool
) -> Iterator[Atoms]:
    """Yield the structure at the start and after each step until it has converged; ``history`` grows with it."""
    optimizer = make_optimizer(moving, settings, mask)
    label = moving.get_chemical_formula()
    with progress_bar(None, label, "steps", show=progress, leave=False) as bar:
        for _ in optimizer.irun(fmax=0.0, steps=max(0, settings.steps - len(history))):
            history.append(measure(moving, settings, mask))
            bar.set_postfix_str(str(history[-1]), refresh=False)
            bar.update(len(history) - 1 - bar.n)
            yield snapshot(moving)
            if is_converged(history[-1], settings):
                return


def is_converged(now: RelaxStep, settings: RelaxSettings) -> bool:
    return now.max_force <= settings.fmax and (settings.cell == "fixed" or now.max_stress <= settings.smax)


class RelaxStep(NamedTuple):
    """A structure after a step: eV, eV, eV/Å with constraints applied, GPa (NaN for a fixed cell)."""

    energy: float
    enthalpy: float
    max_force: float
    max_stress: float

    def __str__(self) -> str:
        stress = "" if np.isnan(self.max_stress) else f", stress {self.max_stress:.3f} GPa"
        return f"E {self.energy:.4f} eV, force {self.max_force:.4f} eV/Å{stress}"


def measure(atoms: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None) -> RelaxStep:
    """Energy, largest force, and largest component of the stress that should vanish."""
    forces, energy, stress = atoms.get_forces(), float(atoms.get_potential_energy()), np.zeros((3, 3))
    if mask is not None:
        stress = atoms.get_stress(voigt=False) / units.GPa + settings.pressure * np.eye(3)
    if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
        raise InputError(
            "energy, forces or stress are not finite numbers: the structure has come apart or lies outside what the "
            "model knows; look at the trajectory, or start closer to equilibrium"
        )
    mean = stress.trace() / 3 * np.eye(3)
    if settings.cell == "fixed-shape":
        stress = mean
    elif settings.cell == "fixed-volume":
        stress = stress - mean
    max_stress = np.nan if mask is None else float(np.abs(stress[mask]).max())
    enthalpy = energy + settings.pressure * units.GPa * atoms.cell.volume
    return RelaxStep(energy, enthalpy, float(np.linalg.norm(forces, axis=1).max()), max_stress)


def relaxing_strains(atoms: Atoms, settings: RelaxSettings, calculator: BaseCalculator) -> NDArray[np.bool_] | None:
    """Which Cartesian strain components ``[3, 3]`` may change; None for a fixed cell."""
    if settings.cell == "fixed":
        return None
    if atoms.cell.rank < 3:
        raise InputError("relaxing the cell needs three lattice vectors; give a slab a third one that spans the vacuum")
    if not atoms.pbc.any():
        raise InputError("relaxing the cell needs a periodic structure; this one has pbc=FFF (leave out --cell)")
    if "stress" not in calculator.implemented_properties:
        raise InputError(f"{type(calculator).__name__} computes no stress, which relaxing the cell needs")
    axis, gap = widest_gap(atoms)
    if settings.pressure and (gap > VACUUM or not atoms.pbc.all()):
        raise InputError(
            "a pressure means nothing where there is vacuum: its work would depend on how much; leave out --pressure"
        )
    if atoms.pbc.all():
        if gap > VACUUM:
            warn(
                f"the {gap:.1f} Å without atoms along cell vector {axis} relax with the cell, and may close; for a "
                "slab make the structure non-periodic along it"
            )
        return np.ones((3, 3), dtype=bool)
    if settings.cell != "free":
        raise InputError(f"cell {settings.cell!r} needs a structure that is periodic in three directions")
    used = np.abs(atoms.cell.array[atoms.pbc]).max(axis=0) > 1e-6
    if used.sum() != atoms.pbc.sum():
        raise InputError(
            "the periodic vectors of a slab or wire must lie in Cartesian planes or axes for its cell to relax"
        )
    return np.outer(used, used)


def make_optimizer(atoms: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None) -> Optimizer:
    """What moves the atoms, and the cell where ``mask`` says that it relaxes."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS, FIRE, LBFGS

    target = atoms
    if mask is not None:
        target = FrechetCellFilter(
            atoms,
            mask=mask,
            exp_cell_factor=CELL_SCALE * len(atoms) ** 0.5,
            hydrostatic_strain=settings.cell == "fixed-shape",
            constant_volume=settings.cell == "fixed-volume",
            scalar_pressure=settings.pressure * units.GPa,
        )
    if settings.optimizer == "fire":
        return FIRE(target, logfile=None)
    return {"lbfgs": LBFGS, "bfgs": BFGS}[settings.optimizer](target, logfile=None, alpha=CURVATURE)
