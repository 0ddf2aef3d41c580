"""Fit ASE's equations of state to energies and volumes, and say how good the fit is.

Volumes and energies are counted per atom and from the lowest energy before ASE's :class:`~ase.eos.EquationOfState`
fits them: its numerical derivatives drown in rounding errors where total energies are large.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from ase.eos import EquationOfState, eos_names
from numpy.typing import NDArray

__all__ = ["FORMS", "LOWEST_R_SQUARED", "EosFit", "fit_eos"]

FORMS = tuple(eos_names)
"""Names of ASE's equations of state."""

LOWEST_R_SQUARED = 0.999
"""A fit that explains less of the variance of the energies is refused."""


@dataclass(frozen=True)
class EosFit:
    """Outcome of a fit; numbers are NaN where the fit failed.

    Attributes:
        volume: V0 in Å³, of the whole cell.
        energy: E0 in eV, of the whole cell.
        bulk_modulus: B0 in eV/Å³.
        bulk_modulus_derivative: B0' = dB/dP at V0.
        residuals: ``[P]`` energy minus fit, eV per atom; empty where the fit failed.
        rms_residual: their root mean square, eV per atom.
        r_squared: 1 − Σ(E − fit)² / Σ(E − mean E)².
        minimum_inside: whether V0 lies between the volumes, and the lowest energy not at the first or last of them.
        problem: why the fit is not to be trusted, or an empty string.
        curve: ``[100, 2]`` volume in Å³ and energy in eV of the whole cell along the fit; empty where it failed.
    """

    volume: float
    energy: float
    bulk_modulus: float
    bulk_modulus_derivative: float
    residuals: NDArray[np.float64]
    rms_residual: float
    r_squared: float
    minimum_inside: bool
    problem: str
    curve: NDArray[np.float64]


def fit_eos(volumes: NDArray[np.float64], energies: NDArray[np.float64], num_atoms: int, form: str) -> EosFit:
    """Fit one equation of state.

    Args:
        volumes: ``[P]`` Å³, of cells of ``num_atoms`` atoms.
        energies: ``[P]`` eV.
        num_atoms: atoms in the cell.
        form: one of :data:`FORMS`.
    """
    lowest = int(np.argmin(energies))
    zero = energies[lowest]
    v, e = volumes / num_atoms, (energies - zero) / num_atoms
    if not np.isfinite(e).all():
        return _failed("an energy is not a number")
    eos = EquationOfState(v, e, eos=form)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of the covariance, which is not used; what matters is checked below
            v0, e0, b0 = eos.fit(warn=False)
            residual = e - _energy(eos, v)
    except (RuntimeError, ValueError):  # no convergence; no minimum ("sj")
        v0 = np.nan
    if not (np.isfinite(v0) and np.isfinite(residual).all()):
        return _failed(_no_minimum(v, lowest) or f"the {form} form cannot be fitted to these energies")
    r_squared = 1 - float((residual**2).sum() / ((e - e.mean()) ** 2).sum())
    inside = bool(v.min() < v0 < v.max()) and v.min() < v[lowest] < v.max()
    curve_v = np.linspace(v.min(), v.max(), 100)
    curve = np.column_stack([curve_v * num_atoms, _energy(eos, curve_v) * num_atoms + zero])
    rms = float(np.sqrt((residual**2).mean()))
    return EosFit(
        volume=float(v0 * num_atoms),
        energy=float(e0 * num_atoms + zero),
        bulk_modulus=float(b0),
        bulk_modulus_derivative=_pressure_derivative(eos),
        residuals=residual,
        rms_residual=rms,
        r_squared=r_squared,
        minimum_inside=inside,
        problem=_problem(v, lowest, inside, float(b0), r_squared, rms),
        curve=curve,
    )


def _problem(v: NDArray[np.float64], lowest: int, inside: bool, b0: float, r_squared: float, rms: float) -> str:
    if not inside:
        return _no_minimum(v, lowest) or "the fitted minimum lies outside the volumes"
    if not b0 > 0:
        return "the fitted bulk modulus is not positive: the energies have no minimum"
    if not r_squared >= LOWEST_R_SQUARED:
        return (
            f"the energies scatter about the fit by {1000 * rms:.3g} meV/atom (R² = {r_squared:.4f}, "
            f"at least {LOWEST_R_SQUARED} wanted): the crystal changes its structure on the way, "
            "or the range is too narrow for the precision of the model, or too wide for one equation of state"
        )
    return ""


def _no_minimum(v: NDArray[np.float64], lowest: int) -> str:
    """Say which way the minimum lies where the lowest energy is the first or last of the series."""
    if v.min() < v[lowest] < v.max():
        return ""
    end = "smallest" if v[lowest] == v.min() else "largest"
    return f"the energy still falls at the {end} volume: relax the cell first, or widen the range of volumes"


def _failed(problem: str) -> EosFit:
    nan = float("nan")
    return EosFit(nan, nan, nan, nan, np.empty(0), nan, nan, False, problem, np.empty((0, 2)))


def _energy(eos: EquationOfState, v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy of the fitted curve; ``"sj"`` is a polynomial in V^(−1/3), the others are functions of V."""
    return eos.fit0(v ** (-1 / 3)) if eos.eos_string == "sj" else eos.func(v, *eos.eos_parameters)


def _pressure_derivative(eos: EquationOfState) -> float:
    """B0' = dB/dP = −1 − V0 E'''(V0) / E''(V0), from B = V E'' and P = −E'.

    Most forms have it as their third parameter. Of the polynomials, ``"taylor"`` has β = V0 E'' and α = V0 E''' in its
    place, ``"p3"`` plain coefficients, and for ``"sj"``, a cubic c(t) in t = V^(−1/3), the chain rule at c'(t0) = 0
    gives E'' = t⁸ c''/9 and E''' = −t¹¹ (12 c'' + t c''')/27.
    """
    if eos.eos_string == "sj":
        t = eos.v0 ** (-1 / 3)
        return float(-1 + (12 + t * eos.fit0.deriv(3)(t) / eos.fit0.deriv(2)(t)) / 3)
    if eos.eos_string == "taylor":
        _, beta, alpha, v0 = eos.eos_parameters
        return float(-1 - v0 * alpha / beta)
    if eos.eos_string == "p3":
        _, _, c2, c3 = eos.eos_parameters
        return float(-1 - eos.v0 * 6 * c3 / (2 * c2 + 6 * c3 * eos.v0))
    return float(eos.eos_parameters[2])
