"""Forces on supercells with one and two displaced atoms, and the third-order force constants phono3py makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from phonopy.structure.atoms import PhonopyAtoms

from equical.errors import InputError
from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.progress import progress_bar
from equical.workflows.phonon.forces import lower_symmetry_is_told
from equical.workflows.phonon.modes import ZERO

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator
    from phono3py import Phono3py
    from phonopy import Phonopy

    from equical.workflows.common.evaluations import Evaluations

__all__ = ["anharmonic_supercells", "make_third_order", "require_phono3py"]


def require_phono3py() -> type[Phono3py]:
    """The class that does it.

    Raises:
        InputError: phono3py is not installed.
    """
    try:
        from phono3py import Phono3py
    except ImportError:
        raise InputError(
            "thermal conductivity needs phono3py, which is not installed here: pip install 'equical[conductivity]'"
        ) from None
    return Phono3py


def anharmonic_supercells(
    phonopy: Phonopy, supercell: tuple[int, int, int], displacement: float, cutoff: float | None, symmetry: bool
) -> Phono3py:
    """Set up phono3py with harmonic force constants, and the displacements of pairs that are not related by symmetry.

    Args:
        phonopy: of the same crystal, with its force constants.
        supercell: repeats of the crystal for third-order force constants.
        displacement: Å.
        cutoff: Å, of pairs; None for all of them.
        symmetry: whether phono3py may use that of the crystal.
    """
    with lower_symmetry_is_told():
        phono3py = require_phono3py()(
            phonopy.unitcell,
            np.diag(supercell),
            primitive_matrix=phonopy.primitive_matrix,
            phonon_supercell_matrix=phonopy.supercell_matrix,
            cutoff_frequency=ZERO,
            is_symmetry=symmetry,
            symprec=phonopy.symmetry.tolerance,
        )
    phono3py.phonon_dataset = phonopy.dataset
    phono3py.fc2 = phonopy.force_constants
    phono3py.generate_displacements(distance=displacement, cutoff_pair_distance=cutoff)
    return phono3py


def make_third_order(phono3py: Phono3py, calculator: BaseCalculator, store: Evaluations, progress: bool) -> int:
    """Calculate the forces that are not in ``store`` yet, several supercells at a time, and make force constants.

    These are symmetric in their three atoms and obey the acoustic sum rule.

    Returns:
        The number of displaced supercells.

    Raises:
        InputError: the calculator failed, or returned forces that are not numbers.
    """
    displaced = phono3py.supercells_with_displacements  # None for pairs that are farther apart than the cutoff
    cells = {f"{number:05d}": _as_atoms(cell) for number, cell in enumerate(displaced, start=1) if cell is not None}
    at_rest = _as_atoms(phono3py.supercell)

    def calculate(structures: list[Atoms]) -> list[dict[str, NDArray[np.float64]]]:
        return [{"forces": found.forces} for found in evaluate_all(calculator, structures, "displaced supercell")]

    found = store.get_all({"at-rest": at_rest} | cells, calculate)
    title = f"displaced pairs among {len(at_rest)} atoms"
    bar = progress_bar(found, title, "cells", show=progress, total=len(cells) + 1)
    residual, *forces = [one["forces"] for one in bar]
    differences = iter([one - residual for one in forces])
    nothing = np.zeros((len(at_rest), 3))
    phono3py.forces = [nothing if cell is None else next(differences) for cell in displaced]
    phono3py.produce_fc3()
    phono3py.symmetrize_fc3()
    return len(cells)


def _as_atoms(cell: PhonopyAtoms) -> Atoms:
    return Atoms(cell.numbers, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
