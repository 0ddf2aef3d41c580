"""What can be asked of any calculator, one function for each question: from a subject to findings.

``derivatives`` asks whether forces and stress follow from the energy, ``symmetries`` whether space is what it should
be, ``locality`` what happens at and beyond the cutoff, ``dynamics`` whether atoms keep their energy, ``manners``
whether the numbers depend on what was asked before, and ``execution`` whether all ways to run a model agree.
"""

from collections.abc import Callable, Iterator

from equical.testing.checks.derivatives import curl, forces, stress
from equical.testing.checks.dynamics import energy_drift
from equical.testing.checks.execution import batch, executions, precision
from equical.testing.checks.locality import dimers, fragments, isolated_atoms, lines
from equical.testing.checks.manners import pickling, repeatability, reuse
from equical.testing.checks.symmetries import (
    cells,
    permutation,
    reflection,
    rotation,
    supercell,
    translation,
    wrapping,
)
from equical.testing.finding import Finding
from equical.testing.subject import Subject

__all__ = ["CHECKS"]

CHECKS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "forces": forces,
    "stress": stress,
    "curl": curl,
    "rotation": rotation,
    "reflection": reflection,
    "permutation": permutation,
    "translation": translation,
    "wrapping": wrapping,
    "supercell": supercell,
    "cells": cells,
    "lines": lines,
    "fragments": fragments,
    "isolated atoms": isolated_atoms,
    "dimers": dimers,
    "energy drift": energy_drift,
    "repeatability": repeatability,
    "reuse": reuse,
    "pickling": pickling,
    "executions": executions,
    "precision": precision,
    "batch": batch,
}
"""All of them by name, in the order they are asked."""
