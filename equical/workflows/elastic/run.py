"""Elastic constants: the stiffness matrix from stresses at small strains, and the moduli that follow from it."""

from __future__ import annotations

import time
from operator import not_
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms, units
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.at_rest import largest_force, require_numbers
from equical.workflows.common.crystal import bare_crystal, require_total_energy
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.spacegroup import SYMPREC
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.elastic.files import ELASTIC_FILES, write_elastic
from equical.workflows.elastic.result import ElasticResult
from equical.workflows.elastic.settings import ElasticSettings
from equical.workflows.elastic.strain_dependence import check_strain, compare, judge
from equical.workflows.elastic.tensor import (
    COMPONENTS,
    VOIGT,
    crystal_symmetry,
    elastic_moduli,
    fit_slopes,
    kelvin_moduli,
    rotate_stiffness,
    symmetrize_stiffness,
)
from equical.workflows.relax import CellMode, relax

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["elastic"]

PURPOSE = "a calculation of elastic constants"

LARGEST_STRESS = 0.5
"""GPa. A reference with a larger stress component is refused."""

LARGEST_FORCE = 0.01
"""eV/Å. With clamped ions, a reference with a larger force is refused."""

LARGEST_RESIDUAL = 0.02
"""A larger residual of a fit, relative to its largest change of stress, is reported as a warning."""

LARGEST_DEVIATION = 0.05
"""A larger deviation from the symmetry of the crystal, relative to the largest constant, is reported as a warning."""


