"""Slabs: what makes a structure one, which way is up, its layers, and which of them stay frozen."""

from collections import Counter

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.structures.vacuum import empty_layers
from equical.workflows.adsorption.layers import group_heights
from equical.workflows.common.inputs import check_structure

__all__ = [
    "count_layers",
    "fixed_atoms",
    "freeze_bottom",
    "layers_of",
    "nearest_distance",
    "standard_slab",
    "uneven_top",
    "vacuum_of",
]

MIN_VACUUM = 5.0
"""Å. Structures with a narrower gap between periodic images are not taken for slabs."""


def standard_slab(atoms: Atoms) -> Atoms:
    """Check that a structure is a slab, and return it with the surface normal along +z and the vacuum on top.

    Atoms are moved by whole lattice vectors only, so that a slab cut by the cell boundary becomes one piece; the
    structure is rotated only if its first two lattice vectors do not lie in the xy plane.

    Args:
        atoms: slab, periodic along its first two lattice vectors, with vacuum along the third.

    Returns:
        A copy without calculator; constraints are kept.

    Raises:
        InputError: not periodic, no vacuum, vacuum along the wrong lattice vector, or vacuum on all sides (a molecule).
    """
    check_structure(atoms)
    if not (atoms.pbc[0] and atoms.pbc[1]) or abs(np.linalg.det(atoms.cell.complete())) < 1e-6:
        raise InputError(
            f"{atoms.get_chemical_formula()} is not periodic along its first two lattice vectors: it looks like a "
            "molecule; give a slab with a periodic cell"
        )
    slab = atoms.copy()
    slab.calc = None
    if not slab.cell[2].any():  # no third vector: any height will do, because the slab is not periodic along it
        height = float(np.ptp(slab.positions @ _unit(np.cross(slab.cell[0], slab.cell[1]))))
        slab.cell[2] = (height + 4 * MIN_VACUUM) * _unit(np.cross(slab.cell[0], slab.cell[1]))
    _check_vacuum(slab)
    if np.abs(slab.cell[:2, 2]).max() > 1e-6 or slab.cell[2, 2] < 0:
        slab.set_cell(slab.cell.standard_form()[0], scale_atoms=True)
        if slab.cell[2, 2] < 0:
            raise InputError("the cell of the slab is left-handed: exchange its first two lattice vectors")
    _unwrap_height(slab)
    return slab


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _check_vacuum(slab: Atoms) -> None:
    """Refuse bulk crystals, molecules, and slabs that stand on edge."""
    gaps = empty_layers(slab)
    empty = ["abc"[axis] for axis in range(3) if gaps[axis] > MIN_VACUUM]
    if not slab.pbc[2]:
        empty = sorted({*empty, "c"})
    if len(empty) == 3 and len(slab) > 1:
        raise InputError(
            f"{slab.get_chemical_formula()} has vacuum on all sides: it looks like a molecule; give a slab whose atoms "
            "reach their periodic images along the first two lattice vectors"
        )
    if "c" not in empty:
        where = f"its vacuum lies along {empty[0]}: reorder the axes" if empty else "add vacuum along c, 15 Å, say"
        raise InputError(
            f"the slab {slab.get_chemical_formula()} has no vacuum along its third lattice vector (widest gap "
            f"{gaps[2]:.1f} Å, needed {MIN_VACUUM:.0f}); {where}"
        )


def _unwrap_height(slab: Atoms) -> None:
    """Move atoms by the third lattice vector so that the widest gap comes after the highest atom."""
    if not slab.pbc[2]:
        return
    fraction = slab.get_scaled_positions(wrap=False)[:, 2] % 1
    levels = np.sort(fraction)
    gaps = np.diff(levels, append=levels[0] + 1)
    lowest = levels[(np.argmax(gaps) + 1) % len(levels)]
    target = lowest + (fraction - lowest) % 1  # every atom within one period above the lowest
    old = slab.get_scaled_positions(wrap=False)[:, 2]
    slab.positions += np.round(target - old)[:, None] * slab.cell[2]


def vacuum_of(slab: Atoms) -> float:
    """Å of empty space above the highest atom, up to the next periodic image along the surface normal."""
    if not slab.pbc[2]:
        return float("inf")
    heights = slab.positions[:, 2]
    return float(slab.cell[2, 2] - np.ptp(heights))


def layers_of(atoms: Atoms) -> np.ndarray:
    """``[N]`` layer of each atom, 0 at the bottom: a new layer begins where heights jump by about 0.25 Å or more."""
    return group_heights(atoms.positions[:, 2])


def count_layers(slab: Atoms) -> int:
    """Number of atomic layers."""
    return int(layers_of(slab).max()) + 1


def uneven_top(slab: Atoms) -> tuple[int, int] | None:
    """Find out whether the top layer is a part of a layer.

    Returns:
        Number of atoms in the top layer and in a whole one, where those below with the same elements all hold another
        number and some of them more; None otherwise. One layer that buckled into two counts as whole.
    """
    layers = layers_of(slab)
    contents = [Counter(slab.numbers[layers == layer].tolist()) for layer in range(layers.max() + 1)]
    top, like = contents[-1], [below.total() for below in contents[:-1] if set(contents[-1]) <= set(below)]
    if not like or top.total() in like or max(like) < top.total():
        return None
    spacings = np.diff([slab.positions[layers == layer, 2].mean() for layer in range(len(contents))])
    if contents[-2].total() + top.total() in like and spacings[-1] < np.median(spacings) / 2:
        return None
    return top.total(), max(like)


def freeze_bottom(slab: Atoms, layers: int | None = None) -> Atoms:
    """Copy a slab with its lowest layers frozen.

    Args:
        slab: surface normal along +z.
        layers: how many to freeze, in place of the constraints that the slab has. By default these are kept, and where
            there are none, the lower half of the layers is frozen.

    Raises:
        InputError: fewer than none, or all layers.
    """
    frozen = slab.copy()
    total = count_layers(slab)
    if layers is None:
        if slab.constraints:
            return frozen
        layers = total // 2
    if not 0 <= layers < total:
        raise InputError(f"cannot freeze {layers} layers of a slab that has {total}: choose 0 to {total - 1}")
    frozen.set_constraint(FixAtoms(mask=layers_of(slab) < layers) if layers else None)
    return frozen


def fixed_atoms(slab: Atoms) -> np.ndarray:
    """``[N]`` bool: atoms that some constraint holds, in one direction at least."""
    fixed = np.zeros(len(slab), dtype=bool)
    for constraint in slab.constraints:
        if hasattr(constraint, "get_indices"):
            fixed[constraint.get_indices()] = True
    return fixed


def nearest_distance(atoms: Atoms) -> float:
    """Å: median over the atoms of the distance to the nearest neighbour, the slab's unit of length."""
    from ase.neighborlist import neighbor_list

    cutoff = 4.0
    while True:
        receiver, distance = neighbor_list("id", atoms, cutoff)
        if len(np.unique(receiver)) == len(atoms):
            nearest = np.full(len(atoms), np.inf)
            np.minimum.at(nearest, receiver, distance)
            return float(np.median(nearest))
        cutoff *= 1.5
