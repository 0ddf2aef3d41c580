"""Initial velocities, and the number of degrees of freedom that share the heat.

Both follow from the conserved quantities. Forces between atoms conserve the total momentum, and the angular momentum
of a molecule, so neither may carry heat: they are removed from the velocities and from the count. Counting 3N instead
would make a thermostat run N/(N-1) times too hot, 3 % for 32 atoms.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from equical.errors import InputError

__all__ = ["degrees_of_freedom", "draw_velocities", "frozen_mask", "kinetic_temperature", "remove_drift"]

_LINEAR = 1e-3  # Å, atoms closer than this to one line have no moment of inertia about it


def frozen_mask(atoms: Atoms) -> NDArray[np.bool_]:
    """Which atoms a ``FixAtoms`` holds, [N]."""
    mask = np.zeros(len(atoms), dtype=bool)
    for constraint in atoms.constraints:
        mask[constraint.index] = True
    return mask


def degrees_of_freedom(atoms: Atoms, ensemble: str) -> int:
    """Number of degrees of freedom with thermal energy kT/2 each.

    Three for each moving atom; less three if no atom is frozen (momentum); less three more, or two if linear, for a
    molecule without periodicity (angular momentum), except under Langevin noise, which makes molecules tumble.

    Raises:
        InputError: Nothing can move.
    """
    frozen = frozen_mask(atoms)
    count = 3 * int((~frozen).sum())
    if not frozen.any():
        count -= 3
        if _is_molecule(atoms) and ensemble != "langevin":
            count -= _rotations(atoms)
    if count < 1:
        raise InputError("nothing can move: every atom is frozen, or there is only one")
    return count


def kinetic_temperature(atoms: Atoms, dof: int) -> float:
    """Temperature (K) of the momenta, 2 E_kin / (dof k_B)."""
    return float(2 * atoms.get_kinetic_energy() / (dof * units.kB))


def draw_velocities(atoms: Atoms, temperature: float, dof: int, rng: np.random.Generator) -> None:
    """Give the atoms Maxwell-Boltzmann velocities, scaled to have exactly this temperature.

    Frozen atoms rest. Without frozen atoms the total momentum is zero, and for a molecule the angular momentum too.

    Args:
        atoms: Gets new momenta.
        temperature: K.
        dof: From :func:`degrees_of_freedom`.
        rng: Draws 3N normal numbers.
    """
    masses = atoms.get_masses()[:, None]
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature)
    atoms.set_momenta(momenta)  # the constraint stops frozen atoms
    remove_drift(atoms)
    current = kinetic_temperature(atoms, dof)
    if current > 0:
        atoms.set_momenta(atoms.get_momenta() * np.sqrt(temperature / current))


def remove_drift(atoms: Atoms) -> None:
    """Take the total momentum away, and the angular momentum of a molecule; leave atoms beside frozen ones alone."""
    if frozen_mask(atoms).any():
        atoms.set_momenta(atoms.get_momenta())  # lets the constraint stop the frozen atoms
        return
    masses = atoms.get_masses()[:, None]
    velocities = atoms.get_velocities()
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    if _is_molecule(atoms):
        arms = _arms(atoms)
        angular_momentum = np.cross(arms, masses * velocities).sum(axis=0)
        inertia = (masses[:, None] * ((arms**2).sum(axis=1)[:, None, None] * np.eye(3) - _outer(arms))).sum(axis=0)
        # The pseudo-inverse leaves out the rotation of a linear molecule about its own axis.
        rotation = np.linalg.pinv(inertia, rcond=1e-8, hermitian=True) @ angular_momentum
        velocities -= np.cross(rotation, arms)
    atoms.set_velocities(velocities)


def _outer(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors[:, :, None] * vectors[:, None, :]


def _is_molecule(atoms: Atoms) -> bool:
    return not atoms.pbc.any() and len(atoms) > 1


def _arms(atoms: Atoms) -> NDArray[np.float64]:
    return np.asarray(atoms.positions - atoms.get_center_of_mass())


def _rotations(atoms: Atoms) -> int:
    singular_values = np.linalg.svd(_arms(atoms), compute_uv=False)
    return 2 if singular_values[1] < _LINEAR else 3
