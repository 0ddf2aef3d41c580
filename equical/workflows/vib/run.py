"""Vibrations by finite differences: frequencies, modes, zero-point energy, thermochemistry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.at_rest import largest_force, refuse_unless_forced
from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.crystal import require_total_energy
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.molecule import as_molecule, geometry_of, rigid_motions
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.relax import relax
from equical.workflows.vib.files import VIB_FILES, write_vib
from equical.workflows.vib.hessian import Hessian, make_hessian
from equical.workflows.vib.modes import ImaginaryVibration, NormalModes, find_modes, movers
from equical.workflows.vib.pointgroup import point_group
from equical.workflows.vib.result import VibResult
from equical.workflows.vib.settings import Statistics, VibSettings
from equical.workflows.vib.structure import vibrating_atoms
from equical.workflows.vib.thermo import Thermochemistry, of_harmonic_modes, of_ideal_gas

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["vib"]

PURPOSE = "a calculation of vibrations"

LARGEST_FORCE = 0.01
"""eV/Å. A structure with a larger force on an atom that vibrates is refused: it is no minimum to vibrate about."""

LARGEST_ASYMMETRY = 0.02
"""Of the Hessian, relative to its largest element; a larger one is reported as a warning."""

LARGEST_RIGID = 100.0
"""cm⁻¹. Translations and rotations with a higher frequency are reported as a warning."""

SOFT = 50.0
"""cm⁻¹. Below it the entropy of a harmonic oscillator is more than that of the motion it stands for."""


@surroundings_kept()
def vib(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    indices: Sequence[int] | None = None,
    displacement: float = 0.01,
    statistics: Statistics = "auto",
    temperature: float = 298.15,
    pressure: float = 1.0,
    symmetry_number: int | None = None,
    spin: float = 0.0,
    low_frequency_cutoff: float = 0.0,
    relax_first: bool = False,
    force: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> VibResult:
    """Compute the vibrations of a molecule or an adsorbate, and what they mean at a temperature.

    Each atom that vibrates is displaced both ways along x, y and z, and the forces are differentiated. Frozen atoms
    stay where they are. Where no atom is frozen, translations are taken out of the modes, and of a free molecule
    rotations too; a structure with vacuum on all sides is one.

    Thermochemistry is that of an ideal gas for a free molecule, and of harmonic oscillators alone for everything else.
    Imaginary modes have no part in it.

    Args:
        atoms: the structure; not changed. The constraint ``FixAtoms`` freezes atoms, other ones are refused.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            shipped model that is made for them.
        indices: of the atoms that vibrate, negative ones from the end; by default all that are not frozen.
        displacement: Å.
        statistics: ``"ideal-gas"`` or ``"harmonic"``; ``"auto"`` decides by the structure.
        temperature: K.
        pressure: bar, of the ideal gas.
        symmetry_number: of a free molecule; by default the number of its rotations is found.
        spin: total spin of the electrons of a free molecule: 0 for closed shells, 1 for a triplet such as O2.
        low_frequency_cutoff: cm⁻¹. Thermochemistry takes lower vibrations to be at it.
        relax_first: relax the atoms that vibrate first.
        force: go on although they feel forces above 0.01 eV/Å.
        output: folder for ``result.json``, ``vibrations.csv``, ``modes.extxyz`` (one period of each mode, 16 frames),
            ``structure.extxyz`` and ``spectrum.png``; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; every calculation done is found again.
        progress: show a progress bar.

    Raises:
        InputError: nothing to displace, not relaxed, settings out of range or at odds with the structure.

    >>> from ase.build import molecule
    >>> from ase.calculators.emt import EMT
    >>> nitrogen = vib(molecule("N2"), EMT(), relax_first=True)
    >>> nitrogen.point_group, len(nitrogen.frequencies), nitrogen.thermo.statistics
    ('D∞h', 1, 'ideal-gas')
    """
    began = time.perf_counter()
    settings = VibSettings(
        indices,
        displacement,
        statistics,
        temperature,
        pressure,
        symmetry_number,
        spin,
        low_frequency_cutoff,
        relax_first,
        force,
    )
    with RunFolder(output, VIB_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        moved = vibrating_atoms(atoms, settings.indices)
        gas = _is_ideal_gas(atoms, moved, settings)
        calc = resolve_calculator(calculator, atoms)
        if gas:
            require_total_energy(calc, "thermochemistry of a gas")
        structure = _with_the_rest_frozen(atoms, moved)
        warn_if_unsuitable(calc, structure, PURPOSE)
        store = Evaluations(folder, "forces", calc)
        if relax_first:
            relaxed = store.get("relaxed", structure, lambda start: _relaxed(start, calc))
            structure.positions = relaxed["positions"]
        at_rest = store.get("at-rest", structure, lambda a: evaluate_all(calc, [a], "the structure")[0]._asdict())
        max_force = largest_force(at_rest["forces"][moved])
        if max_force > LARGEST_FORCE:
            needed = f"vibrations need a structure relaxed to {LARGEST_FORCE:g} eV/Å"
            found = f"the largest force on an atom that vibrates is {max_force:.2g} eV/Å, and {needed}"
            refuse_unless_forced(found, relax_first=relax_first, force=force)
        folder.begin("vib", settings, calc, atoms)
        warn_if_unknown(calc, structure, "the structure")

        hessian = make_hessian(structure, moved, displacement, calc, store, progress)
        structure.calc = SinglePointCalculator(structure, energy=float(at_rest["energy"]), forces=at_rest["forces"])
        molecule = as_molecule(structure) if len(moved) == len(structure) else None
        rigid = _rigid(structure, moved, molecule)
        modes = find_modes(hessian.matrix, structure.get_masses()[moved], rigid)
        imaginary = _imaginary(modes, structure, moved)
        symbol, rotations = (None, 1) if molecule is None else point_group(molecule)
        thermo = _thermo(settings, float(at_rest["energy"]), modes, molecule if gas else None, rotations)
        _judge(hessian, modes, imaginary, thermo)
        if gas and settings.symmetry_number is not None and settings.symmetry_number != rotations:
            warn(f"the symmetry number given is {symmetry_number}; that of {symbol}, which was found, is {rotations}")

        result = VibResult(
            structure=structure,
            indices=tuple(moved),
            displacement=displacement,
            max_force=max_force,
            num_reused=store.reused,
            geometry=None if molecule is None else geometry_of(molecule),
            point_group=symbol,
            modes=modes,
            hessian=hessian,
            imaginary_modes=imaginary,
            thermo=thermo,
            converged=max_force <= LARGEST_FORCE,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_vib(folder, result)
            folder.finish(result, calc)
    return result


def _is_ideal_gas(atoms: Atoms, moved: list[int], settings: VibSettings) -> bool:
    """Which statistics to use; the user's word counts where it can be."""
    whole = len(moved) == len(atoms)
    free = whole and as_molecule(atoms) is not None
    if settings.statistics == "ideal-gas" and not free:
        why = "it has no vacuum on all sides" if whole else f"{len(atoms) - len(moved)} of its atoms stay in place"
        raise InputError(f"{atoms.get_chemical_formula()} is no ideal gas: {why}; take harmonic statistics")
    gas = free and settings.statistics != "harmonic"
    electrons = int(atoms.numbers.sum())
    if gas and int(2 * settings.spin) % 2 != electrons % 2:
        likely = "0.5 for one unpaired electron" if electrons % 2 else "0, or 1 for a triplet"
        warn(f"{atoms.get_chemical_formula()} has {electrons} electrons, which a spin of {settings.spin:g} does not "
             f"fit unless it is charged: give {likely} (--spin)")  # fmt: skip
    return gas


