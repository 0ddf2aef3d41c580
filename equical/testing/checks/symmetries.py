"""Is space what it should be: no direction, no place and no atom better than another?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from equical.testing.finding import Finding
from equical.testing.subject import Subject, Values, evaluate

__all__ = ["cells", "permutation", "reflection", "rotation", "supercell", "translation", "wrapping"]

CELLS = {"skewed": [[1, 0, 0], [2, 1, 0], [-1, 3, 1]], "left-handed": [[0, 1, 0], [1, 0, 0], [0, 0, 1]]}
"""Other lattice vectors of the same lattice, in terms of those it has."""

DOUBLE, SINGLE = 1e-8, 2e-4
"""eV per atom and eV/Å: what rounding may change."""


def rotation(subject: Subject) -> Iterator[Finding]:
    """Crystal and cell turned together, over an orbit of SO(3)."""
    for name, atoms in subject.structures.items():
        turns = Rotation.random(subject.several(24, 6), random_state=0)
        before = evaluate(subject.calculator, atoms)
        errors = np.array([
            _difference(evaluate(subject.calculator, _mapped(atoms, turn)), _turned(before, turn), len(atoms))
            for turn in turns.as_matrix()
        ])  # fmt: skip
        curve = {"axis": turns.as_matrix() @ [0.0, 0.0, 1.0], "error": errors}
        yield _found(
            subject, "rotation", float(errors.max()), name, "energy, forces and stress turn with the crystal", curve
        )


def reflection(subject: Subject) -> Iterator[Finding]:
    """A mirror image has the same energy, and mirrored forces."""
    turn = Rotation.random(random_state=7).as_matrix()
    mirror = turn @ np.diag([1.0, 1.0, -1.0]) @ turn.T
    for name, atoms in subject.structures.items():
        before = evaluate(subject.calculator, atoms)
        value = _difference(evaluate(subject.calculator, _mapped(atoms, mirror)), _turned(before, mirror), len(atoms))
        if subject.mirror:
            yield _found(subject, "reflection", value, name, "mirror images")
        else:
            detail = "mirror images; published convolutions tell them apart, so there is no limit"
            yield Finding("reflection", value, None, "eV/atom, eV/Å", name, detail)


def permutation(subject: Subject) -> Iterator[Finding]:
    """Atoms in another order."""
    for name, atoms in subject.structures.items():
        order = np.random.default_rng(2).permutation(len(atoms))
        energy, forces, stress = evaluate(subject.calculator, atoms)
        value = _difference(
            evaluate(subject.calculator, atoms[order]), Values(energy, forces[order], stress), len(atoms)
        )
        yield _found(subject, "permutation", value, name, "atoms in another order")


def translation(subject: Subject) -> Iterator[Finding]:
    """Everything moved by one vector."""
    for name, atoms in subject.structures.items():
        moved = atoms.copy()
        moved.positions += [0.137, -1.71, 3.1]
        value = _difference(evaluate(subject.calculator, moved), evaluate(subject.calculator, atoms), len(atoms))
        yield _found(subject, "translation", value, name, "all atoms moved by one vector")


def wrapping(subject: Subject) -> Iterator[Finding]:
    """Each atom moved by lattice vectors of its own."""
    for name, atoms in subject.structures.items():
        if not atoms.pbc.any():
            continue
        moved = atoms.copy()
        shifts = np.random.default_rng(3).integers(-3, 4, (len(atoms), 3)) * atoms.pbc
        moved.positions += shifts @ atoms.cell.array
        value = _difference(evaluate(subject.calculator, moved), evaluate(subject.calculator, atoms), len(atoms))
        yield _found(subject, "wrapping", value, name, "each atom moved by lattice vectors of its own")


def supercell(subject: Subject) -> Iterator[Finding]:
    """A crystal repeated has as many times the energy."""
    for name, atoms in subject.structures.items():
        if not atoms.pbc.any():
            continue
        repeats = np.where(atoms.pbc, [2, 1, 2], 1)
        copies = int(np.prod(repeats))
        energy, forces, stress = evaluate(subject.calculator, atoms)
        expected = Values(energy * copies, np.tile(forces, (copies, 1)), stress)
        value = _difference(evaluate(subject.calculator, atoms * repeats), expected, copies * len(atoms))
        yield _found(subject, "supercell", value, name, f"{copies} copies have {copies} times the energy")


def cells(subject: Subject) -> Iterator[Finding]:
    """The same crystal described by a skewed and by a left-handed cell."""
    for name, atoms in subject.structures.items():
        if not atoms.pbc.all():
            continue
        before = evaluate(subject.calculator, atoms)
        for kind, change in CELLS.items():
            other = atoms.copy()
            other.set_cell(np.array(change) @ atoms.cell.array)
            value = _difference(evaluate(subject.calculator, other), before, len(atoms))
            yield _found(subject, "cells", value, name, f"the same crystal in a {kind} cell")


def _mapped(atoms: Atoms, matrix: np.ndarray) -> Atoms:
    """Positions and cell under a linear map of space, ``matrix`` acting on column vectors."""
    mapped = atoms.copy()
    mapped.set_cell(atoms.cell.array @ matrix.T)
    mapped.positions = atoms.positions @ matrix.T
    return mapped


def _turned(values: Values, matrix: np.ndarray) -> Values:
    energy, forces, stress = values
    return Values(energy, forces @ matrix.T, None if stress is None else matrix @ stress @ matrix.T)


def _difference(one: Values, other: Values, atoms: int) -> float:
    """The largest of the differences in energy per atom, forces, and stress (which is small, and counts tenfold)."""
    differences = [abs(one.energy - other.energy) / atoms, float(np.abs(one.forces - other.forces).max())]
    if one.stress is not None and other.stress is not None:
        differences.append(10 * float(np.abs(one.stress - other.stress).max()))
    return max(differences)


def _found(
    subject: Subject, check: str, value: float, name: str, detail: str, curve: dict[str, np.ndarray] | None = None
) -> Finding:
    return Finding(check, value, subject.limit(DOUBLE, SINGLE), "eV/atom, eV/Å", name, detail, curve or {})
