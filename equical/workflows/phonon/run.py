"""Phonons from finite displacements through phonopy: bands, density of states, thermal properties, imaginary modes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from phonopy import Phonopy
from tqdm import tqdm

from equical.errors import InputError
from equical.neighbors.cells import heights
from equical.workflows.common.crystal import bare_crystal, largest_force, require_total_energy, warn_each
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.output import open_output, removed_if_empty, resolve_calculator
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.phonon.files import FILES, write_phonon
from equical.workflows.phonon.forces import (
    ForceConstants,
    displaced_supercells,
    make_force_constants,
    repeats_for_length,
)
from equical.workflows.phonon.modes import (
    ImaginaryMode,
    ThermalProperties,
    find_imaginary_modes,
    run_bands,
    run_dos,
    run_thermal,
)
from equical.workflows.relax.run import RelaxSettings, run_relaxation

__all__ = ["PhononResult", "phonon"]

LARGEST_FORCE = 1e-3
"""eV/Å. A structure with a larger force is refused: it is no minimum, and what phonons tell about it is not either."""

SMALLEST_WIDTH = 8.0
"""Å. Between opposite faces of the supercell; a smaller one is accepted with a warning."""

LARGEST_VIOLATION = 0.02
"""Of the acoustic sum rule, relative to the largest force constant; a larger one is reported as a warning."""

SYMPREC = 1e-4
"""Å. Tolerance of the symmetry search."""


@dataclass(frozen=True)
class PhononResult:
    """Phonons of a crystal. Imaginary frequencies are negative numbers.

    Attributes:
        structure: the crystal, relaxed if asked.
        max_force: eV/Å, its largest force.
        supercell: repeats of it along its three vectors.
        supercell_width: Å, least distance between opposite faces of the supercell.
        space_group: symbol and number.
        num_displacements: number of displaced supercells.
        num_reused: how many calculations were found from an interrupted run.
        band_segments: ``[(start, end)]`` labels of each segment of the band path.
        band_qpoints: for each segment ``[Q, 3]`` in the basis of the primitive cell's reciprocal vectors.
        band_frequencies: for each segment ``[Q, B]`` THz.
        dos_frequencies: ``[F]`` THz.
        dos: ``[F]`` states per THz and primitive cell.
        thermal: free energy, entropy and heat capacity per atom.
        imaginary_modes: the worst of each band in each place, in ascending order of frequency; none where the crystal
            is dynamically stable.
        force_constants: residual force, and violation of the acoustic sum rule before it was imposed.
        warnings: what to bear in mind; empty where all is well.
        converged: the structure has no force above 1e-3 eV/Å.
        phonopy: the ``Phonopy`` object, for whatever else phonopy can do.
    """

    structure: Atoms = field(repr=False)
    max_force: float
    supercell: tuple[int, int, int]
    supercell_width: float
    space_group: str
    num_displacements: int
    num_reused: int
    band_segments: list[tuple[str, str]] = field(repr=False)
    band_qpoints: list[NDArray[np.float64]] = field(repr=False)
    band_frequencies: list[NDArray[np.float64]] = field(repr=False)
    dos_frequencies: NDArray[np.float64] = field(repr=False)
    dos: NDArray[np.float64] = field(repr=False)
    thermal: ThermalProperties = field(repr=False)
    imaginary_modes: list[ImaginaryMode]
    force_constants: ForceConstants
    warnings: tuple[str, ...]
    converged: bool
    phonopy: Phonopy = field(repr=False)


def phonon(  # noqa: PLR0913
    atoms: Atoms,
    calculator: BaseCalculator | str | None = None,
    *,
    supercell: Sequence[int] | float = 10.0,
    displacement: float = 0.01,
    mesh: float = 100.0,
    temperatures: Sequence[float] | None = None,
    relax_first: bool = False,
    force: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = True,
) -> PhononResult:
    """Compute phonons of a crystal by finite displacements in a supercell, with phonopy.

    The forces of the supercell at rest are subtracted from those of the displaced ones; force constants are made
    symmetric and to obey the acoustic sum rule. There is no non-analytical correction, as a force field knows no Born
    charges: LO-TO splitting is missing (add a ``BORN`` file and go on from ``phonopy.yaml`` with phonopy's own tools).

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            default model.
        supercell: three numbers of repeats, or the least distance in Å between opposite faces of the supercell.
        displacement: Å.
        mesh: Å. Density of states and thermal properties are summed over ``mesh |b|`` points along each reciprocal
            vector b (without 2π).
        temperatures: K; by default 0 to 1000 in steps of 10.
        relax_first: relax the ions first, within the cell and the space group.
        force: go on although the structure has forces above 1e-3 eV/Å.
        output: folder for ``result.json``, ``thermal.csv`` (per atom), ``structure.extxyz``, plots, and what phonopy's
            own tools go on from: ``phonopy.yaml`` (all of it; they overwrite it with a summary of theirs),
            ``force_constants.hdf5``, ``band.yaml``, ``total_dos.dat`` and ``thermal_properties.yaml``.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; every calculation done is found again.
        quiet: show no progress.

    Raises:
        InputError: not a crystal, not relaxed, or settings out of range.
    """
    start = time.perf_counter()
    crystal = bare_crystal(atoms, "a phonon calculation", vacuum_allowed=True)
    if crystal.cell.handedness < 0:  # phonopy wants right-handed cells; minus the vectors span the same lattice
        crystal.set_cell(-crystal.cell[:])
    repeats = _repeats(crystal, supercell)
    kelvin = _check_settings(displacement, mesh, temperatures)
    calc = resolve_calculator(calculator, atoms)
    require_total_energy(calc, "a phonon calculation")
    warn_if_unsuitable(calc, crystal, "a phonon calculation")
    folder = None
    if output is not None:
        folder = open_output(
            output, "phonon", crystal.get_chemical_formula(), FILES, overwrite=overwrite, resume=resume
        )
    store = Evaluations(folder and folder / "forces", calc, {}, resume=resume)

    with removed_if_empty(folder), store.forgotten_if_refused():
        if relax_first:
            relaxed = store.get("relaxed", crystal, lambda a: _relaxed(a, calc))
            crystal.set_positions(relaxed["positions"])
        unit_cell = store.get("unit-cell", crystal, lambda a: {"forces": calc.get_forces(a)})
        max_force = largest_force(unit_cell["forces"])
        notes = _check_relaxed(max_force, relax_first, force)

    phonopy = displaced_supercells(crystal, repeats, displacement, SYMPREC)
    constants = make_force_constants(phonopy, calc, store, quiet)
    with tqdm(total=3, desc="phonons", bar_format="{desc}", disable=quiet or None) as progress:
        segments = run_bands(phonopy)
        progress.set_description("density of states")
        run_dos(phonopy, mesh)
        progress.set_description("thermal properties")
        thermal = run_thermal(phonopy, kelvin)
    imaginary = find_imaginary_modes(phonopy, segments)
    width = float(heights(phonopy.supercell.cell).min())
    if len(phonopy.symmetry.pointgroup_operations) < len(phonopy.primitive_symmetry.pointgroup_operations):
        notes.append(
            "the supercell has a lower symmetry than the crystal, and so will its phonons: repeat the cell evenly"
        )
    notes += _warnings(width, constants, imaginary, thermal)

    dataset = phonopy.primitive_symmetry.dataset
    result = PhononResult(
        structure=crystal,
        max_force=max_force,
        supercell=repeats,
        supercell_width=width,
        space_group=f"{dataset.international} ({dataset.number})",
        num_displacements=len(phonopy.supercells_with_displacements),
        num_reused=store.reused,
        band_segments=segments,
        band_qpoints=phonopy.band_structure.qpoints,
        band_frequencies=phonopy.band_structure.frequencies,
        dos_frequencies=phonopy.total_dos.frequency_points,
        dos=phonopy.total_dos.dos,
        thermal=thermal,
        imaginary_modes=imaginary,
        force_constants=constants,
        warnings=tuple(notes),
        converged=max_force <= LARGEST_FORCE,
        phonopy=phonopy,
    )
    if folder is not None:
        write_phonon(folder, result, displacement, calc, time.perf_counter() - start)
    warn_each(result.warnings)
    return result


def _repeats(crystal: Atoms, supercell: Sequence[int] | float) -> tuple[int, int, int]:
    if isinstance(supercell, int | float):
        if not 0 < supercell < 200:
            raise InputError(f"supercell {supercell:g}: give a length in Å such as 10, or three numbers of repeats")
        return repeats_for_length(crystal.cell[:], supercell)
    repeats = np.asarray(supercell)
    if repeats.shape != (3,) or (repeats < 1).any() or (repeats != np.rint(repeats)).any():
        raise InputError(f"supercell {supercell}: give three numbers of repeats, or one length in Å")
    a, b, c = (int(n) for n in repeats)
    return a, b, c


def _check_settings(displacement: float, mesh: float, temperatures: Sequence[float] | None) -> NDArray[np.float64]:
    """Refuse settings out of range; return the temperatures."""
    if not 0 < displacement <= 0.2:
        raise InputError(f"a displacement of {displacement:g} Å is not in the harmonic range: give one such as 0.01")
    if not mesh > 0:
        raise InputError(f"mesh {mesh:g}: give a length in Å such as 100; longer is denser")
    kelvin = np.arange(0, 1001, 10.0) if temperatures is None else np.asarray(temperatures, dtype=float)
    if kelvin.ndim != 1 or kelvin.size == 0 or not (kelvin >= 0).all():
        raise InputError("temperatures must be a list of numbers of kelvin, none of them negative")
    return kelvin


def _relaxed(atoms: Atoms, calculator: BaseCalculator) -> dict[str, NDArray[np.float64]]:
    settings = RelaxSettings(fmax=LARGEST_FORCE / 2, symmetry=True)
    return {"positions": run_relaxation(atoms, calculator, settings).atoms.positions}  # the force left is checked


def _check_relaxed(max_force: float, relax_first: bool, force: bool) -> list[str]:
    """Refuse a structure with forces, or accept it with a warning."""
    if max_force <= LARGEST_FORCE:
        return []
    found = f"the largest force is {max_force:.2g} eV/Å, and phonons need a structure relaxed to {LARGEST_FORCE:g} eV/Å"
    if not max_force < np.inf:
        raise InputError("the calculator returned forces that are not numbers")
    if force:
        return [found]
    if relax_first:
        raise InputError(f"the relaxation did not converge: {found}; try equical relax, or insist with --force")
    raise InputError(f"{found}: relax it first (--relax-first, or equical relax), or insist with --force")


def _warnings(
    width: float, constants: ForceConstants, imaginary: list[ImaginaryMode], thermal: ThermalProperties
) -> list[str]:
    notes = []
    if width < SMALLEST_WIDTH:
        notes.append(
            f"the supercell is only {width:.1f} Å wide: atoms may feel their own images, and frequencies away from the "
            "q-points that fit it are not to be trusted; take --min-length 10 or more"
        )
    if constants.sum_rule_violation > LARGEST_VIOLATION * constants.largest:
        notes.append(
            f"force constants broke the acoustic sum rule by {constants.sum_rule_violation:.2g} eV/Å² before it was "
            "imposed: forces are noisy or depend on absolute positions"
        )
    if imaginary:
        worst = imaginary[0]
        q = ", ".join(f"{x:.4g}" for x in worst.q)
        exact = any(mode.where == "supercell" for mode in imaginary)
        doubt = "" if exact else "; none at the q-points that fit the supercell: try a larger one"
        where = f"q = ({q}) ({worst.where}), band {worst.band}"
        notes.append(f"imaginary modes, down to {worst.frequency:.2f} THz at {where}{doubt}")
        notes.append(f"thermal properties leave out {100 * thermal.left_out:.2g} % of the modes: imaginary or zero")
    return notes
