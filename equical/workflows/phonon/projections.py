"""What each atom has of the vibrations: its part of the density of states, and how far it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import NDArray
from phonopy import Phonopy

from equical.workflows.phonon.modes import ZERO

__all__ = ["AtomicVibrations", "run_projections"]

PROJECTION_MESH = 40.0
"""Å. Density of the mesh without symmetry, at most."""

HBAR = units._hbar * units.J * units.s
"""eV times ASE's unit of time."""


@dataclass(frozen=True)
class AtomicVibrations:
    """Vibrations by atoms of the primitive cell.

    Attributes:
        symbols: of the atoms, in phonopy's order (that of ``result.phonopy.primitive``).
        projected_dos: ``[N, F]`` states per THz, at the frequencies of the density of states. The sum over atoms is the
            density of states on their mesh, which is coarser.
        mean_square_displacements: ``[T, N]`` Å², summed over the three directions, at the temperatures of the thermal
            properties. Imaginary and zero modes are left out.
    """

    symbols: tuple[str, ...]
    projected_dos: NDArray[np.float64]
    mean_square_displacements: NDArray[np.float64]

    @property
    def species_dos(self) -> dict[str, NDArray[np.float64]]:
        """``[F]`` for each element, the sum over its atoms."""
        return {s: self.projected_dos[[one == s for one in self.symbols]].sum(axis=0) for s in sorted({*self.symbols})}


def run_projections(phonopy: Phonopy, mesh: float, temperatures: NDArray[np.float64]) -> AtomicVibrations:
    """Project densities of states on atoms, and compute how far these move.

    Args:
        phonopy: with force constants and a density of states. Its mesh has eigenvectors afterwards.
        mesh: Å, as in :func:`.run_mesh`. The projection needs a mesh without symmetry, which takes long where it is
            dense: it is one of :data:`PROJECTION_MESH` at most.
        temperatures: ``[T]`` K.
    """
    frequencies = phonopy.total_dos.frequency_points
    phonopy.run_mesh(min(float(mesh), PROJECTION_MESH), with_eigenvectors=True, is_mesh_symmetry=False)
    phonopy.run_projected_dos(
        freq_min=frequencies[0], freq_max=frequencies[-1], freq_pitch=frequencies[1] - frequencies[0]
    )
    found = phonopy.projected_dos
    phonopy.run_mesh(float(mesh), with_eigenvectors=True)
    return AtomicVibrations(
        symbols=tuple(phonopy.primitive.symbols),
        projected_dos=np.array([np.interp(frequencies, found.frequency_points, one) for one in found.projected_dos]),
        mean_square_displacements=_mean_square_displacements(phonopy, temperatures),
    )


def _mean_square_displacements(phonopy: Phonopy, temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """⟨u²⟩ = Σ |e|² ħ² coth(ħω/2kT) / (2 m ħω), the mean over q and the sum over bands.

    Of q-points that symmetry makes equal one is on the mesh; at the others equivalent atoms have changed places, so
    that the mean over these atoms counts.
    """
    frequencies = phonopy.mesh.frequencies  # [Q, B]
    masses = phonopy.primitive.masses
    parts = np.abs(phonopy.mesh.eigenvectors) ** 2  # [Q, 3N, B]
    parts = parts.reshape(len(frequencies), len(masses), 3, -1).sum(axis=2)  # [Q, N, B]
    first = phonopy.primitive_symmetry.get_map_atoms()
    same = first[:, None] == first[None]  # [N, N]
    parts = np.einsum("ij,qjb->qib", same / same.sum(axis=1, keepdims=True), parts)
    weights = phonopy.mesh.weights / phonopy.mesh.weights.sum()
    counted = frequencies > ZERO
    quanta = 2 * np.pi * HBAR * np.where(counted, frequencies, 1.0) / (units.fs * 1000)  # eV
    found = np.empty((len(temperatures), len(masses)))
    for row, kelvin in zip(found, temperatures, strict=True):
        thermal = 1 / np.tanh(quanta / (2 * units.kB * kelvin)) if kelvin > 0 else 1.0
        squares = counted * thermal * HBAR**2 / (2 * quanta)
        row[:] = np.einsum("qb,qnb->n", weights[:, None] * squares, parts) / masses
    return found
