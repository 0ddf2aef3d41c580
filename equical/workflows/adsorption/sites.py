"""Adsorption sites of a surface: on top of atoms, on bridges between two, in hollows between three or more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from equical.errors import InputError
from equical.workflows.adsorption.slabs import nearest_distance
from equical.workflows.adsorption.symmetry import SurfaceSymmetry
from equical.workflows.adsorption.triangulation import Corner, PlaneTiling, tile_plane

__all__ = [
    "SITE_KINDS",
    "Site",
    "SiteClass",
    "choose_sites",
    "exposed_atoms",
    "find_sites",
    "nearest_site",
    "surface_triangles",
]

SITE_KINDS = ("top", "bridge", "hollow")

EXPOSED = 0.70
"""Fraction of an atom's disc that must be visible from above. Between the second layer of bcc(100), 0.63, which only
closes a hollow, and that of fcc(110), 0.77, which forms close-packed facets with the ridges; the atoms at the foot of
an fcc(211) step show 0.89."""

NEAR = 0.3
"""Å. An adsorbate that is nearer to another site by less than this has not left its own."""


@dataclass(frozen=True)
class Site:
    """A place on a surface.

    Attributes:
        kind: ``"top"``, ``"bridge"`` or ``"hollow"``.
        name: kind, stacking where the site lies in a close-packed facet, and elements, such as ``"fcc-Pt3"``.
        position: ``[3]`` Å, middle of its atoms.
        atoms: indices of the surface atoms around it.
        direction: ``[2]`` unit vector in the surface plane, from which azimuths are counted: towards the first atom of
            a bridge or hollow, from a top site towards its nearest neighbour.
        normal: ``[3]`` unit vector of the facet, along which an adsorbate stands off; +z unless its atoms differ in
            height.
        width: Å, mean distance of its atoms from the middle, measured in the surface plane.
    """

    kind: str
    name: str
    position: np.ndarray
    atoms: tuple[int, ...]
    direction: np.ndarray
    normal: np.ndarray
    width: float


@dataclass(frozen=True)
class SiteClass:
    """Sites that symmetry makes equivalent.

    Attributes:
        name: name of its sites, with a letter where several classes share it (``"bridge-Pt2-a"`` is the highest).
        sites: the equivalent sites in the cell; the first one, in the middle of the cell, stands for all.
    """

    name: str
    sites: tuple[Site, ...]

    @property
    def kind(self) -> str:
        """``"top"``, ``"bridge"`` or ``"hollow"``."""
        return self.sites[0].kind


def exposed_atoms(slab: Atoms) -> np.ndarray:
    """Indices of the atoms that form the surface, seen from +z.

    Atoms are discs that touch their nearest neighbours; an atom is exposed if higher ones cover less than 30 % of its
    disc. On low-index surfaces these are the atoms of the top layer, on steps those of the whole terrace.
    """
    from ase.neighborlist import neighbor_list

    length = nearest_distance(slab)
    radius = length / 2
    flat = slab.copy()
    flat.set_constraint()
    flat.positions[:, 2] = 0
    flat.set_cell([*slab.cell[:2], [0, 0, 50.0]])
    flat.pbc = [True, True, False]
    lower, higher, shift = neighbor_list("ijD", flat, length)
    covers = slab.positions[higher, 2] - slab.positions[lower, 2] > 0.1 * length
    samples = radius * _disc(300)
    visible = np.ones((len(slab), len(samples)), dtype=bool)
    for atom, vector in zip(lower[covers], shift[covers, :2], strict=True):
        visible[atom] &= np.linalg.norm(samples - vector, axis=1) > radius
    return np.flatnonzero(visible.mean(axis=1) > EXPOSED)


def _disc(count: int) -> np.ndarray:
    """``[count, 2]`` points that fill the unit disc like sunflower seeds (Vogel, Math. Biosci. 44, 179, 1979)."""
    index = np.arange(count)
    angle = index * np.pi * (3 - np.sqrt(5))
    return np.sqrt((index + 0.5) / count)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def find_sites(slab: Atoms, symmetry: SurfaceSymmetry) -> tuple[SiteClass, ...]:
    """Enumerate the sites of a surface by a Delaunay triangulation of its exposed atoms.

    Args:
        slab: surface normal along +z.
        symmetry: operations under which sites are equivalent.

    Returns:
        Classes of equivalent sites: top sites first, then bridges, then hollows.
    """
    sites = _all_sites(slab)
    groups: list[list[Site]] = []
    for site in sites:
        for group in groups:
            if group[0].name == site.name and symmetry.equivalent(group[0].position[None], site.position[None]):
                group.append(site)
                break
        else:
            groups.append([site])
    middle = slab.cell[:2, :2].sum(axis=0) / 2
    return _named([sorted(group, key=lambda site: _offset(site, middle)) for group in groups])


def _offset(site: Site, middle: np.ndarray) -> tuple[float, float]:
    """Sort key: distance from the middle of the cell, where pictures show a site best; of equal ones the rightmost."""
    return round(float(np.linalg.norm(site.position[:2] - middle)), 2), -round(float(site.position[0]), 2)


def _named(groups: list[list[Site]]) -> tuple[SiteClass, ...]:
    """Classes by kind, the highest first, with letters where a name occurs more than once."""
    groups = sorted(groups, key=lambda group: _rank(group[0]))
    total = Counter(group[0].name for group in groups)
    seen: Counter[str] = Counter()
    classes = []
    for group in groups:
        name = group[0].name
        seen[name] += 1
        letter = f"-{_letters(seen[name])}" if total[name] > 1 else ""
        classes.append(SiteClass(name + letter, tuple(group)))
    return tuple(classes)


def _rank(site: Site) -> tuple[int, float, float, str]:
    """Sort key: kind, then from high to low, then from narrow to wide."""
    return SITE_KINDS.index(site.kind), -round(float(site.position[2]), 2), round(site.width, 2), site.name


def _letters(number: int) -> str:
    """1 → a, 26 → z, 27 → aa."""
    letters = ""
    while number:
        number, digit = divmod(number - 1, 26)
        letters = "abcdefghijklmnopqrstuvwxyz"[digit] + letters
    return letters


def choose_sites(classes: Sequence[SiteClass], wanted: Sequence[str] | None) -> tuple[SiteClass, ...]:
    """Keep the classes whose kind is wanted, or whose name begins like one wanted (``"fcc"``, ``"top-Pt"``).

    Raises:
        InputError: there is no such site.
    """
    if wanted is None:
        return tuple(classes)
    for name in wanted:
        if not any(c.kind == name or c.name.startswith(name) for c in classes):
            raise InputError(f"no site {name!r} on this surface; it has {', '.join(c.name for c in classes)}")
    return tuple(c for c in classes if c.kind in wanted or c.name.startswith(tuple(wanted)))


def nearest_site(
    position: np.ndarray, classes: Sequence[SiteClass], cell: np.ndarray, expected: SiteClass | None = None
) -> tuple[SiteClass, Site]:
    """The site whose normal passes nearest to a position, and its class.

    Args:
        position: ``[3]`` Å.
        classes: sites to choose from.
        cell: ``[3, 3]`` Å, of the slab.
        expected: of two sites about as near (within 0.3 Å), prefer one of this class.
    """
    places = [(c, site) for c in classes for site in c.sites]
    normals = np.array([site.normal for _, site in places])[:, None]
    apart = _images(position - np.array([site.position for _, site in places]), cell[:2, :2])
    along = np.maximum((apart * normals).sum(axis=-1, keepdims=True), 0)
    distances = np.linalg.norm(apart - along * normals, axis=-1).min(axis=1)
    distances -= [NEAR if c is expected else 0.0 for c, _ in places]
    return places[int(np.argmin(distances))]


def surface_triangles(slab: Atoms) -> np.ndarray:
    """``[T, 3, 3]`` Å: corners of triangles between exposed atoms that cover the surface of one cell."""
    tiling, positions, _ = _tiled(slab)
    triangles = []
    for polygon in tiling.polygons:
        corners = np.array([_place(corner, positions, slab.cell[:2, :2]) for corner in polygon])
        flat = (corners - corners.mean(axis=0))[:, :2]
        corners = corners[np.argsort(np.arctan2(flat[:, 1], flat[:, 0]))]
        triangles += [corners[[0, i, i + 1]] for i in range(1, len(corners) - 1)]
    return np.array(triangles)


def _tiled(slab: Atoms) -> tuple[PlaneTiling, np.ndarray, np.ndarray]:
    """The surface in triangles and larger polygons; positions ``[K, 3]`` Å of its atoms, and their indices ``[K]``."""
    surface = exposed_atoms(slab)
    cell = slab.cell[:2, :2]
    positions = slab.positions[surface]
    positions[:, :2] -= np.floor(positions[:, :2] @ np.linalg.inv(cell) + 1e-6) @ cell
    return tile_plane(positions[:, :2], cell, nearest_distance(slab)), positions, surface


def _all_sites(slab: Atoms) -> list[Site]:
    tiling, positions, surface = _tiled(slab)
    length, cell = nearest_distance(slab), slab.cell[:2, :2]
    shapes: list[tuple[Corner, ...]] = [((i, 0, 0),) for i in range(len(surface))]
    shapes += [*tiling.edges, *tiling.polygons]
    neighbours = _neighbour_directions(tiling.edges, positions, cell)
    sites = []
    for shape in shapes:
        corners = np.array([_place(corner, positions, cell) for corner in shape])
        corners[:, :2] -= np.floor(corners[:, :2].mean(axis=0) @ np.linalg.inv(cell) + 1e-6) @ cell
        atoms = tuple(int(surface[i]) for i, _, _ in shape)
        sites.append(_site(slab, atoms, corners, neighbours.get(shape[0][0], np.array([1.0, 0.0])), length))
    return sites


def _place(corner: Corner, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """``[3]`` Å: position of a corner."""
    i, a, b = corner
    return positions[i] + np.append(a * cell[0] + b * cell[1], 0.0)


def _neighbour_directions(
    edges: tuple[tuple[Corner, ...], ...], positions: np.ndarray, cell: np.ndarray
) -> dict[int, np.ndarray]:
    """For each surface atom the vector in the plane to its nearest neighbour; of equally near ones the first."""
    nearest: dict[int, np.ndarray] = {}
    for first, second in edges:
        vector = (_place(second, positions, cell) - _place(first, positions, cell))[:2]
        for atom, arrow in ((first[0], vector), (second[0], -vector)):
            if atom not in nearest or np.linalg.norm(arrow) < np.linalg.norm(nearest[atom]) - 1e-3:
                nearest[atom] = arrow
    return nearest


def _site(slab: Atoms, atoms: tuple[int, ...], corners: np.ndarray, neighbour: np.ndarray, length: float) -> Site:
    """The site between atoms at ``corners [K, 3]`` Å; ``neighbour [2]`` points from a single one to the next."""
    position = corners.mean(axis=0)
    arrow = (corners[0] - position)[:2] if len(atoms) > 1 else neighbour
    kind = SITE_KINDS[min(len(atoms), 3) - 1]
    stacking = _hollow_name(slab, corners, length) if kind == "hollow" else kind
    counts = Counter(slab.numbers[list(atoms)].tolist())
    elements = "".join(f"{chemical_symbols[z]}{n if n > 1 else ''}" for z, n in sorted(counts.items()))
    width = float(np.linalg.norm((corners - position)[:, :2], axis=1).mean())
    direction = arrow / np.linalg.norm(arrow)
    return Site(kind, f"{stacking}-{elements}", position, atoms, direction, _normal(corners), width)


def _normal(corners: np.ndarray) -> np.ndarray:
    """``[3]`` upward unit vector: +z above one atom, across the bond of two, across the mean plane of more."""
    if len(corners) == 1:
        return np.array([0.0, 0.0, 1.0])
    spread = corners - corners.mean(axis=0)
    if len(corners) == 2:
        bond = spread[0] / np.linalg.norm(spread[0])
        normal = np.array([0.0, 0.0, 1.0]) - bond[2] * bond
    else:
        normal = np.linalg.svd(spread)[2][-1]
        normal = normal * (1 if normal[2] > 0 else -1)
    return normal / np.linalg.norm(normal)


def _hollow_name(slab: Atoms, corners: np.ndarray, length: float) -> str:
    """``"hcp"`` over an atom of the next layer, ``"fcc"`` between them, ``"hollow"`` where no facet is close-packed."""
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    if len(corners) != 3 or np.ptp(sides) > 0.12 * sides.max():
        return "hollow"
    normal = _normal(corners)
    around = _images(slab.positions - corners.mean(axis=0), slab.cell[:2, :2]).reshape(-1, 3)
    depth = -around @ normal
    aside = np.linalg.norm(around + depth[:, None] * normal, axis=1)
    next_layer = aside[(depth > 0.4 * length) & (depth < 1.2 * length)].min(initial=np.inf)
    if next_layer < 0.35 * length:  # exactly below: 0; the three atoms around an fcc hollow: 0.58
        return "hcp"
    return "fcc" if next_layer < 0.8 * length else "hollow"


def _images(vectors: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """``[N, 25, 3]`` Å: vectors ``[N, 3]`` and their images, two lattice vectors of ``cell [2, 2]`` far."""
    home = vectors[:, :2] - np.round(vectors[:, :2] @ np.linalg.inv(cell)) @ cell
    shifts = np.array([a * cell[0] + b * cell[1] for a in range(-2, 3) for b in range(-2, 3)])
    lateral = home[:, None] + shifts
    return np.concatenate([lateral, np.broadcast_to(vectors[:, None, 2:], (*lateral.shape[:2], 1))], axis=-1)