@formerly(quiet=("progress", not_))
@surroundings_kept()
def elastic(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    max_strain: float = 0.005,
    num_strains: int = 4,
    clamped: bool = False,
    relax_first: bool = True,
    fmax: float = 1e-3,
    force: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> ElasticResult:
    """Compute the elastic constants of a crystal from its stress under small strains.

    Cell and ions are relaxed first, within the space group, unless the structure is to be taken as given.

    Each of the six Voigt strains is applied with ``num_strains`` amounts, symmetric about zero up to ``max_strain``
    (engineering strain: a shear of 0.005 has tensor components of 0.0025). The cell becomes ``cell (1 + ε)`` with ε
    symmetric, and ions are relaxed in it unless ``clamped``. A constant, a slope and a curvature are fitted to each
    stress component; the slope is the elastic constant. Thus the stress of the reference is subtracted, and the slope
    is that of a straight line, as the amounts are symmetric, while the residual does not count the crystal's
    anharmonicity.
    The six strains are applied once more with another magnitude, four times as large (or, from 0.01 on, four times as
    small): constants that depend on it are warned of.

    Under a reference stress σ the slopes are Wallace's stress-strain coefficients, which differ from second derivatives
    of the energy by terms of order σ.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator with stress, or name or folder of a model; by default the one attached to ``atoms``,
            or the shipped model that is made for them.
        max_strain: largest amount of strain.
        num_strains: amounts for each mode, an even number of at least 4.
        clamped: let the ions follow the strain instead of relaxing them.
        relax_first: relax cell and ions, within the space group, before anything else; False takes the structure as
            given, which must be free of stress.
        fmax: eV/Å. Where the relaxations stop.
        force: go on from a reference under stress or, with ``clamped``, with forces.
        output: folder for ``result.json``, ``stiffness.csv``, ``reference.extxyz`` and plots.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``.
        progress: show a progress bar.

    Raises:
        InputError: not a bulk crystal, a calculator without stress, a reference under stress, or settings out of range.
    """
    began = time.perf_counter()
    settings = ElasticSettings(max_strain, num_strains, clamped, relax_first, fmax, force)
    with RunFolder(output, ELASTIC_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        crystal = bare_crystal(atoms, PURPOSE)
        calculator = resolve_calculator(calculator, atoms)
        _check_calculator(calculator)
        warn_if_unsuitable(calculator, crystal, PURPOSE)
        store = Evaluations(
            folder, "points", calculator, {"clamped": clamped, "fmax": fmax, "relax_first": relax_first}
        )
        first = store.get("reference", crystal, lambda a: _reference(a, calculator, clamped, relax_first, fmax))
        at_rest = check_reference(first, settings)
        folder.begin("elastic", settings, calculator, crystal)
        reference = crystal.copy()
        reference.set_cell(first["cell"])
        reference.set_positions(first["positions"])
        warn_if_unknown(calculator, reference, "the crystal")
        unconverged = [] if first["converged"] else ["the reference"]

        half = np.linspace(0, max_strain, num_strains // 2 + 1)[1:]
        strains = np.concatenate([-half[::-1], half])
        other = check_strain(max_strain)
        amounts = {f"{number:02d}": float(amount) for number, amount in enumerate(strains)}
        amounts |= {"check-0": -other, "check-1": other}
        stresses = np.empty((6, len(amounts), 6))
        steps = [(mode, *step) for mode in range(6) for step in enumerate(amounts.items())]
        for mode, number, (name, amount) in progress_bar(steps, "strains", "strains", show=progress):
            strained = _strained(reference, mode, amount)
            point = store.get(f"{mode}-{name}", strained, lambda a: _stressed(a, calculator, clamped, fmax))
            stresses[mode, number] = point["stress"] / units.GPa
            if not point["converged"]:
                unconverged.append(f"{COMPONENTS[mode]} {amount:+.2g}")
        if unconverged:
            warn(f"ions not relaxed to {fmax:g} eV/Å at {', '.join(unconverged)}")
        result = ElasticResult(
            **_fitted(reference, first, strains, stresses),
            relaxed_first=relax_first,
            volume_change=reference.get_volume() / crystal.get_volume() - 1,
            converged=at_rest and not unconverged,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_elastic(folder, result)
            folder.finish(result, calculator)
    return result


def _check_calculator(calculator: BaseCalculator) -> None:
    require_total_energy(calculator, PURPOSE)
    if "stress" not in getattr(calculator, "implemented_properties", ["stress"]):
        raise InputError(f"{type(calculator).__name__} gives no stress, and elastic constants are its slopes")


def _reference(
    atoms: Atoms, calculator: BaseCalculator, clamped: bool, relax_first: bool, fmax: float
) -> dict[str, object]:
    """The structure to strain, with its stress and largest force."""
    converged = True
    if relax_first or not clamped:
        cell: CellMode = "free" if relax_first else "fixed"
        relaxed = relax(atoms, calculator, fmax=fmax, cell=cell, symmetry=True)
        atoms, converged = relaxed.atoms, relaxed.converged
    forces = calculator.get_forces(atoms)
    require_numbers(forces, "forces", "the reference")
    return {
        "positions": atoms.positions,
        "cell": atoms.cell[:],
        "stress": _stress(atoms, calculator),
        "max_force": largest_force(forces),
        "converged": converged,
    }


def check_reference(reference: Arrays, settings: ElasticSettings) -> bool:
    """Refuse a reference under stress, or accept it with a warning; whether there is nothing to warn of."""
    stress = float(np.abs(reference["stress"]).max()) / units.GPa
    found = []
    if stress > LARGEST_STRESS:
        found.append(f"the structure is under a stress of {stress:.2f} GPa (limit {LARGEST_STRESS:g})")
    if settings.clamped and reference["max_force"] > LARGEST_FORCE:
        found.append(f"its ions feel forces up to {float(reference['max_force']):.3f} eV/Å (limit {LARGEST_FORCE:g})")
    if found and not settings.force:
        because = "the relaxation did not converge: " if settings.relax_first else ""
        advice = "try equical relax" if settings.relax_first else "let it be relaxed first (without --as-given)"
        raise InputError(f"{because}{' and '.join(found)}: {advice}, or insist with --force")
    for shortcoming in found:
        warn(shortcoming)
    return not found


def _strained(reference: Atoms, mode: int, amount: float) -> Atoms:
    """The reference under one Voigt strain, fractional coordinates kept."""
    i, j = VOIGT[mode]
    strain = np.zeros((3, 3))
    strain[i, j] = strain[j, i] = amount if i == j else amount / 2
    strained = reference.copy()
    strained.set_cell(reference.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return strained


def _stressed(atoms: Atoms, calculator: BaseCalculator, clamped: bool, fmax: float) -> dict[str, object]:
    converged = True
    if not clamped:
        relaxed = relax(atoms, calculator, fmax=fmax)
        atoms, converged = relaxed.atoms, relaxed.converged
    return {"stress": _stress(atoms, calculator), "converged": converged}


def _stress(atoms: Atoms, calculator: BaseCalculator) -> NDArray[np.float64]:
    """``[6]`` eV/Å³ in Voigt order, whatever form the calculator gives it."""
    stress = np.asarray(calculator.get_stress(atoms))
    require_numbers(stress, "a stress", "a strained crystal")
    return stress if stress.shape == (6,) else full_3x3_to_voigt_6_stress(stress)


def _fitted(reference: Atoms, first: Arrays, strains: NDArray, stresses: NDArray) -> dict[str, Any]:
    """Fit the stiffness; the fields of :class:`ElasticResult` that follow from it.

    ``stresses``: ``[6, S + 2, 6]`` GPa, the last two at minus and plus the other magnitude of strain.
    """
    stresses, at_check = stresses[:, :-2], stresses[:, -2:]
    reference_stress = first["stress"] / units.GPa
    fitted, residual = fit_slopes(strains, stresses, reference_stress)
    symmetry = crystal_symmetry(reference, SYMPREC)
    stiffness = symmetrize_stiffness(fitted, symmetry.rotations)
    deviation = float(np.abs(fitted - stiffness).max() / np.abs(stiffness).max())
    eigenvalues = kelvin_moduli(stiffness)
    stable = bool(eigenvalues[0] > 0)
    other = check_strain(float(strains.max()))
    check = symmetrize_stiffness((at_check[:, 1] - at_check[:, 0]).T / (2 * other), symmetry.rotations)
    standard, check = (rotate_stiffness(c, symmetry.to_standard) for c in (stiffness, check))
    strain_dependence = compare(standard, check, other, cubic=symmetry.cubic)
    judge(strain_dependence, float(strains.max()))
    if residual.max() > LARGEST_RESIDUAL:
        warn(f"stresses scatter about the fit by up to {100 * residual.max():.1f} %: try another --max-strain")
    if deviation > LARGEST_DEVIATION:
        warn(f"fitted constants deviate from the symmetry {symmetry.space_group} by {100 * deviation:.1f} %")
    if not stable:
        warn(f"mechanically unstable (Born): lowest eigenvalue of the stiffness {eigenvalues[0]:.2f} GPa")
    return {
        "stiffness": stiffness,
        "stiffness_standard": standard,
        "stiffness_fitted": fitted,
        "symmetry_deviation": deviation,
        "residual": residual,
        "kelvin_moduli": eigenvalues,
        "stable": stable,
        "moduli": elastic_moduli(stiffness) if stable else None,
        "space_group": symmetry.space_group,
        "reference": reference,
        "reference_stress": reference_stress,
        "reference_max_force": float(first["max_force"]),
        "strains": strains,
        "stresses": stresses,
        "strain_dependence": strain_dependence,
    }
