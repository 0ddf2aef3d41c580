"""Fit ASE's equations of state to energies and volumes, and say how good the fit is.

Volumes and energies are counted per atom and from the lowest energy: what matters would drown in rounding errors where
total energies are large. The forms are those of :class:`ase.eos.EquationOfState`, fitted so that the answer does not
depend on the order in which a processor sums: most are cubic polynomials of some power of the volume, which linear
least squares fits exactly, and only the others are iterated, from there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import ase.eos
import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.optimize import least_squares

__all__ = ["FORMS", "LOWEST_R_SQUARED", "EosFit", "anton_schmidt", "fit_eos"]

CUBIC_IN = {"sj": -1 / 3, "taylor": 1, "p3": 1, "birch": -2 / 3, "birchmurnaghan": -2 / 3, "pouriertarantola": 0}
"""The power k for which a form is a cubic polynomial of x = V^k; 0 stands for ln V."""


def anton_schmidt(v: NDArray[np.float64], e0: float, b0: float, b0_prime: float, v0: float) -> NDArray[np.float64]:
    """E = E0 + B0 V0 {x^(n+1) [ln x − 1/(n+1)] + 1/(n+1)}/(n+1), x = V/V0, with B0' = −2n as in ASE 3.29 and later.

    H. Anton and P. C. Schmidt, Intermetallics 5, 449 (1997).
    """
    m, x = 1 - b0_prime / 2, v / v0
    return e0 + b0 * v0 / m * (x**m * (np.log(x) - 1 / m) + 1 / m)


ITERATED = {"murnaghan": ase.eos.murnaghan, "vinet": ase.eos.vinet, "anton-schmidt": anton_schmidt}
"""Functions of V, E0, B0, B0' and V0 that are no polynomials."""

FORMS = (*CUBIC_IN, *ITERATED)
"""Names of the equations of state, which are ASE's."""

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
    fitted = _fit_iterated(v, e, form) if form in ITERATED else _fit_cubic(v, e, CUBIC_IN[form])
    if fitted is None:
        return _failed(_no_minimum(v, lowest) or f"the {form} form cannot be fitted to these energies")
    residual = e - fitted.energy(v)
    r_squared = 1 - float((residual**2).sum() / ((e - e.mean()) ** 2).sum())
    inside = bool(v.min() < fitted.v0 < v.max()) and v.min() < v[lowest] < v.max()
    curve_v = np.linspace(v.min(), v.max(), 100)
    curve = np.column_stack([curve_v * num_atoms, fitted.energy(curve_v) * num_atoms + zero])
    rms = float(np.sqrt((residual**2).mean()))
    return EosFit(
        volume=float(fitted.v0 * num_atoms),
        energy=float(fitted.e0 * num_atoms + zero),
        bulk_modulus=float(fitted.b0),
        bulk_modulus_derivative=float(fitted.b0_prime),
        residuals=residual,
        rms_residual=rms,
        r_squared=r_squared,
        minimum_inside=inside,
        problem=_problem(v, lowest, inside, fitted.b0, r_squared, rms),
        curve=curve,
    )


class _Fitted(NamedTuple):
    """The curve per atom, and its numbers at V0."""

    energy: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    v0: float
    e0: float
    b0: float
    b0_prime: float


def _fit_cubic(v: NDArray[np.float64], e: NDArray[np.float64], power: float) -> _Fitted | None:
    """Fit a cubic polynomial p of x = V^k, or of ln V for k = 0; None where it has neither minimum nor maximum.

    At V0 p' = 0, so E'' = p'' x'² and E''' = p''' x'³ + 3 p'' x' x''. With B = V E'', P = −E' and V x''/x' = k − 1,
    B0' = dB/dP = −1 − V E'''/E'' = −1 − V x' p'''/p'' − 3 (k − 1).
    """

    def x(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return v**power if power else np.log(v)

    # Of the two stationary points the one nearer to the lowest energy counts. Counted from there, and in units of the
    # range, c + b z + a z² = 0 has it without the cancellation that the textbook's formula suffers for small a.
    origin, unit = float(x(v[e.argmin()])), float(np.ptp(x(v)))
    polynomial = Polynomial.fit((x(v) - origin) / unit, e, 3, domain=[-1, 1])
    _, c, b, a = polynomial.coef * [0, 1, 2, 3]
    discriminant = b**2 - 4 * a * c
    if not discriminant > 0:
        return None
    curvature = math.copysign(math.sqrt(discriminant), b)
    z = -2 * c / (b + curvature)
    x0 = origin + unit * z
    if power and x0 <= 0:
        return None
    v0 = x0 ** (1 / power) if power else math.exp(x0)
    slope = (power * x0 if power else 1.0) / unit  # V dz/dV
    return _Fitted(
        energy=lambda v: polynomial((x(v) - origin) / unit),
        v0=v0,
        e0=float(polynomial(z)),
        b0=curvature * slope**2 / v0,
        b0_prime=-1 - slope * 2 * a / curvature - 3 * (power - 1),
    )


def _fit_iterated(v: NDArray[np.float64], e: NDArray[np.float64], form: str) -> _Fitted | None:
    """Fit a form that is no polynomial, from the numbers of Birch and Murnaghan's and in units of them."""
    start = _fit_cubic(v, e, CUBIC_IN["birchmurnaghan"])
    if start is None:
        return None
    function, unit = ITERATED[form], start.b0 * start.v0
    try:
        with np.errstate(all="ignore"):  # of strange parameters on the way, which the result is checked for
            found = least_squares(
                lambda parameters: function(v / start.v0, *parameters) - e / unit,
                [start.e0 / unit, 1.0, start.b0_prime, 1.0],
                jac="cs", x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15,
            )  # fmt: skip
    except (ValueError, np.linalg.LinAlgError):  # no finite energy at the start, or no finite derivative on the way
        return None
    if not (found.success and np.isfinite(found.fun).all()):
        return None
    e0, b0, b0_prime, v0 = found.x
    return _Fitted(
        energy=lambda v: unit * function(v / start.v0, *found.x),
        v0=v0 * start.v0,
        e0=e0 * unit,
        b0=b0 * start.b0,
        b0_prime=b0_prime,
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
