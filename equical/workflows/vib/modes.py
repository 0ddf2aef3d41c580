"""Normal modes of a Hessian, without the motions that cost no energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

__all__ = ["ImaginaryVibration", "NormalModes", "find_modes", "movers"]

EV_PER_ROOT = units._hbar * units.m / np.sqrt(units._e * units._amu)
"""eV of a quantum of vibration for a root of 1 eV/Å²/amu."""

MOVERS = 4
"""Atoms that are named where it is told what moves in a mode."""


@dataclass(frozen=True)
class NormalModes:
    """Vibrations in ascending order of frequency, imaginary ones, which come first, as negative numbers.

    Attributes:
        frequencies: ``[M]`` cm⁻¹.
        displacements: ``[M, n, 3]`` directions of the atoms that vibrate; their squares, times masses in amu, sum to 1.
        reduced_masses: ``[M]`` amu, of the motion whose squares sum to 1 without weights.
        rigid: ``[R]`` cm⁻¹, frequencies of translations and rotations before they were taken out; zero but for noise,
            forces left in the structure, and (rotations) its surroundings.
    """

    frequencies: NDArray[np.float64]
    displacements: NDArray[np.float64]
    reduced_masses: NDArray[np.float64]
    rigid: NDArray[np.float64]

    @property
    def real(self) -> NDArray[np.float64]:
        """``[·]`` cm⁻¹, those that are not imaginary."""
        return self.frequencies[self.frequencies > 0]

    @property
    def zero_point_energy(self) -> float:
        """eV, half a quantum of each mode that is not imaginary."""
        return float(self.real.sum() * units.invcm / 2)


@dataclass(frozen=True)
class ImaginaryVibration:
    """A direction in which the energy falls.

    Attributes:
        number: of the mode, from 1 on.
        frequency: cm⁻¹, as a negative number.
        moves: which atoms move, with their shares, the most moving first.
    """

    number: int
    frequency: float
    moves: str


def find_modes(hessian: NDArray[np.float64], masses: NDArray[np.float64], rigid: NDArray[np.float64]) -> NormalModes:
    """Diagonalise a mass-weighted Hessian in the space across ``rigid``.

    Args:
        hessian: ``[3n, 3n]`` eV/Å².
        masses: ``[n]`` amu.
        rigid: ``[R, 3n]`` orthonormal rows, mass-weighted motions to be left out.
    """
    roots = np.repeat(np.sqrt(masses), 3)
    weighted = hessian / np.outer(roots, roots)
    across = np.linalg.qr(rigid.T, mode="complete")[0][:, len(rigid) :]
    squares, vectors = np.linalg.eigh(across.T @ weighted @ across)
    motions = (across @ vectors).T / roots
    return NormalModes(
        frequencies=_wavenumbers(squares),
        displacements=motions.reshape(len(motions), len(masses), 3),
        reduced_masses=1 / (motions**2).sum(axis=1),
        rigid=_wavenumbers(np.linalg.eigvalsh(rigid @ weighted @ rigid.T)),
    )


def _wavenumbers(squares: NDArray[np.floating]) -> NDArray[np.float64]:
    """cm⁻¹ of squared frequencies in eV/Å²/amu; negative where these are."""
    return np.sign(squares) * np.sqrt(np.abs(squares)) * EV_PER_ROOT / units.invcm


def movers(displacements: NDArray[np.float64], atoms: Atoms, moved: Sequence[int]) -> str:
    """Which atoms move in a mode, with their shares of the squares, such as ``"H1 0.48, H2 0.48"``."""
    shares = (displacements**2).sum(axis=1)
    shares /= shares.sum()
    most = [i for i in np.argsort(-shares, kind="stable")[:MOVERS] if shares[i] >= 0.05]
    return ", ".join(f"{atoms.symbols[moved[i]]}{moved[i]} {shares[i]:.2f}" for i in most)