def _with_the_rest_frozen(atoms: Atoms, moved: list[int]) -> Atoms:
    structure = atoms.copy()
    structure.calc = None
    rest = sorted(set(range(len(atoms))) - set(moved))
    structure.set_constraint(FixAtoms(rest) if rest else None)
    return structure


def _relaxed(atoms: Atoms, calculator: BaseCalculator) -> Arrays:
    relaxed = relax(atoms, calculator, fmax=LARGEST_FORCE / 10)
    return {"positions": relaxed.atoms.positions}  # the force left is checked


def _rigid(structure: Atoms, moved: list[int], molecule: Atoms | None) -> NDArray[np.float64]:
    """``[R, 3n]`` motions that are no vibrations; none where some atoms stay in place."""
    if len(moved) < len(structure):
        return np.zeros((0, 3 * len(moved)))
    return rigid_motions(structure, molecule)


def _imaginary(modes: NormalModes, structure: Atoms, moved: list[int]) -> list[ImaginaryVibration]:
    return [
        ImaginaryVibration(number, frequency, movers(modes.displacements[number - 1], structure, moved))
        for number, frequency in enumerate(modes.frequencies.tolist(), start=1)
        if frequency < 0
    ]


def _thermo(
    settings: VibSettings, energy: float, modes: NormalModes, gas: Atoms | None, rotations: int
) -> Thermochemistry:
    if gas is None:
        return of_harmonic_modes(
            energy, modes.real, temperature=settings.temperature, cutoff=settings.low_frequency_cutoff
        )
    return of_ideal_gas(
        energy,
        modes.real,
        gas,
        temperature=settings.temperature,
        pressure=settings.pressure,
        symmetry_number=settings.symmetry_number or rotations,
        spin=settings.spin,
        cutoff=settings.low_frequency_cutoff,
    )


def _judge(hessian: Hessian, modes: NormalModes, imaginary: list[ImaginaryVibration], thermo: Thermochemistry) -> None:
    """Say what makes the result doubtful."""
    if hessian.asymmetry > LARGEST_ASYMMETRY * hessian.largest:
        warn(
            f"second derivatives differ by up to {hessian.asymmetry:.2g} eV/Å² from their mirror images: forces are "
            "noisy (--dtype float64), or no gradient"
        )
    worst = float(np.abs(modes.rigid).max(initial=0.0))
    if worst > LARGEST_RIGID:
        warn(
            f"a translation or rotation has a frequency of {worst:.0f} cm⁻¹ instead of 0: the structure is not "
            "relaxed, forces are noisy, or a molecule feels its surroundings"
        )
    if imaginary:
        named = "; ".join(f"mode {mode.number} at {mode.frequency:.1f} cm⁻¹ ({mode.moves})" for mode in imaginary[:3])
        more = f"; and {len(imaginary) - 3} more" if len(imaginary) > 3 else ""
        if len(imaginary) == 1:
            warn(f"1 imaginary mode: {named}: a transition state, or no minimum; thermochemistry leaves it out")
        else:
            warn(f"{len(imaginary)} imaginary modes: {named}{more}: not a minimum; thermochemistry leaves them out")
    soft = int((modes.real < SOFT).sum())
    if soft and thermo.low_frequency_cutoff == 0:
        warn(
            f"{soft} vibration{'s' if soft > 1 else ''} below {SOFT:g} cm⁻¹, whose harmonic entropy is too large: "
            f"--low-frequency-cutoff {SOFT:g} raises them to it, and says so"
        )
