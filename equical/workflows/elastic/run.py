"""Elastic constants: the stiffness matrix from stresses at small strains, and the moduli that follow from it."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray
from tqdm import tqdm

from equical.errors import InputError
from equical.workflows.common.crystal import (
    bare_crystal,
    largest_force,
    require_total_energy,
    warn_each,
)
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.output import open_output, removed_if_empty, resolve_calculator
from equical.workflows.common.spacegroup import SYMPREC
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.elastic.files import write_elastic
from equical.workflows.elastic.tensor import (
    COMPONENTS,
    VOIGT,
    ElasticModuli,
    crystal_symmetry,
    elastic_moduli,
    fit_slopes,
    kelvin_moduli,
    rotate_stiffness,
    symmetrize_stiffness,
)
from equical.workflows.relax.run import RelaxSettings, run_relaxation

__all__ = ["ElasticResult", "elastic"]

FILES = ("points/*.npz", "reference.extxyz", "stiffness.csv", "stress_strain.png", "young.png")
"""What a run leaves in its folder."""

PURPOSE = "a calculation of elastic constants"

LARGEST_STRESS = 0.5
"""GPa. A reference with a larger stress component is refused."""

LARGEST_FORCE = 0.01
"""eV/Å. With clamped ions, a reference with a larger force is refused."""

LARGEST_RESIDUAL = 0.02
"""A larger residual of a fit, relative to its largest change of stress, is reported as a warning."""

LARGEST_DEVIATION = 0.05
"""A larger deviation from the symmetry of the crystal, relative to the largest constant, is reported as a warning."""


@dataclass(frozen=True)
class ElasticResult:
    """Elastic constants of a crystal at its reference structure. Voigt order xx, yy, zz, yz, xz, xy.

    Attributes:
        stiffness: ``[6, 6]`` GPa, C_IJ in the Cartesian axes of the input, with the crystal's symmetry.
        stiffness_standard: ``[6, 6]`` GPa, the same in the axes of spglib's standard conventional cell (a along x, b in
            the xy plane), which tables of C11, C12, C44 refer to.
        stiffness_fitted: ``[6, 6]`` GPa, as fitted, without symmetry: row I the stress, column J the strain.
        symmetry_deviation: largest |fitted − symmetric| over the largest symmetric constant.
        residual: ``[6]`` for each strain mode, root mean square of stress minus fit over the largest change of stress.
        kelvin_moduli: ``[6]`` GPa, eigenvalues of the stiffness in ascending order.
        stable: Born's criterion: all of them are positive.
        moduli: Voigt, Reuss and Hill averages; None where the crystal is not stable.
        space_group: symbol and number found by spglib.
        reference: the structure that was strained, relaxed as asked.
        reference_stress: ``[6]`` GPa, its stress; positive where the crystal pulls itself together.
        reference_max_force: eV/Å, its largest force.
        strains: ``[S]`` amounts of strain of each mode.
        stresses: ``[6, S, 6]`` GPa, stress for each strain mode and amount.
        warnings: what to bear in mind; empty where all is well.
        converged: all relaxations reached ``fmax``, and the reference is free of stress.
    """

    stiffness: NDArray[np.float64]
    stiffness_standard: NDArray[np.float64]
    stiffness_fitted: NDArray[np.float64]
    symmetry_deviation: float
    residual: NDArray[np.float64]
    kelvin_moduli: NDArray[np.float64]
    stable: bool
    moduli: ElasticModuli | None
    space_group: str
    reference: Atoms = field(repr=False)
    reference_stress: NDArray[np.float64]
    reference_max_force: float
    strains: NDArray[np.float64]
    stresses: NDArray[np.float64] = field(repr=False)
    warnings: tuple[str, ...]
    converged: bool


def elastic(  # noqa: PLR0913
    atoms: Atoms,
    calculator: BaseCalculator | str | None = None,
    *,
    max_strain: float = 0.005,
    num_strains: int = 4,
    clamped: bool = False,
    relax_first: bool = False,
    fmax: float = 1e-3,
    force: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = True,
) -> ElasticResult:
    """Compute the elastic constants of a crystal from its stress under small strains.

    Each of the six Voigt strains is applied with ``num_strains`` amounts, symmetric about zero up to ``max_strain``
    (engineering strain: a shear of 0.005 has tensor components of 0.0025). The cell becomes ``cell (1 + ε)`` with ε
    symmetric, and ions are relaxed in it unless ``clamped``. A constant, a slope and a curvature are fitted to each
    stress component; the slope is the elastic constant. Thus the stress of the reference is subtracted, and the slope
    is that of a straight line, as the amounts are symmetric, while the residual does not count the crystal's
    anharmonicity.
    Under a reference stress σ the slopes are Wallace's stress-strain coefficients, which differ from second derivatives
    of the energy by terms of order σ.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator with stress, or name or folder of a model; by default the one attached to ``atoms``,
            or the default model.
        max_strain: largest amount of strain.
        num_strains: amounts for each mode, an even number of at least 4.
        clamped: let the ions follow the strain instead of relaxing them.
        relax_first: relax cell and ions, within the space group, before anything else.
        fmax: eV/Å. Where the relaxations stop.
        force: go on from a reference under stress or, with ``clamped``, with forces.
        output: folder for ``result.json``, ``stiffness.csv``, ``reference.extxyz`` and plots.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``.
        quiet: show no progress.

    Raises:
        InputError: not a bulk crystal, a calculator without stress, a reference under stress, or settings out of range.
    """
    start = time.perf_counter()
    crystal = bare_crystal(atoms, PURPOSE)
    _check_settings(max_strain, num_strains, fmax)
    calc = resolve_calculator(calculator, atoms)
    _check_calculator(calc)
    warn_if_unsuitable(calc, crystal, PURPOSE)
    folder = None
    if output is not None:
        folder = open_output(
            output, "elastic", crystal.get_chemical_formula(), FILES, overwrite=overwrite, resume=resume
        )
    settings = {"clamped": clamped, "fmax": fmax, "relax_first": relax_first}
    store = Evaluations(folder and folder / "points", calc, settings, resume=resume)

    with removed_if_empty(folder), store.forgotten_if_refused():
        first = store.get("reference", crystal, lambda a: _reference(a, calc, clamped, relax_first, fmax))
        notes = _check_reference(first, clamped, force)
    reference = crystal.copy()
    reference.set_cell(first["cell"])
    reference.set_positions(first["positions"])
    unconverged = [] if first["converged"] else ["the reference"]

    half = np.linspace(0, max_strain, num_strains // 2 + 1)[1:]
    strains = np.concatenate([-half[::-1], half])
    stresses = np.empty((6, num_strains, 6))
    with tqdm(total=6 * num_strains, desc="strains", unit="strain", disable=quiet or None) as progress:
        for mode, number in np.ndindex(6, num_strains):
            strained = _strained(reference, mode, float(strains[number]))
            point = store.get(f"{mode}-{number:02d}", strained, lambda a: _stress(a, calc, clamped, fmax))
            stresses[mode, number] = point["stress"]
            if not point["converged"]:
                unconverged.append(f"{COMPONENTS[mode]} {strains[number]:+.2g}")
            progress.update()

    if unconverged:
        notes.append(f"ions not relaxed to {fmax:g} eV/Å at {', '.join(unconverged)}")
    result = _fitted(reference, first, strains, stresses / units.GPa, notes)
    if folder is not None:
        write_elastic(folder, result, calc, time.perf_counter() - start)
    warn_each(result.warnings)
    return result


def _check_settings(max_strain: float, num_strains: int, fmax: float) -> None:
    if not 0 < max_strain <= 0.05:
        raise InputError(f"largest strain {max_strain:g} is not in the elastic range: give a fraction such as 0.005")
    if num_strains < 4 or num_strains % 2:
        raise InputError(f"{num_strains} strains for each mode: give an even number of at least 4, half of each sign")
    if not fmax > 0:
        raise InputError(f"fmax must be positive, not {fmax:g} eV/Å")


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
        settings = RelaxSettings(fmax=fmax, cell="free" if relax_first else "fixed", symmetry=True)
        relaxed = run_relaxation(atoms, calculator, settings)
        atoms, converged = relaxed.atoms, relaxed.converged
    return {
        "positions": atoms.positions,
        "cell": atoms.cell[:],
        "stress": calculator.get_stress(atoms),
        "max_force": largest_force(calculator.get_forces(atoms)),
        "converged": converged,
    }


def _check_reference(reference: Arrays, clamped: bool, force: bool) -> list[str]:
    """Refuse a reference under stress, or accept it with a warning."""
    stress = float(np.abs(reference["stress"]).max()) / units.GPa
    found = []
    if stress > LARGEST_STRESS:
        found.append(f"the structure is under a stress of {stress:.2f} GPa (limit {LARGEST_STRESS:g})")
    if clamped and reference["max_force"] > LARGEST_FORCE:
        found.append(f"its ions feel forces up to {float(reference['max_force']):.3f} eV/Å (limit {LARGEST_FORCE:g})")
    if found and not force:
        raise InputError(f"{' and '.join(found)}: relax it first (--relax-first), or insist with --force")
    return found


def _strained(reference: Atoms, mode: int, amount: float) -> Atoms:
    """The reference under one Voigt strain, fractional coordinates kept."""
    i, j = VOIGT[mode]
    strain = np.zeros((3, 3))
    strain[i, j] = strain[j, i] = amount if i == j else amount / 2
    strained = reference.copy()
    strained.set_cell(reference.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return strained


def _stress(atoms: Atoms, calculator: BaseCalculator, clamped: bool, fmax: float) -> dict[str, object]:
    converged = True
    if not clamped:
        relaxed = run_relaxation(atoms, calculator, RelaxSettings(fmax=fmax))
        atoms, converged = relaxed.atoms, relaxed.converged
    stress = np.asarray(calculator.get_stress(atoms))
    return {"stress": stress if stress.shape == (6,) else full_3x3_to_voigt_6_stress(stress), "converged": converged}


def _fitted(reference: Atoms, first: Arrays, strains: NDArray, stresses: NDArray, notes: list[str]) -> ElasticResult:
    converged = not notes
    notes = list(notes)
    reference_stress = first["stress"] / units.GPa
    fitted, residual = fit_slopes(strains, stresses, reference_stress)
    symmetry = crystal_symmetry(reference, SYMPREC)
    stiffness = symmetrize_stiffness(fitted, symmetry.rotations)
    deviation = float(np.abs(fitted - stiffness).max() / np.abs(stiffness).max())
    eigenvalues = kelvin_moduli(stiffness)
    stable = bool(eigenvalues[0] > 0)
    if residual.max() > LARGEST_RESIDUAL:
        notes.append(f"stresses scatter about the fit by up to {100 * residual.max():.1f} %: try another --max-strain")
    if deviation > LARGEST_DEVIATION:
        notes.append(f"fitted constants deviate from the symmetry {symmetry.space_group} by {100 * deviation:.1f} %")
    if not stable:
        notes.append(f"mechanically unstable (Born): lowest eigenvalue of the stiffness {eigenvalues[0]:.2f} GPa")
    return ElasticResult(
        stiffness=stiffness,
        stiffness_standard=rotate_stiffness(stiffness, symmetry.to_standard),
        stiffness_fitted=fitted,
        symmetry_deviation=deviation,
        residual=residual,
        kelvin_moduli=eigenvalues,
        stable=stable,
        moduli=elastic_moduli(stiffness) if stable else None,
        space_group=symmetry.space_group,
        reference=reference,
        reference_stress=reference_stress,
        reference_max_force=float(first["max_force"]),
        strains=strains,
        stresses=stresses,
        warnings=tuple(notes),
        converged=converged,
    )
