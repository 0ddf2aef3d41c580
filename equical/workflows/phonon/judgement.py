"""What makes phonons doubtful, before any frequency is looked at."""

from ase import Atoms
from phonopy import Phonopy

from equical.neighbors.cells import heights
from equical.workflows.common.notes import warn
from equical.workflows.common.spacegroup import SYMPREC as NEARLY
from equical.workflows.phonon.forces import SYMPREC, ForceConstants, symmetry_dataset

__all__ = ["LARGEST_FORCE", "judge_force_constants", "judge_supercell", "judge_symmetry", "supercell_width"]

LARGEST_FORCE = 1e-3
"""eV/Å. A structure with a larger force is refused: it is no minimum, and what phonons tell about it is not either."""

SMALLEST_WIDTH = 8.0
"""Å. Between opposite faces of the supercell; a smaller one is accepted with a warning."""

LARGEST_VIOLATION = 0.02
"""Of the acoustic sum rule, relative to the largest force constant; a larger one is reported as a warning."""


def supercell_width(phonopy: Phonopy) -> float:
    """Å, least distance between opposite faces of the supercell."""
    return float(heights(phonopy.supercell.cell).min())


def judge_symmetry(crystal: Atoms) -> None:
    """Warn of a crystal that misses a higher symmetry by less than relaxations tell, as loosely relaxed ones do."""
    exact, nearly = symmetry_dataset(crystal, SYMPREC), symmetry_dataset(crystal, NEARLY)
    if exact is not None and nearly is not None and exact.number != nearly.number:
        warn(
            f"the crystal is {nearly.international} ({nearly.number}) to within {NEARLY:g} Å, and only "
            f"{exact.international} ({exact.number}) to within {SYMPREC:g} Å, which decides about displacements and "
            "the path of the bands: unless the difference is meant, relax it with --symmetry, or more tightly"
        )


def judge_supercell(phonopy: Phonopy) -> None:
    """Warn of a supercell that is narrow, or of lower symmetry than the crystal."""
    if len(phonopy.symmetry.pointgroup_operations) < len(phonopy.primitive_symmetry.pointgroup_operations):
        warn("the supercell has a lower symmetry than the crystal, and so will its phonons: repeat the cell evenly")
    width = supercell_width(phonopy)
    if width < SMALLEST_WIDTH:
        warn(
            f"the supercell is only {width:.1f} Å wide: atoms may feel their own images, and frequencies away from the "
            "q-points that fit it are not to be trusted; take --min-length 10 or more"
        )


def judge_force_constants(constants: ForceConstants) -> None:
    """Warn where they broke the acoustic sum rule by much."""
    if constants.sum_rule_violation > LARGEST_VIOLATION * constants.largest:
        warn(
            f"force constants broke the acoustic sum rule by {constants.sum_rule_violation:.2g} eV/Å² before it was "
            "imposed: forces are noisy or depend on absolute positions"
        )
