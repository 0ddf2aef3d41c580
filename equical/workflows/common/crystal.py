"""What the equation of state, the elastic constants and the phonons ask of a crystal before they start."""

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.errors import InputError
from equical.structures.vacuum import VACUUM, widest_gap
from equical.workflows.common.inputs import check_structure
from equical.workflows.common.notes import warn

__all__ = ["bare_crystal", "require_total_energy", "right_handed", "with_volume"]


def bare_crystal(atoms: Atoms, purpose: str, *, vacuum_allowed: bool = False) -> Atoms:
    """Copy a crystal without its calculator and constraints.

    Args:
        atoms: the structure.
        purpose: what it is wanted for, as the error shall say it, such as ``"an equation of state"``.
        vacuum_allowed: whether a layer with vacuum in a periodic cell makes sense for this purpose.

    Raises:
        InputError: no atoms, not periodic in three directions, a cell without volume, positions that are not numbers,
            or (unless ``vacuum_allowed``) a slab or molecule in vacuum.
    """
    check_structure(atoms)
    if not atoms.pbc.all():
        periodic = "".join("T" if p else "F" for p in atoms.pbc)
        raise InputError(
            f"{purpose} needs a crystal that is periodic in three directions; this structure has pbc={periodic}"
        )
    axis, gap = widest_gap(atoms)
    if gap > VACUUM and not vacuum_allowed:
        raise InputError(
            f"{gap:.1f} Å without atoms along cell vector {axis}: a slab or a molecule in vacuum, "
            f"it seems, and {purpose} needs a bulk crystal"
        )
    crystal = atoms.copy()
    crystal.calc = None
    if crystal.constraints:
        warn(f"constraints are left out: {purpose} moves all atoms")
        crystal.set_constraint()
    return crystal


def right_handed(crystal: Atoms) -> Atoms:
    """The crystal with a right-handed cell, which phonopy wants: minus the vectors span the same lattice."""
    if crystal.cell.handedness < 0:
        crystal = crystal.copy()
        crystal.set_cell(-crystal.cell[:])
    return crystal


def require_total_energy(calculator: BaseCalculator, purpose: str) -> None:
    """Refuse a model whose energy is an adsorption energy: it says nothing about straining a bulk crystal."""
    if getattr(calculator, "energy_kind", "total") == "adsorption":
        raise InputError(f"this model predicts adsorption energies; {purpose} needs one of total energies")


def with_volume(crystal: Atoms, ratio: float) -> Atoms:
    """The crystal with ``ratio`` times its volume, scaled isotropically, fractional coordinates kept."""
    scaled = crystal.copy()
    scaled.set_cell(crystal.cell[:] * ratio ** (1 / 3), scale_atoms=True)
    return scaled
