"""Phonons from finite displacements through phonopy: bands, density of states, thermal properties, imaginary modes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import not_
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.at_rest import largest_force, refuse_unless_forced, require_numbers
from equical.workflows.common.crystal import bare_crystal, require_total_energy, right_handed
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.phonon.files import PHONON_FILES, write_phonon
from equical.workflows.phonon.forces import (
    SYMPREC,
    displaced_supercells,
    make_force_constants,
    repeats_for_length,
    symmetry_dataset,
)
from equical.workflows.phonon.judgement import (
    LARGEST_FORCE,
    judge_force_constants,
    judge_supercell,
    judge_symmetry,
    supercell_width,
)
from equical.workflows.phonon.modes import (
    ImaginaryMode,
    ThermalProperties,
    find_imaginary_modes,
    run_bands,
    run_dos,
    run_mesh,
    run_thermal,
)
from equical.workflows.phonon.projections import run_projections
from equical.workflows.phonon.result import PhononResult
from equical.workflows.phonon.settings import PhononSettings
from equical.workflows.relax import relax

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["phonon"]

PURPOSE = "a phonon calculation"

METERS_PER_SECOND = 100.0
"""In phonopy's unit of velocities, Å THz."""


@formerly(quiet=("progress", not_))
@surroundings_kept()
def phonon(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    supercell: Sequence[int] | float = 10.0,
    displacement: float = 0.01,
    mesh: float = 100.0,
    temperatures: Sequence[float] | None = None,
    relax_first: bool = False,
    force: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> PhononResult:
    """Compute phonons of a crystal by finite displacements in a supercell, with phonopy.

    The forces of the supercell at rest are subtracted from those of the displaced ones; force constants are made
    symmetric and to obey the acoustic sum rule. There is no non-analytical correction, as a force field knows no Born
    charges: LO-TO splitting is missing (add a ``BORN`` file and go on from ``phonopy.yaml`` with phonopy's own tools).

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            shipped model that is made for them.
        supercell: three numbers of repeats, or the least distance in Å between opposite faces of the supercell.
        displacement: Å.
        mesh: Å. Density of states and thermal properties are summed over ``mesh |b|`` points along each reciprocal
            vector b (without 2π).
        temperatures: K; by default 0 to 1000 in steps of 10.
        relax_first: relax the ions first, within the cell and the space group.
        force: go on although the structure has forces above 1e-3 eV/Å.
        output: folder for ``result.json``, ``thermal.csv`` (per atom), ``displacements.csv`` (mean squares of each
            atom), ``structure.extxyz``, plots, and what phonopy's own tools go on from: ``phonopy.yaml`` (all of it;
            they overwrite it with a summary of theirs), ``force_constants.hdf5``, ``band.yaml`` (with group
            velocities), ``total_dos.dat``, ``projected_dos.dat`` and ``thermal_properties.yaml``.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; every calculation done is found again.
        progress: show a progress bar.

    Raises:
        InputError: not a crystal, not relaxed, or settings out of range.
    """
    began = time.perf_counter()
    settings = PhononSettings(supercell, displacement, mesh, temperatures, relax_first, force)  # type: ignore[arg-type]
    with RunFolder(output, PHONON_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        crystal = right_handed(bare_crystal(atoms, PURPOSE, vacuum_allowed=True))
        calc = resolve_calculator(calculator, atoms)
        require_total_energy(calc, PURPOSE)
        warn_if_unsuitable(calc, crystal, PURPOSE)
        store = Evaluations(folder, "forces", calc)
        given = crystal.copy()
        if relax_first:
            relaxed = store.get("relaxed", crystal, lambda a: _relaxed(a, calc))
            crystal.set_positions(relaxed["positions"])
        unit_cell = store.get("unit-cell", crystal, lambda a: {"forces": calc.get_forces(a)})
        require_numbers(unit_cell["forces"], "forces", "the unit cell")
        max_force = largest_force(unit_cell["forces"])
        if max_force > LARGEST_FORCE:
            needed = f"phonons need a structure relaxed to {LARGEST_FORCE:g} eV/Å"
            found = f"the largest force is {max_force:.2g} eV/Å, and {needed}"
            refuse_unless_forced(found, relax_first=relax_first, force=force)
        folder.begin("phonon", settings, calc, given)
        warn_if_unknown(calc, crystal, "the crystal")

        repeats = settings.supercell
        if isinstance(repeats, float):
            repeats = repeats_for_length(crystal.cell[:], repeats)
        judge_symmetry(crystal)
        phonopy = displaced_supercells(crystal, repeats, displacement, SYMPREC)
        constants = make_force_constants(phonopy, calc, store, progress)
        with progress_bar(None, "bands", "", show=progress, total=4, bar_format="{desc}") as bar:
            segments = run_bands(phonopy, velocities=True)
            bar.set_description("density of states")
            run_mesh(phonopy, mesh)
            run_dos(phonopy)
            bar.set_description("thermal properties")
            thermal = run_thermal(phonopy, np.array(settings.temperatures))
            imaginary = find_imaginary_modes(phonopy, segments)
            bar.set_description("projections on atoms")
            atomic = run_projections(phonopy, mesh, thermal.temperatures)
        judge_supercell(phonopy)
        judge_force_constants(constants)
        _judge(imaginary, thermal)

        dataset = symmetry_dataset(crystal, SYMPREC)
        result = PhononResult(
            structure=crystal,
            displacement=displacement,
            max_force=max_force,
            supercell=repeats,
            supercell_width=supercell_width(phonopy),
            space_group="unknown" if dataset is None else f"{dataset.international} ({dataset.number})",
            num_displacements=len(phonopy.supercells_with_displacements),
            num_reused=store.reused,
            band_segments=segments,
            band_qpoints=phonopy.band_structure.qpoints,
            band_frequencies=phonopy.band_structure.frequencies,
            band_velocities=[METERS_PER_SECOND * found for found in phonopy.band_structure.group_velocities],
            dos_frequencies=phonopy.total_dos.frequency_points,
            dos=phonopy.total_dos.dos,
            thermal=thermal,
            atomic=atomic,
            imaginary_modes=imaginary,
            force_constants=constants,
            phonopy=phonopy,
            converged=max_force <= LARGEST_FORCE,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_phonon(folder, result)
            folder.finish(result, calc)
    return result


def _relaxed(atoms: Atoms, calculator: BaseCalculator) -> dict[str, NDArray[np.float64]]:
    relaxed = relax(atoms, calculator, fmax=LARGEST_FORCE / 2, symmetry=True)
    return {"positions": relaxed.atoms.positions}  # the force left is checked


def _judge(imaginary: list[ImaginaryMode], thermal: ThermalProperties) -> None:
    """Say what is left out where the crystal is not stable."""
    if imaginary:
        exact = any(mode.where == "supercell" for mode in imaginary)
        doubt = "" if exact else "; none at the q-points that fit the supercell: try a larger one"
        warn(f"imaginary modes, down to {imaginary[0]}{doubt}")
        warn(f"thermal properties leave out {100 * thermal.left_out:.2g} % of the modes: imaginary or zero")
