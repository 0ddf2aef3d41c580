"""Do forces and stress follow from the energy?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from ase import Atoms

from equical.testing.finding import Finding
from equical.testing.subject import Subject, evaluate

__all__ = ["curl", "forces", "stress"]

STENCIL = {-2: 1, -1: -8, 1: 8, 2: -1}  # central differences of fourth order, over twelve steps
LEAST_FORCE = 0.1
"""eV/Å. Smaller forces are compared on this scale."""

RADIUS = 0.02
"""Å, of the loop that atoms are led around. Equidistant points on it integrate whatever is smooth."""

LEAST_STRESS = 0.01
"""eV/Å³."""


def forces(subject: Subject) -> Iterator[Finding]:
    """Forces against finite differences of the energy, along random directions."""
    for name, atoms in subject.structures.items():
        rng = np.random.default_rng(0)
        found = evaluate(subject.calculator, atoms).forces
        worst = 0.0
        for _ in range(subject.several(4, 2)):
            direction = rng.normal(size=found.shape)
            direction /= np.abs(direction).max()
            slope = _slope(subject, partial(_moved, atoms, direction))
            worst = max(worst, abs(slope + (found * direction).sum()) / np.linalg.norm(direction))
        value = worst / max(float(np.abs(found).max()), LEAST_FORCE)
        limit = subject.limit(1e-5, 1e-2) if subject.conservative else None
        yield Finding(
            "forces", value, limit, "of the largest force", name, _why(subject, "−dE/dr by finite differences")
        )


def stress(subject: Subject) -> Iterator[Finding]:
    """Stress against finite differences of the energy, for each of the six strains."""
    for name, atoms in subject.structures.items():
        found = evaluate(subject.calculator, atoms).stress
        if found is None or not atoms.pbc.any():
            continue
        periodic = np.abs(atoms.cell.array[atoms.pbc]).max(axis=0) > 1e-6
        worst = 0.0
        for i, j in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]:
            if not (periodic[i] and periodic[j]):
                continue  # a stress across vacuum depends on how much of it there is
            strain = np.zeros((3, 3))
            strain[i, j] = strain[j, i] = 1.0 if i == j else 0.5
            slope = _slope(subject, partial(_strained, atoms, strain)) / atoms.cell.volume
            worst = max(worst, abs(slope - found[i, j]))
        value = worst / max(float(np.abs(found).max()), LEAST_STRESS)
        limit = subject.limit(1e-4, 2e-2) if subject.conservative else None
        yield Finding("stress", value, limit, "of the largest component", name, _why(subject, "dE/dε / V in eV/Å³"))


def curl(subject: Subject) -> Iterator[Finding]:
    """Work of the forces around a closed loop, which a field that is a gradient does not do."""
    for name, atoms in subject.structures.items():
        rng = np.random.default_rng(1)
        one, other = rng.normal(size=(2, len(atoms), 3)) * RADIUS
        points = subject.several(32, 16)
        angles = 2 * np.pi * np.arange(points) / points
        steps = [-np.sin(t) * one + np.cos(t) * other for t in angles]
        powers = np.array([
            (evaluate(subject.calculator, _moved(atoms, np.cos(t) * one + np.sin(t) * other)).forces * step).sum()
            for t, step in zip(angles, steps, strict=True)
        ])  # fmt: skip
        value = abs(powers.sum()) / max(float(np.abs(powers).sum()), 1e-9)
        limit = subject.limit(1e-4, 1e-3) if subject.conservative else None
        yield Finding(
            "curl", value, limit, "of the work", name, _why(subject, "work of the forces around a closed loop")
        )


def _slope(subject: Subject, path: Callable[[float], Atoms]) -> float:
    """Derivative of the energy at zero along a path."""
    step = 1e-3 if subject.double else 2e-2
    energies = {n: evaluate(subject.calculator, path(n * step)).energy for n in STENCIL}
    return sum(weight * energies[n] for n, weight in STENCIL.items()) / (12 * step)


def _moved(atoms: Atoms, displacement: np.ndarray, amount: float = 1.0) -> Atoms:
    moved = atoms.copy()
    moved.positions += amount * displacement
    return moved


def _strained(atoms: Atoms, strain: np.ndarray, amount: float) -> Atoms:
    """Space itself is strained, so that it does not matter where in the cell the atoms are."""
    deformation = np.eye(3) + amount * strain
    strained = atoms.copy()
    strained.set_cell(atoms.cell[:] @ deformation)
    strained.positions = atoms.positions @ deformation
    return strained


def _why(subject: Subject, what: str) -> str:
    return what if subject.conservative else f"{what}; a force head makes no gradient, so there is no limit"
