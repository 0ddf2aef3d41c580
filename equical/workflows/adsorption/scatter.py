"""Starting structures at random: an adsorbate anywhere on the surface, turned any way (AdsorbML: Lan et al., npj
Comput. Mater. 9, 172, 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.place import LOOSE, Placement, closest_image, lowered
from equical.workflows.adsorption.sites import SiteClass, nearest_site, surface_triangles
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

__all__ = ["scatter"]

TRIES = 100
"""Orientations that are drawn at one place before all are said to be too long for the cell."""


def scatter(
    slab: Atoms,
    adsorbate: Adsorbate,
    sites: Sequence[SiteClass],
    symmetry: SurfaceSymmetry,
    count: int,
    seed: int,
    taken: Sequence[Placement] = (),
) -> list[Placement]:
    """Put an adsorbate at random points of the triangulated surface in random orientations.

    Points are uniform over the area of the triangles between exposed atoms, orientations over all rotations. The middle
    of the adsorbate comes above the point, and its atoms down until one of them touches. Draw number k depends on
    ``seed`` and k alone, so that more draws add to those there are.

    Args:
        slab: relaxed, surface normal along +z.
        adsorbate: its tilts do not matter.
        sites: all classes of the surface, for the name of the nearest one.
        symmetry: operations of the slab, under which placements are compared.
        count: how many to draw; those that repeat an earlier one, or one of ``taken``, are dropped.
        seed: of the random numbers.
        taken: placements that there are.

    Raises:
        InputError: no orientation keeps the adsorbate from its own periodic images.
    """
    triangles = surface_triangles(slab)
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    across *= np.sign(across[:, 2:])
    areas = np.linalg.norm(across, axis=1)
    numbers = adsorbate.atoms.numbers
    shown = [placement.atoms.positions[len(slab) :] for placement in taken]
    made = []
    for draw in range(1, count + 1):
        rng = np.random.default_rng([seed, draw])
        chosen = rng.choice(len(triangles), p=areas / areas.sum())
        point = rng.dirichlet([1, 1, 1]) @ triangles[chosen]
        placed = _turned(slab, adsorbate, point, across[chosen] / areas[chosen], rng)
        molecule = placed.positions[len(slab) :]
        if any(symmetry.equivalent(molecule, other, numbers) for other in shown):
            continue
        shown.append(molecule)
        site = nearest_site(molecule[list(adsorbate.binding)].mean(axis=0), sites, slab.cell[:])[0]
        made.append(Placement(f"random-{draw}", site, nan, nan, placed, random=True))
    return made


def _turned(
    slab: Atoms, adsorbate: Adsorbate, point: np.ndarray, normal: np.ndarray, rng: np.random.Generator
) -> Atoms:
    """Slab and adsorbate above a point of it, in the first orientation drawn that is clear of periodic images."""
    centred = adsorbate.atoms.positions - adsorbate.atoms.positions.mean(axis=0)
    for _ in range(TRIES):
        quaternion = rng.normal(size=4)  # uniform over all rotations, once it has unit length
        placed = lowered(slab, adsorbate, Rotation.from_quat(quaternion).apply(centred) + point, normal)
        if closest_image(placed, adsorbate)[1] >= LOOSE:
            return placed
    raise InputError(
        f"the cell is too small for {adsorbate.name} in random orientations, which would touch its own periodic "
        "images: use a larger surface cell, such as --size 3x3"
    )
