"""Energies of single atoms by least squares: what is left for the network is the energy of bonding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equical.errors import InputError

__all__ = ["ReferenceFit", "fit_references"]


@dataclass(frozen=True)
class ReferenceFit:
    """Per-element energies that explain total energies best, and how well they are determined.

    Attributes:
        energies: eV for each atomic number.
        structures: number of structures in the fit.
        rank: number of independent combinations of elements that the compositions determine.
        undetermined: atomic numbers whose energies the data do not fix one by one.
        rmse: what the fit leaves, eV per atom.
    """

    energies: dict[int, float]
    structures: int
    rank: int
    undetermined: tuple[int, ...]
    rmse: float

    def report(self, title: str = "reference energies (eV)") -> list[str]:
        """The fit in a few lines for a terminal."""
        from ase.data import chemical_symbols as symbols

        table = ", ".join(f"{symbols[z]} {energy:.4f}" for z, energy in self.energies.items())
        lines = [f"{title}: {table}"]
        lines.append(f"  from {self.structures} structures; they leave {1000 * self.rmse:.1f} meV/atom (RMSE)")
        if self.undetermined:
            names = ", ".join(symbols[z] for z in self.undetermined)
            lines.append(
                f"  under-determined: the compositions fix {self.rank} of {len(self.energies)} energies; those of "
                f"{names} are one choice of many. Harmless while compositions stay as in the data; otherwise add "
                "structures of other composition or give reference_energies."
            )
        return lines


def fit_references(
    numbers: Sequence[np.ndarray],
    energies: Sequence[float],
    *,
    ridge: float = 0.0,
    given: Mapping[int, float] | None = None,
) -> ReferenceFit:
    """Fit E = Σ_i e(Z_i) over structures, each divided by its number of atoms so that sizes count alike.

    Deviations of each e(Z) from one common energy per atom are kept as small as the data allow (minimum norm), or
    smaller with ``ridge``; where compositions do not determine them, they are all equal.

    Args:
        numbers: atomic numbers of each structure.
        energies: eV of each structure.
        ridge: strength of the pull towards the common energy, in structures.
        given: elements whose energies are known (eV) and not fitted.

    Raises:
        InputError: there is no structure.
    """
    if len(energies) == 0:
        raise InputError("reference energies cannot be fitted: there is no structure with an energy")
    given = dict(given or {})
    elements = np.unique(np.concatenate(list(numbers)))
    fitted = np.array([z for z in elements if int(z) not in given], dtype=np.int64)
    counts = np.array([[np.count_nonzero(z == element) for element in elements] for z in numbers], dtype=np.float64)
    sizes = counts.sum(axis=1)
    fractions = counts / sizes[:, None]
    target = np.asarray(energies, dtype=np.float64) / sizes
    known = np.array([given.get(int(z), 0.0) for z in elements])
    target_left = target - fractions @ known
    solution, rank, undetermined = _solve(fractions[:, np.isin(elements, fitted)], target_left, ridge)
    values = known
    values[np.isin(elements, fitted)] = solution
    residual = target - fractions @ values
    return ReferenceFit(
        energies={int(z): float(value) for z, value in zip(elements, values, strict=True)},
        structures=len(energies),
        rank=rank + len(elements) - len(fitted),
        undetermined=tuple(int(z) for z, loose in zip(fitted, undetermined, strict=True) if loose),
        rmse=float(np.sqrt(np.mean(residual**2))),
    )


def _solve(fractions: np.ndarray, target: np.ndarray, ridge: float) -> tuple[np.ndarray, int, np.ndarray]:
    """Solution ``[elements]``, rank, and which elements take part in the null space."""
    count = fractions.shape[1]
    if count == 0:
        return np.zeros(0), 0, np.zeros(0, dtype=bool)
    share = fractions.sum(axis=1)
    mean = float(share @ target / (share @ share)) if share.any() else 0.0
    padded = np.vstack([fractions, np.zeros((max(0, count - len(fractions)), count))])  # for all of the null space
    _, singular, rows = np.linalg.svd(padded, full_matrices=False)
    rank = int((singular > 1e-8 * max(singular.max(), 1e-300)).sum())
    undetermined = (np.abs(rows[rank:]) > 1e-6).any(axis=0)
    left = target - share * mean
    if ridge > 0:
        deviation = np.linalg.solve(fractions.T @ fractions + ridge * np.eye(count), fractions.T @ left)
    else:
        deviation = np.linalg.lstsq(fractions, left, rcond=1e-8)[0]
    return mean + deviation, rank, undetermined
