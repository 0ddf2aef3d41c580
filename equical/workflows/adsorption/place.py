"""Starting structures: an adsorbate above each site, in each orientation that symmetry does not make equivalent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.sites import Site, SiteClass
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

__all__ = ["AZIMUTHS", "LOOSE", "Placement", "closest_image", "lowered", "place_all"]

AZIMUTHS = (0.0, 90.0)
"""Degrees. One direction along a mirror plane of most sites, and one across it that forces can turn either way."""

NUDGE = 0.1
"""Å. Adsorbates start this far beside their site: exactly on it, symmetry could hold them on a saddle point."""

LOOSE = 1.3
"""Atoms that do not bind start at least this many sums of covalent radii away from the slab."""


@dataclass(frozen=True)
class Placement:
    """An adsorbate placed on a slab, before relaxation.

    Attributes:
        name: unique, such as ``"fcc-Pt3"``, ``"top-Pt_tilt45_az90"`` or ``"random-7"``.
        site: class of equivalent sites; of a random place the nearest one.
        tilt: degrees, about an axis in the surface plane, before the azimuth; NaN where it was turned at random.
        azimuth: degrees, about the surface normal, from the direction of the site; NaN where it was turned at random.
        atoms: slab, then adsorbate.
        random: whether it was put anywhere on the surface, and not on a site.
    """

    name: str
    site: SiteClass
    tilt: float
    azimuth: float
    atoms: Atoms
    random: bool = False


def place_all(
    slab: Atoms,
    adsorbate: Adsorbate,
    sites: Sequence[SiteClass],
    symmetry: SurfaceSymmetry,
    azimuths: Sequence[float] = AZIMUTHS,
) -> list[Placement]:
    """Put an adsorbate on every class of sites in every orientation, and drop what symmetry repeats.

    Args:
        slab: relaxed, surface normal along +z.
        adsorbate: with the tilts to try.
        sites: classes of equivalent sites; the first of each is used.
        symmetry: operations of the slab, under which orientations are compared.
        azimuths: degrees, counted from the direction of each site.

    Raises:
        InputError: the adsorbate would overlap with its own periodic images.
    """
    placements = []
    for site in sites:
        shown: list[np.ndarray] = []
        for tilt, azimuth in [(t, a) for t in adsorbate.tilts for a in azimuths]:
            molecule = _oriented(adsorbate, site.sites[0], tilt, azimuth)
            numbers = adsorbate.atoms.numbers
            if any(symmetry.equivalent(molecule, other, numbers) for other in shown):
                continue
            shown.append(molecule)
            placements.append((site, tilt, azimuth, molecule))
    several_tilts = len({tilt for _, tilt, _, _ in placements}) > 1
    made = []
    for site, tilt, azimuth, molecule in placements:
        turned = [a for s, t, a, _ in placements if s is site and t == tilt]
        name = site.name + (f"_tilt{tilt:g}" if several_tilts else "") + (f"_az{azimuth:g}" if len(turned) > 1 else "")
        made.append(Placement(name, site, tilt, azimuth, _combined(slab, adsorbate, site.sites[0], molecule)))
    _refuse_overlap(made[0].atoms, adsorbate)
    return made


def _oriented(adsorbate: Adsorbate, site: Site, tilt: float, azimuth: float) -> np.ndarray:
    """``[K, 3]`` Å: the adsorbate turned, with the middle of its binding atoms at the site."""
    turned = adsorbate.atoms.copy()
    turned.rotate(-tilt, "y")  # lifts what points along +x
    turned.rotate(np.degrees(np.arctan2(site.direction[1], site.direction[0])) + azimuth, "z")
    return turned.positions + site.position


def _combined(slab: Atoms, adsorbate: Adsorbate, site: Site, molecule: np.ndarray) -> Atoms:
    """Slab and adsorbate, lowered onto the site until two atoms touch, or else into its plane."""
    aside = np.array([[np.cos(0.35), -np.sin(0.35)], [np.sin(0.35), np.cos(0.35)]]) @ site.direction
    return lowered(slab, adsorbate, molecule + NUDGE * np.append(aside, 0.0), site.normal)


def lowered(slab: Atoms, adsorbate: Adsorbate, positions: np.ndarray, normal: np.ndarray) -> Atoms:
    """Slab and adsorbate, the latter moved along a normal until it touches the slab.

    Args:
        slab: surface normal along +z.
        adsorbate: its binding atoms may come closer than the others.
        positions: ``[K, 3]`` Å of its atoms, in or below the plane of the surface.
        normal: ``[3]`` unit vector away from the surface.
    """
    numbers = adsorbate.atoms.numbers
    looseness = np.full(len(numbers), LOOSE)
    looseness[list(adsorbate.binding)] = 1.0
    lift = _lift(slab, positions, normal, covalent_radii[numbers], looseness)
    combined = slab.copy()
    combined.extend(Atoms(numbers, positions + lift * normal))
    return combined


def _lift(slab: Atoms, positions: np.ndarray, normal: np.ndarray, radii: np.ndarray, looseness: np.ndarray) -> float:
    """Å to move ``positions`` along ``normal`` until none is too close to a slab atom; none, if none is too close."""
    contact = (looseness[:, None] * (radii[:, None] + covalent_radii[slab.numbers]))[..., None]
    cell = slab.cell[:2, :2]
    heights = abs(np.linalg.det(cell)) / np.linalg.norm(cell[::-1], axis=1)
    na, nb = np.ceil(2 * contact.max() / heights).astype(int) + 1
    shifts = np.array([[*(a * cell[0] + b * cell[1]), 0] for a in range(-na, na + 1) for b in range(-nb, nb + 1)])
    apart = slab.positions[None] - positions[:, None]
    apart[..., :2] -= np.round(apart[..., :2] @ np.linalg.inv(cell)) @ cell
    images = apart[:, :, None] + shifts
    along = images @ normal
    aside2 = (images**2).sum(axis=-1) - along**2
    hit = aside2 < contact**2
    return float((along + np.sqrt(np.maximum(contact**2 - aside2, 0)))[hit].max(initial=0.0))


def closest_image(placed: Atoms, adsorbate: Adsorbate) -> tuple[float, float]:
    """How close the adsorbate comes to its own periodic images in the surface plane.

    Returns:
        The shortest distance between atoms in Å, and in sums of their covalent radii.
    """
    positions, numbers = placed.positions[-len(adsorbate.atoms) :], adsorbate.atoms.numbers
    shifts = [a * placed.cell[0] + b * placed.cell[1] for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2) if a or b]
    apart = positions[:, None, None] - positions[None, :, None] - np.array(shifts)
    distance = np.linalg.norm(apart, axis=-1).min(axis=-1)
    return float(distance.min()), float((distance / (covalent_radii[numbers][:, None] + covalent_radii[numbers])).min())


def _refuse_overlap(placed: Atoms, adsorbate: Adsorbate) -> None:
    distance, in_bonds = closest_image(placed, adsorbate)
    if in_bonds < LOOSE:
        raise InputError(
            f"the cell is too small: {adsorbate.name} would come within {distance:.1f} Å of its own periodic image; "
            "use a larger surface cell, such as --size 3x3"
        )
