"""Do all ways to run one of our models agree? Other calculators have but one way, and are not asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from equical.calculator import EquiCalc
from equical.testing.finding import Finding
from equical.testing.subject import Subject, evaluate

__all__ = ["batch", "executions", "precision"]


def executions(subject: Subject) -> Iterator[Finding]:
    """Padded buffers against tensors as large as the structure."""
    own = subject.calculator
    if not isinstance(own, EquiCalc):
        return
    device, dtype = own.parameters["device"], own.parameters["dtype"]
    eager, static = (EquiCalc(own.checkpoint, device, dtype, execution=name) for name in ("eager", "static"))
    for name in list(subject.structures)[: subject.several(3, 1)]:
        value = _apart(eager, static, name, subject)
        yield Finding("executions", value, subject.limit(1e-9, 1e-4), "eV/atom, eV/Å", name, "static against eager")


def precision(subject: Subject) -> Iterator[Finding]:
    """float32 against float64."""
    own = subject.calculator
    if not isinstance(own, EquiCalc):
        return
    device = own.parameters["device"]
    single, double = (EquiCalc(own.checkpoint, device, dtype) for dtype in ("float32", "float64"))
    for name in subject.structures:
        value = _apart(single, double, name, subject)
        yield Finding("precision", value, 1e-3, "eV/atom, eV/Å", name, "float32 against float64")


def batch(subject: Subject) -> Iterator[Finding]:
    """Structures evaluated together against one by one."""
    own = subject.calculator
    if not isinstance(own, EquiCalc):
        return
    found = own.batch(subject.structures.values())
    for (name, atoms), together in zip(subject.structures.items(), found, strict=True):
        alone = evaluate(own, atoms)
        if together.error is not None:
            yield Finding("batch", float("nan"), 0.0, "eV/atom, eV/Å", name, together.error)
            continue
        energy = abs(together.results["energy"] - alone.energy) / len(atoms)
        value = max(energy, float(np.abs(together.results["forces"] - alone.forces).max()))
        yield Finding("batch", value, subject.limit(1e-9, 1e-4), "eV/atom, eV/Å", name, "evaluated with others")


def _apart(one: EquiCalc, other: EquiCalc, name: str, subject: Subject) -> float:
    atoms = subject.structures[name]
    first, second = evaluate(one, atoms), evaluate(other, atoms)
    energy = abs(first.energy - second.energy) / len(atoms)
    return max(energy, float(np.abs(first.forces - second.forces).max()))
