"""What can go wrong with an adsorbate while it relaxes, recognised from the geometry before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic, get_distances
from scipy.sparse.csgraph import connected_components

from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.sites import SiteClass, nearest_site

__all__ = ["MOVED", "AdsorbateFate", "displacement", "in_pieces", "look_at", "shortest_bond"]

BOND = 1.3
"""Atoms of the adsorbate are bonded up to this many sums of covalent radii."""

TOUCH = 1.5
"""An adsorbate none of whose atoms is this near to the slab, in sums of covalent radii, has left it."""

MOVED = 0.6
"""Å. A slab in which an atom moved further, against the bare relaxed slab, has reconstructed."""

BURIED = 0.5
"""Å. An adsorbate this far below the atoms of its site is no longer on the surface."""


@dataclass(frozen=True)
class AdsorbateFate:
    """What became of an adsorbate.

    Attributes:
        final_site: name of the class of sites above which the binding atoms ended up.
        height: Å, of the binding atoms above that site of the bare slab, along its normal.
        shortest_bond: Å, between adsorbate and slab.
        anomalies: any of ``"desorbed"``, ``"dissociated"`` (in pieces), ``"rearranged"`` (in one piece, with other
            bonds), ``"buried"``, ``"migrated"`` (to another kind of site), ``"reconstructed"`` (the slab).
    """

    final_site: str
    height: float
    shortest_bond: float
    anomalies: tuple[str, ...]


def look_at(
    relaxed: Atoms, site: SiteClass | None, slab: Atoms, adsorbate: Adsorbate, sites: Sequence[SiteClass]
) -> AdsorbateFate:
    """Find out whether an adsorbate is still itself and where it was put.

    Args:
        relaxed: slab, then adsorbate, after relaxation.
        site: where the adsorbate was put; None for any place, from which none migrates.
        slab: the relaxed bare slab.
        adsorbate: its bonds are those to be kept.
        sites: all sites of the surface.
    """
    molecule = relaxed[-len(adsorbate.atoms) :]
    binding = molecule.positions[list(adsorbate.binding)].mean(axis=0)
    final, place = nearest_site(binding, sites, slab.cell[:], expected=site)
    bond, bond_in_radii = shortest_bond(relaxed[: len(slab)], molecule)
    anomalies = ["desorbed"] if bond_in_radii > TOUCH else []
    anomalies += _broken(molecule, adsorbate)
    if molecule.positions[:, 2].min() < slab.positions[list(place.atoms), 2].min() - BURIED:
        anomalies.append("buried")
    if site is not None and "desorbed" not in anomalies and final.name != site.name:
        anomalies.append("migrated")
    if displacement(relaxed[: len(slab)], slab) > MOVED:
        anomalies.append("reconstructed")
    height = float(find_mic(binding - place.position, slab.cell, slab.pbc)[0] @ place.normal)
    return AdsorbateFate(final.name, height, bond, tuple(anomalies))


def shortest_bond(slab: Atoms, molecule: Atoms) -> tuple[float, float]:
    """Distance between slab and adsorbate: the shortest in Å, and in sums of covalent radii."""
    distance = get_distances(molecule.positions, slab.positions, cell=slab.cell, pbc=slab.pbc)[1]
    sums = covalent_radii[molecule.numbers][:, None] + covalent_radii[slab.numbers]
    return float(distance.min()), float((distance / sums).min())


def displacement(relaxed: Atoms, slab: Atoms) -> float:
    """Å: largest displacement of an atom between two slabs, less the drift of the whole where nothing is frozen."""
    moved = find_mic(relaxed.positions - slab.positions, slab.cell, slab.pbc)[0]
    if not slab.constraints:
        moved = moved - moved.mean(axis=0)
    return float(np.linalg.norm(moved, axis=1).max())


def _broken(molecule: Atoms, adsorbate: Adsorbate) -> list[str]:
    """Compare bonds with those of the adsorbate as it came."""
    if in_pieces(molecule, adsorbate):
        return ["dissociated"]
    return [] if (_bonds(adsorbate.atoms) == _bonds(molecule)).all() else ["rearranged"]


def in_pieces(molecule: Atoms, adsorbate: Adsorbate, reach: float = BOND) -> bool:
    """Whether a molecule has come into more pieces than the adsorbate as it came; ``reach`` as for ``BOND``."""
    return bool(connected_components(_bonds(molecule, reach))[0] > connected_components(_bonds(adsorbate.atoms))[0])


def _bonds(molecule: Atoms, reach: float = BOND) -> np.ndarray:
    """``[K, K]`` bool: which atoms are bonded."""
    distance = molecule.get_all_distances(mic=bool(molecule.pbc.any()))
    radii = covalent_radii[molecule.numbers]
    bonds = distance < reach * (radii[:, None] + radii)
    np.fill_diagonal(bonds, False)
    return bonds
