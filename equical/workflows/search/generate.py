"""Random structures: a cell, sites for the atoms, and pushes until none of them is too close to another.

Structure number n depends on the seed and on n alone, however many others are made and in whatever order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.neighbors.build import pairs_within
from equical.neighbors.cells import heights, reduce_cell
from equical.workflows.search.composition import Composition, composition_of, formula_of
from equical.workflows.search.groups import Group, drawn_group
from equical.workflows.search.hopeless import hopeless
from equical.workflows.search.settings import SearchSettings
from equical.workflows.search.sizes import distance_limits, typical_volume

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["random_structure"]

Floats = NDArray[np.float64]

SPREAD = 0.2
"""Share by which volumes differ from the one asked for."""

ATTEMPTS = 200
"""Cells and sites that are tried for one structure."""

GROWTH = 1.01
"""Factor by which the volume grows where atoms found no room in it, unless it is given."""

FLATTEST = 0.4
"""Least distance of opposite faces of a cell, in edges of the cube of the same volume."""

SITES = 20
"""Points that are tried for the orbits of an element."""

PUSHES = 60
"""Rounds in which atoms are pushed apart."""

DECIMALS = 6
"""Of coordinates in Å, so that processors whose sines differ in the last bit make the same structure."""

SAME_SITE = 1e-4
"""Lattice vectors. Images of a site that agree this well are one."""


def random_structure(settings: SearchSettings, number: int) -> Atoms:
    """Structure ``number`` of a search; its ``info`` has the number and the space group it was made with.

    Raises:
        InputError: there is no room for the atoms.
    """
    from ase import Atoms

    composition = composition_of(settings.seed, number, settings.compositions)
    random = np.random.default_rng([settings.seed, 0, number])
    numbers = Atoms(formula_of(composition)).numbers
    limits = distance_limits(numbers, settings.distances)
    volume = _volume(composition, settings.volume) * random.uniform(1 - SPREAD, 1 + SPREAD)
    placed = False
    for _ in range(ATTEMPTS):
        group = drawn_group(random, *settings.operations)
        sites = _sites(random, group, numbers)
        cell = _cell(random, group, volume)
        if sites is None or cell is None:
            continue
        placed = True
        positions = _pushed_apart(cell, sites, group, limits)
        if positions is not None:
            compact = reduce_cell(cell, np.ones(3, dtype=bool))[0].round(DECIMALS)
            info = {"number": number, "made_with": group.name}
            atoms = Atoms(numbers, positions.round(DECIMALS), cell=compact, pbc=True, info=info)
            if hopeless(atoms, settings.distances) is None:
                return atoms
        if settings.volume is None:
            volume *= GROWTH
    name, (least, most) = formula_of(composition), settings.operations
    if not placed:
        raise InputError(f"no sites for {name} in space groups of {least} to {most} operations: allow fewer of them")
    raise InputError(
        f"no room for {name} in {volume / len(numbers):.3g} Å³ per atom, with {limits.min():.2f} Å and more between "
        "atoms: give a larger volume, shorter distances, or fewer symmetry operations"
    )


def _volume(composition: Composition, given: float | None) -> float:
    """Å³ of a cell."""
    from ase.data import atomic_numbers

    if given is not None:
        return given * sum(composition.values())
    return sum(number * typical_volume(atomic_numbers[symbol]) for symbol, number in composition.items())


def _cell(random: np.random.Generator, group: Group, volume: float) -> Floats | None:
    """``[3, 3]`` Å, a random cell that the group allows; None where it would be too flat."""
    metric = group.metric(random.normal(size=(3, 3)))
    drawn = np.linalg.cholesky(metric)
    cell = np.asarray(drawn * (volume / np.linalg.det(drawn)) ** (1 / 3), dtype=np.float64)
    reduced, _ = reduce_cell(cell, np.ones(3, dtype=bool))
    return cell if heights(reduced).min() > FLATTEST * volume ** (1 / 3) else None


def _sites(random: np.random.Generator, group: Group, numbers: NDArray[np.int64]) -> Floats | None:
    """``[N, 3]`` fractional coordinates, whole orbits for each element; None where they did not come out even."""
    sites = np.empty((len(numbers), 3))
    for kind in np.unique(numbers):
        places = np.flatnonzero(numbers == kind)
        taken = 0
        for _ in range(SITES * len(places)):
            orbit = _orbit(random, group)
            if len(orbit) <= len(places) - taken:
                sites[places[taken : taken + len(orbit)]] = orbit
                taken += len(orbit)
            if taken == len(places):
                break
        else:
            return None
    return sites


def _orbit(random: np.random.Generator, group: Group) -> Floats:
    """``[M, 3]``, the images of a random point, which lies on elements of symmetry now and then."""
    point = random.random(3)
    for _ in range(random.integers(4) if len(group.rotations) > 1 else 0):
        point = _on_element(point, group, int(random.integers(len(group.rotations))))
    orbit: list[Floats] = []
    for image in group.images(point):
        if all(np.abs(_nearest(image - other)).max() > SAME_SITE for other in orbit):
            orbit.append(image % 1.0)
    return np.array(orbit)


def _on_element(point: Floats, group: Group, which: int) -> Floats:
    """The point moved onto the axis, plane or centre of an operation; left where it is if a screw or glide has none."""
    rotation, translation = group.rotations[which], group.translations[which]
    shift = translation - np.rint(rotation @ point + translation - point)
    path = [point]
    while len(path) == 1 or np.abs(np.linalg.matrix_power(rotation, len(path)) - np.eye(3)).max() > 0.5:
        path.append(rotation @ path[-1] + shift)
    middle = np.mean(path, axis=0)
    return middle if np.abs(rotation @ middle + shift - middle).max() < SAME_SITE else point


def _pushed_apart(cell: Floats, sites: Floats, group: Group, limits: Floats) -> Floats | None:
    """``[N, 3]`` Å where all distances keep to their limits ``[N, N]``, as the group wants it; None where not."""
    partners = _partners(sites, group)
    back = np.linalg.inv(group.rotations.astype(float))
    periodic, largest = np.ones(3, dtype=bool), float(limits.max())
    for _ in range(PUSHES):
        positions = sites @ cell
        receiver, sender, shift, distance = pairs_within(positions, cell, periodic, largest)
        missing = limits[receiver, sender] - distance
        close = missing > 0
        if not close.any():
            return positions
        receiver, sender, shift, distance = receiver[close], sender[close], shift[close], distance[close]
        if (receiver == sender).any() or distance.min() < SAME_SITE:
            return None
        away = positions[receiver] - positions[sender] - shift @ cell
        moves = np.zeros_like(positions)
        np.add.at(moves, receiver, away * ((0.55 * missing[close] + 1e-3) / distance)[:, None])
        moves = moves @ np.linalg.inv(cell)
        sites = sites + np.einsum("kij,knj->ni", back, moves[partners]) / len(back)
    return None


def _partners(sites: Floats, group: Group) -> NDArray[np.int64]:
    """``[K, N]``, the atom that each operation takes each atom to."""
    apart = np.abs(_nearest(group.images(sites)[:, :, None] - sites)).max(axis=-1)
    return apart.argmin(axis=-1)


def _nearest(difference: Floats) -> Floats:
    return difference - np.rint(difference)
