"""Labelled structures in as few bytes as their accuracy deserves: whole multiples of small units, in NumPy's .npz.

An atom takes about a dozen bytes, where a line of extxyz takes a hundred. What rounding does to forces (positions are
kept to 1e-4 Å) is below 1 meV/Å.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

UNITS = {"cell": 1e-5, "positions": 1e-4, "energy": 1e-4, "forces": 1e-3, "stress": 1e-6}
"""Å, Å, eV, eV/Å, eV/Å³."""


def save_frames(path: Path, frames: Sequence[Atoms]) -> None:
    """Write structures with energy, forces and, where they are periodic, stress; ``info`` of kind, parent, number."""
    kinds, kind = np.unique([str(atoms.info["kind"]) for atoms in frames], return_inverse=True)
    parents, parent = np.unique([str(atoms.info["parent"]) for atoms in frames], return_inverse=True)
    no_stress = np.zeros(6)
    values = {
        "cell": np.array([atoms.cell.array for atoms in frames]),
        "positions": np.concatenate([atoms.positions for atoms in frames]),
        "energy": np.array([atoms.get_potential_energy() for atoms in frames]),
        "forces": np.concatenate([atoms.get_forces() for atoms in frames]),
        "stress": np.array([atoms.get_stress() if atoms.pbc.all() else no_stress for atoms in frames]),
    }
    arrays = {name: bytes_apart(np.rint(value / UNITS[name]).astype(np.int64)) for name, value in values.items()}
    np.savez_compressed(
        path,
        kinds=kinds,
        parents=parents,
        kind=kind.astype(np.uint8),
        parent=bytes_apart(parent),
        number=bytes_apart(np.array([atoms.info["number"] for atoms in frames])),
        count=bytes_apart(np.array([len(atoms) for atoms in frames])),
        periodic=np.array([atoms.pbc.all() for atoms in frames]),
        numbers=np.concatenate([atoms.numbers for atoms in frames]).astype(np.uint8),
        **arrays,
    )


def load_frames(path: Path) -> list[Atoms]:
    """What :func:`save_frames` wrote, in the same order."""
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    values = {name: whole(data[name]) * unit for name, unit in UNITS.items()}
    parent, number, count = (whole(data[name]) for name in ("parent", "number", "count"))
    ends = np.cumsum(count)
    cells = values["cell"].reshape(-1, 3, 3)
    positions, forces = values["positions"].reshape(-1, 3), values["forces"].reshape(-1, 3)
    stresses = values["stress"].reshape(-1, 6)
    frames = []
    for k, (start, end) in enumerate(zip(ends - count, ends, strict=True)):
        periodic = bool(data["periodic"][k])
        atoms = Atoms(data["numbers"][start:end], positions[start:end], cell=cells[k], pbc=periodic)
        atoms.info = {
            "kind": str(data["kinds"][data["kind"][k]]),
            "parent": str(data["parents"][parent[k]]),
            "number": int(number[k]),
        }
        labels = {"energy": float(values["energy"][k]), "forces": forces[start:end]}
        if periodic:
            labels["stress"] = stresses[k]
        atoms.calc = SinglePointCalculator(atoms, **labels)
        frames.append(atoms)
    return frames


def bytes_apart(values: np.ndarray) -> np.ndarray:
    """``[4, n]``: the lowest byte of every number, then the next of every number; the high ones are nearly all zero.

    Raises:
        ValueError: a number does not fit into 32 bits.
    """
    flat = values.ravel().astype(np.int64)
    folded = np.where(flat < 0, -2 * flat - 1, 2 * flat)  # small numbers of either sign become small ones
    if len(folded) and folded.max() >= 2**32:
        raise ValueError(f"{np.abs(flat).max()} units are too many; a value is out of all bounds")
    return folded.astype("<u4").view(np.uint8).reshape(-1, 4).T.copy()


def whole(planes: np.ndarray) -> np.ndarray:
    """``[n]``, the numbers that :func:`bytes_apart` took apart."""
    folded = np.ascontiguousarray(planes.T).view("<u4").ravel().astype(np.int64)
    return np.where(folded % 2, -(folded + 1) // 2, folded // 2)
