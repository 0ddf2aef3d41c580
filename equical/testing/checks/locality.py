"""What happens at the cutoff and beyond, between two atoms, and to an atom alone?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from equical.testing.finding import Finding
from equical.testing.subject import Subject, evaluate

__all__ = ["dimers", "fragments", "isolated_atoms", "lines"]

FAR = 60.0
"""Å. Beyond what any local model reaches."""


def lines(subject: Subject) -> Iterator[Finding]:
    """Energy against work of the forces along straight lines, piece by piece.

    A neighbour that comes or goes with a jump, and rounding within the calculator, show as pieces where the two differ.
    """
    for name, atoms in subject.structures.items():
        direction = np.random.default_rng(4).normal(size=(len(atoms), 3))
        yield _along(subject, name, atoms, direction / np.abs(direction).max(), subject.several(40, 12), 0.01)
    pair = _pair(subject)
    if pair is not None:
        symbols, contact = pair
        start = Atoms(symbols, [[0, 0, 0], [0, 0, 1.2 * contact]])
        pieces = int((subject.several(12, 7) - contact) / 0.02)
        yield _along(subject, "dimer", start, np.array([[0, 0, 0], [0, 0, 1.0]]), pieces, 0.02)


def _along(subject: Subject, name: str, atoms: Atoms, direction: np.ndarray, pieces: int, step: float) -> Finding:
    """Simpson's rule on each piece; what it leaves is far below the limits."""
    places = [atoms.copy() for _ in range(2 * pieces + 1)]
    for number, place in enumerate(places):
        place.positions += 0.5 * step * number * direction
    values = [evaluate(subject.calculator, place) for place in places]
    power = np.array([(value.forces * direction).sum() for value in values])
    energies = np.array([value.energy for value in values])
    work = step * (power[:-2:2] + 4 * power[1::2] + power[2::2]) / 6
    misfit = np.abs(np.diff(energies[::2]) + work) / len(atoms)
    limit = subject.limit(1e-6, 2e-4) if subject.conservative else None
    detail = "energy against work of the forces, on each piece of a line"
    curve = {"place": step * np.arange(pieces), "misfit": misfit}
    return Finding("lines", float(misfit.max()), limit, "eV/atom", name, detail, curve)


def fragments(subject: Subject) -> Iterator[Finding]:
    """Two parts far from each other have the sum of their energies."""
    for name, atoms in subject.structures.items():
        if atoms.pbc.any():
            continue
        other = atoms[: max(2, len(atoms) // 2)]
        both = atoms.copy()
        far = other.copy()
        far.positions += [0, 0, FAR]
        both += far
        parts = evaluate(subject.calculator, atoms).energy + evaluate(subject.calculator, other).energy
        value = abs(evaluate(subject.calculator, both).energy - parts) / len(both)
        limit = subject.limit(1e-8, 1e-5)
        yield Finding("fragments", value, limit, "eV/atom", name, f"two parts {FAR:.0f} Å apart add up")


def isolated_atoms(subject: Subject) -> Iterator[Finding]:
    """An atom alone: no forces, and the same energy everywhere, with a cell or without."""
    for symbol in _symbols(subject):
        alone = evaluate(subject.calculator, Atoms(symbol))
        boxed = evaluate(subject.calculator, Atoms(symbol, [[1, 2, 3]], cell=[30, 31, 32], pbc=True))
        numbers = [abs(alone.energy - boxed.energy), np.abs(alone.forces).max(), np.abs(boxed.forces).max()]
        value = float(max(numbers)) if np.isfinite(numbers).all() else float("nan")
        limit = subject.limit(1e-8, 1e-5) if subject.conservative else None
        yield Finding("isolated atoms", value, limit, "eV, eV/Å", symbol, "an atom alone feels nothing, anywhere")


def dimers(subject: Subject) -> Iterator[Finding]:
    """Two atoms repel each other at short range: no energy there is below that of the bond."""
    symbols = _symbols(subject)
    pairs = [(a, b) for i, a in enumerate(symbols) for b in symbols[i:]]
    for a, b in pairs[: subject.several(6, 2)]:
        contact = _contact(a, b)
        distances = np.linspace(0.35, 3.0, subject.several(40, 16)) * contact
        energies = np.array(
            [evaluate(subject.calculator, Atoms(a + b, [[0, 0, 0], [0, 0, d]])).energy for d in distances]
        )
        short = distances < 0.7 * contact
        value = float(energies[~short].min() - energies[short].min())
        curve = {"distance": distances, "energy": energies}
        detail = "depth of the lowest energy at less than 0.7 of a bond, below that of the bond"
        yield Finding("dimers", value, 0.0, "eV", f"{a}-{b}", detail, curve)


def _symbols(subject: Subject) -> list[str]:
    return sorted({symbol for atoms in subject.structures.values() for symbol in atoms.get_chemical_symbols()})


def _pair(subject: Subject) -> tuple[str, float] | None:
    symbols = _symbols(subject)
    if not symbols:
        return None
    a, b = symbols[0], symbols[-1]
    return a + b, _contact(a, b)


def _contact(a: str, b: str) -> float:
    """Å, the sum of two covalent radii."""
    pair = Atoms(a + b)
    return float(covalent_radii[pair.numbers].sum())
