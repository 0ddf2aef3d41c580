"""Quasi-harmonic approximation: phonons over volumes, and the crystal of least free energy at each temperature."""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.common.at_rest import largest_force
from equical.workflows.common.crystal import bare_crystal, require_total_energy, right_handed, with_volume
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.spacegroup import space_group
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.phonon.at_rest import LARGEST_STRESS, as_atoms, relaxed_arrays
from equical.workflows.phonon.forces import SYMPREC, displaced_supercells, make_force_constants, repeats_for_length
from equical.workflows.phonon.judgement import (
    LARGEST_FORCE,
    judge_force_constants,
    judge_supercell,
    supercell_width,
)
from equical.workflows.phonon.modes import ThermalProperties, find_imaginary_modes, run_bands, run_mesh, run_thermal
from equical.workflows.qha.equilibrium import find_equilibrium, with_neighbors
from equical.workflows.qha.files import QHA_FILES, write_qha
from equical.workflows.qha.result import QhaResult
from equical.workflows.qha.settings import QhaSettings

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator
    from phonopy import Phonopy

__all__ = ["qha"]

PURPOSE = "the quasi-harmonic approximation"


@surroundings_kept()
def qha(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    volume_range: Sequence[float] = (0.97, 1.09),
    num_volumes: int = 9,
    form: str = "vinet",
    pressure: float = 0.0,
    supercell: Sequence[int] | float = 10.0,
    displacement: float = 0.01,
    mesh: float = 100.0,
    temperatures: Sequence[float] | None = None,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> QhaResult:
    """Compute thermal expansion, heat capacity, bulk modulus and Gibbs energy of a crystal against temperature.

    The crystal is relaxed first, cell and ions, within its space group. It is then scaled to several volumes, where
    ions and the shape of the cell are relaxed again, and phonons are computed as :func:`.phonon` does. At each
    temperature phonopy minimises the sum of the energy at rest, the free energy of the vibrations and the work against
    the pressure over the volume.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            default model. It must give stresses.
        volume_range: smallest and largest volume, relative to that of the relaxed crystal.
        num_volumes: at least 5, evenly spaced.
        form: equation of state of the free energy at each temperature: ``"vinet"``, ``"birchmurnaghan"`` or
            ``"murnaghan"``.
        pressure: GPa, hydrostatic, positive when it compresses.
        supercell: three numbers of repeats, or the least distance in Å between opposite faces of the supercell of the
            relaxed crystal; the repeats are the same at all volumes.
        displacement: Å.
        mesh: Å. Thermal properties are summed over ``mesh |b|`` points along each reciprocal vector b (without 2π).
        temperatures: K, ascending; by default 0 to 1000 in steps of 10.
        output: folder for ``result.json``, ``qha.csv`` (against temperature), ``volumes.csv``, ``helmholtz.csv`` (free
            energy at each temperature and volume), ``structures.extxyz`` and plots.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``, or with a refused one and other volumes, temperatures,
            pressure or form; every calculation done is found again.
        progress: show a progress bar.

    Raises:
        InputError: not a crystal; settings out of range; ions that cannot be relaxed or imaginary modes at one of the
            volumes; a free energy without a minimum between the volumes.
    """
    began = time.perf_counter()
    settings = QhaSettings(
        supercell,  # type: ignore[arg-type]
        displacement,
        mesh,
        temperatures,
        volume_range,
        num_volumes,
        form,
        pressure,
    )
    with RunFolder(output, QHA_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        crystal = right_handed(bare_crystal(atoms, PURPOSE))
        calc = resolve_calculator(calculator, atoms)
        require_total_energy(calc, PURPOSE)
        warn_if_unsuitable(calc, crystal, PURPOSE)
        store = Evaluations(folder, "volumes", calc)
        at_rest = store.get("relaxed", crystal, lambda a: relaxed_arrays(a, calc, "free"))
        folder.begin("qha", settings, calc, crystal)
        reference = as_atoms(crystal, at_rest)
        warn_if_unknown(calc, reference, "the crystal")
        repeats = settings.supercell
        if isinstance(repeats, float):
            repeats = repeats_for_length(reference.cell[:], repeats)

        smallest, largest = settings.volume_range
        ratios = np.linspace(smallest, largest, num_volumes).round(4)
        kelvin = settings.temperatures or ()
        points: list[_Phonons] = []
        # From the largest volume on: what is unstable is so there most often, and is told at once.
        for ratio in progress_bar(ratios[::-1].tolist(), "volumes", "volumes", show=progress):
            name = f"{ratio:.4f}"
            start = with_volume(reference, ratio)
            relaxed = store.get(name, start, lambda a: relaxed_arrays(a, calc, "fixed-volume"))
            forces = Evaluations(folder, f"forces/{name}", calc)
            points.insert(0, _phonons(ratio, as_atoms(start, relaxed), relaxed, calc, settings, repeats, forces))
        judge_supercell(points[0].phonopy)
        unrelaxed = [f"{ratio:g}" for ratio, point in zip(ratios, points, strict=True) if not point.converged]
        if not at_rest["converged"]:
            unrelaxed.insert(0, "1 (the start)")
        if unrelaxed:
            warn(f"not relaxed to a stress of {LARGEST_STRESS:g} GPa at V/V_relaxed = {', '.join(unrelaxed)}")

        num_atoms = len(crystal)
        volumes = np.array([point.structure.get_volume() for point in points]) / num_atoms
        energies = np.array([point.structure.get_potential_energy() for point in points]) / num_atoms
        vibrations = [point.thermal for point in points]
        equilibrium = find_equilibrium(
            volumes, energies, vibrations, temperatures=kelvin, form=form, pressure=pressure
        )  # fmt: skip
        asked = np.searchsorted(vibrations[0].temperatures, np.round(kelvin, 9))
        result = QhaResult(
            temperatures=np.array(kelvin),
            equilibrium=equilibrium,
            form=form,
            pressure=pressure,
            ratios=ratios,
            volumes=volumes,
            energies=energies,
            zero_point_energies=np.array([one.zero_point_energy for one in vibrations]),
            helmholtz=energies + np.array([one.free_energy[asked] for one in vibrations]).T,
            structures=[point.structure for point in points],
            supercell=repeats,
            supercell_width=supercell_width(points[0].phonopy),
            space_group=space_group(reference) or "unknown",
            num_displacements=sum([len(point.phonopy.supercells_with_displacements) for point in points]),
            num_reused=store.reused + sum(point.num_reused for point in points),
            converged=not unrelaxed,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_qha(folder, result)
            folder.finish(result, calc)
    return result


class _Phonons(NamedTuple):
    """What one volume gives."""

    structure: Atoms
    converged: bool
    thermal: ThermalProperties
    phonopy: Phonopy
    num_reused: int


def _phonons(
    ratio: float,
    structure: Atoms,
    relaxed: Arrays,
    calculator: BaseCalculator,
    settings: QhaSettings,
    repeats: tuple[int, int, int],
    forces: Evaluations,
) -> _Phonons:
    """Phonons at one volume; refused where they say nothing about a free energy."""
    where = f"at {ratio:g} of the relaxed volume"
    max_force = largest_force(relaxed["forces"])
    if max_force > LARGEST_FORCE:
        raise InputError(
            f"the ions could not be relaxed {where}: the largest force is {max_force:.2g} eV/Å, and phonons need "
            f"{LARGEST_FORCE:g}; try equical relax on the crystal first, or a narrower --volume-range"
        )
    phonopy = displaced_supercells(structure, repeats, settings.displacement, SYMPREC)
    judge_force_constants(make_force_constants(phonopy, calculator, forces, progress=False))
    segments = run_bands(phonopy)
    run_mesh(phonopy, settings.mesh)
    imaginary = find_imaginary_modes(phonopy, segments)
    if imaginary:
        raise InputError(
            f"imaginary modes {where}, down to {imaginary[0]}: the free energy of a crystal that is not stable means "
            "nothing; leave such volumes out (--volume-range, with --resume), or look at them with equical phonon"
        )
    return _Phonons(
        structure=structure,
        converged=bool(relaxed["converged"]),
        thermal=run_thermal(phonopy, with_neighbors(settings.temperatures or ())),
        phonopy=phonopy,
        num_reused=forces.reused,
    )
