"""The Boltzmann equation of phonons on a mesh of wave vectors: phono3py's solution in our units and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phono3py import Phono3py

    from equical.workflows.conductivity.settings import Method

__all__ = ["Transport", "as_tensors", "mesh_numbers", "run_transport"]

LARGEST_MATRIX = 16e9
"""Bytes of the collision matrices of all temperatures."""

METERS_PER_SECOND = 100.0
"""In phono3py's unit of velocities, Å THz."""


@dataclass(frozen=True)
class Transport:
    """What phonons on one mesh carry.

    Attributes:
        mesh: numbers of wave vectors along the reciprocal vectors of the primitive cell.
        kappa: ``[T, 3, 3]`` W/m/K, in the axes of the crystal as given, by the method asked for.
        kappa_rta: ``[T, 3, 3]`` W/m/K, in the relaxation-time approximation.
        qpoints: ``[Q, 3]`` wave vectors that are not related by symmetry, in the basis of the primitive cell's
            reciprocal vectors.
        weights: ``[Q]`` of how many of the mesh each stands for.
        frequencies: ``[Q, B]`` THz.
        speeds: ``[Q, B]`` m/s, of group velocities.
        lifetimes: ``[T, Q, B]`` ps; NaN where nothing scatters the mode.
        contributions: ``[T, Q, B]`` W/m/K, which sum up to a third of the trace of ``kappa``.
    """

    mesh: tuple[int, int, int]
    kappa: NDArray[np.float64]
    kappa_rta: NDArray[np.float64]
    qpoints: NDArray[np.float64]
    weights: NDArray[np.int64]
    frequencies: NDArray[np.float64]
    speeds: NDArray[np.float64]
    lifetimes: NDArray[np.float64]
    contributions: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """``[T]`` W/m/K, a third of the trace of ``kappa``: what a polycrystal has, about."""
        return np.trace(self.kappa, axis1=1, axis2=2) / 3


def mesh_numbers(phono3py: Phono3py, mesh: float) -> tuple[int, int, int]:
    """How many wave vectors a mesh of so many Å has along each reciprocal vector."""
    phono3py.mesh_numbers = mesh
    a, b, c = (int(number) for number in phono3py.mesh_numbers)
    return a, b, c


def run_transport(
    phono3py: Phono3py, mesh: float, temperatures: Sequence[float], method: Method, isotopes: bool
) -> Transport:
    """Solve the Boltzmann equation with the tetrahedron method.

    Args:
        phono3py: with force constants of second and third order.
        mesh: Å; ``mesh |b|`` wave vectors along each reciprocal vector b (without 2π).
        temperatures: K.
        method: ``"rta"`` or ``"lbte"``.
        isotopes: let phonons scatter at the natural mixture of isotopes, too.

    Raises:
        InputError: the collision matrices would not fit into memory.
    """
    numbers = mesh_numbers(phono3py, mesh)
    if method == "lbte":
        _refuse_if_too_large(phono3py, numbers, len(temperatures))
    # Without these, conductivity depends on which eigenvectors of a degenerate mode rounding happens to choose.
    phono3py.init_phph_interaction(
        symmetrize_tetrahedra=True, exclude_gamma_acoustic=True, average_degenerate_weights=True
    )
    phono3py.run_thermal_conductivity(
        is_LBTE=method == "lbte", temperatures=list(temperatures), is_isotope=isotopes, log_level=0
    )
    found = phono3py.thermal_conductivity
    kappa = as_tensors(found.kappa[0])
    gamma = found.gamma[0] + (found.gamma_isotope[0] if isotopes else 0.0)
    modes = found.mode_kappa[0][..., :3].mean(axis=3)
    with np.errstate(divide="ignore"):
        lifetimes = np.where(gamma > 0, 1 / (4 * np.pi * gamma), np.nan)  # γ is half a width, of no circular frequency
    return Transport(
        mesh=numbers,
        kappa=kappa,
        kappa_rta=as_tensors(found.kappa_RTA[0]) if method == "lbte" else kappa,
        qpoints=np.array(found.qpoints),
        weights=np.array(found.grid_weights),
        frequencies=np.array(found.frequencies),
        speeds=METERS_PER_SECOND * np.linalg.norm(found.group_velocities, axis=2),
        lifetimes=lifetimes,
        contributions=modes / np.prod(numbers),
    )


def as_tensors(voigt: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[T, 3, 3]`` of ``[T, 6]`` in the order xx, yy, zz, yz, xz, xy."""
    return voigt[:, [[0, 5, 4], [5, 1, 3], [4, 3, 2]]]


def _refuse_if_too_large(phono3py: Phono3py, mesh: tuple[int, int, int], temperatures: int) -> None:
    from phonopy.phonon.grid import get_ir_grid_points  # which older releases lack, and phono3py brings along

    modes = len(get_ir_grid_points(phono3py.grid)[0]) * 3 * len(phono3py.primitive)
    size = 8 * temperatures * (3 * modes) ** 2
    if size > LARGEST_MATRIX:
        raise InputError(
            f"collision matrices of {modes} modes (mesh {mesh[0]}×{mesh[1]}×{mesh[2]}) at {temperatures} temperatures "
            f"take {size / 1e9:.0f} GB: give a smaller --mesh, fewer --temperatures, or --method rta; "
            "what was calculated is found again with --resume"
        )
