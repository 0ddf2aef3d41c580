"""Lattice thermal conductivity: second- and third-order force constants, and the Boltzmann equation of phonons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.neighbors.cells import heights
from equical.workflows.common.at_rest import largest_force
from equical.workflows.common.crystal import bare_crystal, require_total_energy, right_handed
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.spacegroup import space_group
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.conductivity.files import CONDUCTIVITY_FILES, write_conductivity
from equical.workflows.conductivity.result import ConductivityResult
from equical.workflows.conductivity.settings import ConductivitySettings, Method
from equical.workflows.conductivity.third_order import anharmonic_supercells, make_third_order, require_phono3py
from equical.workflows.conductivity.transport import Transport, mesh_numbers, run_transport
from equical.workflows.phonon.at_rest import LARGEST_STRESS, as_atoms, relaxed_arrays
from equical.workflows.phonon.forces import (
    SYMPREC,
    displaced_supercells,
    has_isotopes,
    make_force_constants,
    repeats_for_length,
)
from equical.workflows.phonon.judgement import (
    LARGEST_FORCE,
    judge_force_constants,
    judge_supercell,
    judge_symmetry,
)
from equical.workflows.phonon.modes import find_imaginary_modes, run_bands, run_mesh

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator
    from phono3py import Phono3py
    from phonopy import Phonopy

__all__ = ["conductivity"]

PURPOSE = "thermal conductivity"

COARSER = 0.75
"""Of the mesh: what the answer is compared with, for a sixth of the time."""

MESH_DEPENDENCE = 0.05
"""Relative difference between the meshes above which there is a warning."""

NOTHING = 1e-6
"""W/m/K. What a mesh too coarse for any scattering gives."""

SMALLEST_THIRD_WIDTH = 7.0
"""Å. Third-order force constants reach less far than those of second order."""


@surroundings_kept()
def conductivity(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    supercell: Sequence[int] | float = 10.0,
    third_order_supercell: Sequence[int] | float = 8.0,
    pair_cutoff: float | None = None,
    displacement: float = 0.03,
    mesh: float = 50.0,
    temperatures: Sequence[float] | None = None,
    method: Method = "rta",
    isotopes: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> ConductivityResult:
    """Compute the lattice thermal conductivity of a crystal: what heat its phonons carry.

    The crystal is relaxed first, cell and ions, within its space group. Force constants of second and third order come
    from finite displacements of one and of two atoms; phono3py solves the Boltzmann equation of phonons with them.
    There is no non-analytical correction, as a force field knows no Born charges.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            shipped model that is made for them. It must give stresses.
        supercell: of the second-order force constants: three numbers of repeats, or the least distance in Å between
            opposite faces of the supercell.
        third_order_supercell: the same of the third-order force constants.
        pair_cutoff: Å. Pairs of atoms farther apart are not displaced together; None for all pairs in the supercell.
        displacement: Å.
        mesh: Å. The equation is solved on ``mesh |b|`` wave vectors along each reciprocal vector b (without 2π), and on
            three quarters of them to see whether they suffice.
        temperatures: K, ascending; by default 100 to 1000 in steps of 100.
        method: ``"rta"`` (relaxation-time approximation), or ``"lbte"`` (the linearized Boltzmann equation solved
            directly, which takes more time and memory).
        isotopes: let phonons scatter at the natural mixture of isotopes of each element, too.
        output: folder for ``result.json``, ``conductivity.csv``, ``modes.csv``, ``structure.extxyz``, plots, and what
            phono3py's own tools go on from: ``phono3py_params.yaml``.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``, or with another mesh, other temperatures or another method;
            every force calculated is found again.
        progress: show a progress bar.

    Raises:
        InputError: phono3py is not installed; not a crystal; settings out of range; ions that cannot be relaxed;
            imaginary modes, before any pair of atoms is displaced.
    """
    began = time.perf_counter()
    require_phono3py()
    settings = ConductivitySettings(
        supercell,  # type: ignore[arg-type]
        displacement,
        mesh,
        temperatures,
        third_order_supercell,  # type: ignore[arg-type]
        pair_cutoff,
        method,
        isotopes,
    )
    with RunFolder(output, CONDUCTIVITY_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        crystal = right_handed(bare_crystal(atoms, PURPOSE))
        calc = resolve_calculator(calculator, atoms)
        require_total_energy(calc, PURPOSE)
        warn_if_unsuitable(calc, crystal, PURPOSE)
        second, third = (Evaluations(folder, f"forces/{order}-order", calc) for order in ("second", "third"))
        relaxed = second.get("relaxed", crystal, lambda a: relaxed_arrays(a, calc, "free"))
        folder.begin("conductivity", settings, calc, crystal)
        structure = _at_rest(as_atoms(crystal, relaxed), bool(relaxed["converged"]))

        warn_if_unknown(calc, structure, "the crystal")
        judge_symmetry(structure)
        phonopy = displaced_supercells(structure, _repeats(structure, settings.supercell), displacement, SYMPREC)
        judge_force_constants(make_force_constants(phonopy, calc, second, progress))
        judge_supercell(phonopy)
        _refuse_if_unstable(phonopy, mesh)

        repeats = _repeats(structure, settings.third_order_supercell)
        phono3py = anharmonic_supercells(phonopy, repeats, displacement, pair_cutoff, not has_isotopes(structure))
        width = float(heights(phono3py.supercell.cell).min())
        if width < SMALLEST_THIRD_WIDTH:
            warn(f"the supercell of the third order is only {width:.1f} Å wide: conductivity may depend on it")
        pairs = make_third_order(phono3py, calc, third, progress)
        transport, coarser = _on_two_meshes(phono3py, settings, progress)

        result = ConductivityResult(
            structure=structure,
            temperatures=np.array(settings.temperatures),
            method=method,
            isotopes=isotopes,
            transport=transport,
            coarser=coarser,
            supercell=_repeats(structure, settings.supercell),
            third_order_supercell=repeats,
            third_order_width=width,
            space_group=space_group(structure) or "unknown",
            max_frequency=float(phonopy.mesh.frequencies.max()),
            num_displacements=len(phonopy.supercells_with_displacements) + pairs,
            num_reused=second.reused + third.reused,
            phono3py=phono3py,
            converged=bool(relaxed["converged"]),
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_conductivity(folder, result)
            folder.finish(result, calc)
    return result


def _at_rest(structure: Atoms, converged: bool) -> Atoms:
    max_force = largest_force(structure.get_forces())
    if max_force > LARGEST_FORCE:
        raise InputError(
            f"the ions could not be relaxed: the largest force is {max_force:.2g} eV/Å, and phonons need "
            f"{LARGEST_FORCE:g}; try equical relax on the crystal first"
        )
    if not converged:
        warn(f"the crystal was not relaxed to a stress of {LARGEST_STRESS:g} GPa")
    return structure


def _repeats(structure: Atoms, supercell: Sequence[int] | float) -> tuple[int, int, int]:
    if isinstance(supercell, float):
        return repeats_for_length(structure.cell[:], supercell)
    a, b, c = supercell
    return a, b, c


def _refuse_if_unstable(phonopy: Phonopy, mesh: float) -> None:
    segments = run_bands(phonopy)
    run_mesh(phonopy, mesh)
    imaginary = find_imaginary_modes(phonopy, segments)
    if imaginary:
        raise InputError(
            f"imaginary modes, down to {imaginary[0]}: a crystal that is not stable has no phonons that carry heat; "
            "look at it with equical phonon, try a larger --supercell, or another model"
        )


def _on_two_meshes(
    phono3py: Phono3py, settings: ConductivitySettings, progress: bool
) -> tuple[Transport, Transport | None]:
    """On the mesh asked for and on a coarser one, with a warning where they differ."""
    lengths = [COARSER * settings.mesh, settings.mesh]
    if mesh_numbers(phono3py, lengths[0]) == mesh_numbers(phono3py, lengths[1]):
        lengths = lengths[1:]
    kelvin = np.array(settings.temperatures)
    *coarser, transport = [
        run_transport(phono3py, length, kelvin.tolist(), settings.method, settings.isotopes)
        for length in progress_bar(lengths, "Boltzmann equation", "meshes", show=progress)
    ]
    if not coarser:
        return transport, None
    change = (coarser[0].mean - transport.mean) / np.maximum(transport.mean, NOTHING)
    worst = int(np.argmax(abs(change)))
    if abs(change[worst]) > MESH_DEPENDENCE:
        one, other = ("×".join(map(str, found.mesh)) for found in (coarser[0], transport))
        warn(
            f"conductivity depends on the mesh: at {kelvin[worst]:g} K it is {100 * change[worst]:+.0f} % on {one} "
            f"instead of {other}; a larger --mesh with --resume computes no forces again"
        )
    return transport, coarser[0]
