"""Adsorbates: atoms and small molecules, turned the way they like to bind, or a molecule from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.oc20 import OC20_SKETCHES
from equical.workflows.adsorption.sketch import sketch
from equical.workflows.common.inputs import check_structure, read_structure

__all__ = ["ADSORBATES", "Adsorbate", "adsorbate"]


@dataclass(frozen=True)
class Adsorbate:
    """What is put on the surface, and how.

    Attributes:
        name: as on the command line, or the stem of its file.
        atoms: no cell, surface below it at lower z; the middle of the binding atoms is the origin.
        binding: indices of the atoms that bind; their middle comes to lie above the site.
        tilts: degrees. Orientations to try, each a rotation about the y axis, before the azimuth.
        gas: whether the adsorbate is a molecule that exists as a gas, which is then its natural reference.
    """

    name: str
    atoms: Atoms
    binding: tuple[int, ...] = (0,)
    tilts: tuple[float, ...] = (0.0,)
    gas: bool = False


Table = dict[str, tuple[str, list[tuple[float, float, float]]]]

# Bond lengths and angles are those of the free molecules and radicals (CRC Handbook), rounded; upright where the
# adsorbate stands on transition metals, bent over where it leans. All of it is relaxed anyway.
_GEOMETRIES: Table = {
    "H": ("H", [(0, 0, 0)]),
    "C": ("C", [(0, 0, 0)]),
    "N": ("N", [(0, 0, 0)]),
    "O": ("O", [(0, 0, 0)]),
    "F": ("F", [(0, 0, 0)]),
    "S": ("S", [(0, 0, 0)]),
    "Cl": ("Cl", [(0, 0, 0)]),
    "H2": ("H2", [(-0.37, 0, 0), (0.37, 0, 0)]),
    "N2": ("N2", [(-0.55, 0, 0), (0.55, 0, 0)]),
    "O2": ("O2", [(-0.62, 0, 0), (0.62, 0, 0)]),
    "CO": ("CO", [(0, 0, 0), (0, 0, 1.15)]),
    "NO": ("NO", [(0, 0, 0), (0, 0, 1.16)]),
    "CN": ("CN", [(0, 0, 0), (0, 0, 1.17)]),
    "CO2": ("CO2", [(0, 0, 0), (-1.16, 0, 0), (1.16, 0, 0)]),
    "OH": ("OH", [(0, 0, 0), (0.84, 0, 0.48)]),
    "SH": ("SH", [(0, 0, 0), (1.27, 0, 0.45)]),
    "CH": ("CH", [(0, 0, 0), (0, 0, 1.10)]),
    "NH": ("NH", [(0, 0, 0), (0, 0, 1.03)]),
    "CH2": ("CH2", [(0, 0, 0), (-0.89, 0, 0.64), (0.89, 0, 0.64)]),
    "NH2": ("NH2", [(0, 0, 0), (-0.81, 0, 0.63), (0.81, 0, 0.63)]),
    "CH4": ("CH4", [(0, 0, 0), (0, 0, 1.09), (1.03, 0, -0.36), (-0.515, 0.892, -0.36), (-0.515, -0.892, -0.36)]),
    "CH3": ("CH3", [(0, 0, 0), (1.03, 0, 0.38), (-0.515, 0.892, 0.38), (-0.515, -0.892, 0.38)]),
    "NH3": ("NH3", [(0, 0, 0), (0.94, 0, 0.38), (-0.47, 0.814, 0.38), (-0.47, -0.814, 0.38)]),
    "H2O": ("OH2", [(0, 0, 0), (0.57, 0.76, 0.15), (0.57, -0.76, 0.15)]),
    "OOH": ("OOH", [(0, 0, 0), (1.19, 0, 0.83), (1.37, 0.95, 0.96)]),
    "CHO": ("COH", [(0, 0, 0), (1.05, 0, 0.60), (-0.96, 0, 0.56)]),
    "COH": ("COH", [(0, 0, 0), (0, 0, 1.34), (0.92, 0, 1.67)]),
    "COOH": ("COOH", [(0, 0, 0), (-1.05, 0, 0.60), (1.18, 0, 0.68), (0.96, 0, 1.63)]),
    "HCOO": ("OOCH", [(-1.13, 0, 0), (1.13, 0, 0), (0, 0, 0.56), (0, 0, 1.66)]),
    "CH3O": ("OCH3", [(0, 0, 0), (0, 0, 1.42), (1.03, 0, 1.79), (-0.515, 0.892, 1.79), (-0.515, -0.892, 1.79)]),
    "CH3OH": (
        "OHCH3",
        [(0, 0, 0), (-0.89, 0, 0.36), (0.77, 0, 1.19), (1.79, 0, 0.81), (0.6, 0.89, 1.82), (0.6, -0.89, 1.82)],
    ),
}

_SIDE_ON = {"H2", "N2", "O2", "HCOO"}
"""Bound through their first two atoms."""

_TILTS: dict[str, tuple[float, ...]] = {"H2": (0.0, 90.0), "N2": (0.0, 90.0), "O2": (0.0, 45.0)}

_GASES = {
    "H2", "N2", "O2", "CO", "NO", "CO2", "NH3", "H2O", "CH3OH", "CH4", "CH2O", "CHCH", "CH2CH2", "CH2CO", "CHOCHO",
    "OCHCH3", "OHCH2CH3", "CHOCH2OH", "NNO", "NO2", "NO2NO2", "NHNH", "NH2NH2", "NH2N(CH3)2", "ONN(CH3)2", "OHNH2",
    "ONOH",
}  # fmt: skip

_ALIASES = {
    "HO": "OH", "HO2": "OOH", "HCO": "CHO", "OCH3": "CH3O", "OH2": "H2O", "CHOO": "HCOO", "OCHO": "HCOO",
    "OHCH3": "CH3OH", "H2CO": "CH2O", "C2": "CC", "C2H": "CCH", "C2H2": "CHCH", "C2H4": "CH2CH2", "C2H5": "CH2CH3",
    "CH3CH2": "CH2CH3", "CH3CO": "COCH3", "CH3CHO": "OCHCH3", "C2H5OH": "OHCH2CH3", "CH3CH2OH": "OHCH2CH3",
    "C2H5O": "OCH2CH3", "CH3CH2O": "OCH2CH3", "N2O": "NNO", "N2H4": "NH2NH2", "NH2OH": "OHNH2", "HNO": "ONH",
    "HONO": "ONOH", "N2H": "NNH",
}  # fmt: skip

_SKETCHES = {name.replace("*", ""): notation for name, notation in OC20_SKETCHES.items()}

ADSORBATES = (*_GEOMETRIES, *_SKETCHES)
"""Names of the adsorbates that are known: small ones, and all others of the data set OC20."""


def adsorbate(
    what: str | PathLike[str] | Atoms | Adsorbate,
    binding: Sequence[int] | int | None = None,
    tilts: Sequence[float] | None = None,
) -> Adsorbate:
    """Look an adsorbate up by name, or make one of a molecule.

    Args:
        what: a name from ``ADSORBATES``, with or without stars as in OC20, a structure file, or atoms. The surface is
            thought below them: a molecule whose other atoms lie mostly below its binding atom is turned over.
        binding: index, or indices, of the binding atom in a molecule from a file; counted from 0.
        tilts: degrees. Orientations to try, in place of the usual ones: rotations about an axis in the surface plane.

    Raises:
        InputError: unknown name, unreadable file, no binding atom or one that does not exist.
    """
    if isinstance(what, Adsorbate):
        made = what
    elif isinstance(what, Atoms):
        made = _from_atoms(what, what.get_chemical_formula(), binding)
    elif Path(what).suffix and Path(what).suffix != ".":
        made = _from_atoms(read_structure(what), Path(what).stem, binding)
    else:
        made = _from_name(str(what), binding)
    return made if tilts is None else replace(made, tilts=tuple(float(tilt) for tilt in tilts))


def _from_name(name: str, binding: Sequence[int] | int | None) -> Adsorbate:
    name = name.replace("*", "")
    name = _ALIASES.get(name, name)
    if name not in ADSORBATES:
        raise InputError(
            f"unknown adsorbate {name!r}: give one of {', '.join(ADSORBATES)}, or a structure file with --binding-atom"
        )
    if binding is not None:
        raise InputError(f"the binding atom of {name} is known; --binding-atom is for adsorbates from a file")
    if name in _SKETCHES:
        atoms, bound = sketch(_SKETCHES[name])
        return Adsorbate(name, atoms, bound, gas=name in _GASES)
    symbols, positions = _GEOMETRIES[name]
    return Adsorbate(
        name,
        Atoms(symbols, positions),
        binding=(0, 1) if name in _SIDE_ON else (0,),
        tilts=_TILTS.get(name, (0.0,)),
        gas=name in _GASES,
    )


def _from_atoms(atoms: Atoms, name: str, binding: Sequence[int] | int | None) -> Adsorbate:
    """A molecule with its binding atoms at the origin and the rest above."""
    check_structure(atoms)
    if binding is None:
        if len(atoms) > 1:
            numbered = ", ".join(f"{i} {symbol}" for i, symbol in enumerate(atoms.symbols))
            raise InputError(f"which atom of {name} binds? Give its index with --binding-atom: {numbered}")
        binding = 0
    indices = (binding,) if isinstance(binding, int) else tuple(binding)
    if not indices or not all(0 <= index < len(atoms) for index in indices):
        raise InputError(f"{name} has atoms 0 to {len(atoms) - 1}; there is no binding atom {list(indices)}")
    molecule = Atoms(atoms.numbers, atoms.positions - atoms.positions[list(indices)].mean(axis=0))
    if molecule.positions[:, 2].mean() < -1e-3:
        molecule.rotate(180, "x")
    return Adsorbate(name, molecule, binding=tuple(int(index) for index in indices), gas=True)
