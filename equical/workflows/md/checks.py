"""Which structures and calculators can be run as asked, before the first force is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.constraints import FixAtoms
from ase.data import chemical_symbols

from equical.errors import InputError
from equical.structures.vacuum import VACUUM, widest_gap
from equical.workflows.common.inputs import check_structure
from equical.workflows.common.notes import warn
from equical.workflows.common.suitability import outside, tells_outside
from equical.workflows.md.settings import MDSettings
from equical.workflows.md.velocities import remove_drift

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["check_run"]

MAX_HYDROGEN_TIMESTEP = 5.0
"""fs. An X-H stretch takes 9 to 11 fs, and Verlet diverges at period/π."""

CAREFUL_HYDROGEN_TIMESTEP = 1.5
"""fs."""

CAREFUL_TIMESTEP = 5.0
"""fs."""


def check_run(atoms: Atoms, calculator: BaseCalculator, settings: MDSettings) -> None:
    """Refuse a structure that cannot be run this way; warn of what can but looks unwise.

    Raises:
        InputError: A broken structure, a constraint other than ``FixAtoms``, hydrogen with a time step above 5 fs,
            velocities to be kept that are none, a barostat on a slab, a molecule, frozen atoms, or without stress, or a
            run that is to stop outside what the model knows and begins there, or whose model does not tell.
    """
    check_structure(atoms)
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise InputError(f"md keeps FixAtoms constraints only: remove {type(constraint).__name__} first")
    if settings.keep_velocities:
        _check_velocities(atoms)
    if settings.moves_cell:
        _check_barostat(atoms, calculator, settings.ensemble)
    _check_timestep(atoms, settings.timestep)
    if settings.stop_outside:
        _check_inside(atoms, calculator)


def _check_velocities(atoms: Atoms) -> None:
    instead = "let them be drawn instead"
    if not np.isfinite(atoms.get_momenta()).all():
        raise InputError(f"the structure carries velocities that are no numbers: {instead}")
    if not atoms.get_momenta().any():
        raise InputError(f"the structure carries no velocities to keep: {instead}")
    at_rest = atoms.copy()
    remove_drift(at_rest)
    if at_rest.get_kinetic_energy() < 1e-10 * atoms.get_kinetic_energy():
        raise InputError(f"the velocities to keep are nothing but a drift of the whole structure: {instead}")


def _check_barostat(atoms: Atoms, calculator: BaseCalculator, ensemble: str) -> None:
    advice = "choose nve, langevin, bussi or nose-hoover"
    if not atoms.pbc.all():
        raise InputError(f"{ensemble} needs a structure periodic in all three directions: {advice}")
    if atoms.constraints:
        raise InputError(f"{ensemble} moves the cell and every atom with it, frozen ones too: free them, or {advice}")
    if "stress" not in calculator.implemented_properties:
        raise InputError(f"{ensemble} needs stress, which {type(calculator).__name__} does not compute: {advice}")
    axis, gap = widest_gap(atoms)
    if gap > VACUUM:
        raise InputError(
            f"{ensemble} would close the {gap:.1f} Å of vacuum along {axis}: for a slab or a molecule {advice}"
        )


def _check_inside(atoms: Atoms, calculator: BaseCalculator) -> None:
    if not tells_outside(calculator):
        raise InputError(
            "this model does not tell what lies outside of what it knows, so a run cannot stop by that: calibrate it "
            "(equical calibrate), or leave out stop_outside"
        )
    if message := outside(calculator, atoms, "the structure to start from"):
        raise InputError(f"{message}; or leave out stop_outside, to run all the same")


def _check_timestep(atoms: Atoms, timestep: float) -> None:
    frozen = {i for constraint in atoms.constraints for i in constraint.index}
    moving = {int(z) for i, z in enumerate(atoms.numbers) if i not in frozen}
    if 1 in moving and timestep > MAX_HYDROGEN_TIMESTEP:
        raise InputError(
            f"a time step of {timestep:g} fs cannot follow hydrogen, which vibrates in 9 fs: use 0.5 to 1 fs"
        )
    if 1 in moving and timestep > CAREFUL_HYDROGEN_TIMESTEP:
        warn(f"a time step of {timestep:g} fs is long for hydrogen; 0.5 to 1 fs conserves energy")
    elif moving and timestep > CAREFUL_TIMESTEP:
        lightest = chemical_symbols[min(moving)]
        warn(f"a time step of {timestep:g} fs is long for {lightest}; 1 to 4 fs conserves energy")
