"""Does an answer depend on anything but the question?"""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
from ase import Atoms

from equical.testing.finding import Finding
from equical.testing.subject import Subject, Values, evaluate

__all__ = ["pickling", "repeatability", "reuse"]


def repeatability(subject: Subject) -> Iterator[Finding]:
    """The same question twice, to two calculators made alike: the same bits."""
    for name, atoms in subject.structures.items():
        first, second = evaluate(subject.make(), atoms), evaluate(subject.make(), atoms)
        limit = 0.0 if _on_cpu(subject) else subject.limit(1e-10, 1e-5)
        detail = "bit for bit" if limit == 0 else "a GPU adds in any order"
        yield Finding(
            "repeatability", _apart(first, second), limit, "eV, eV/Å", name, f"two calculators alike: {detail}"
        )


def reuse(subject: Subject) -> Iterator[Finding]:
    """One calculator for structures that differ in a single thing from the one before, against a new one for each."""
    limit = subject.limit(1e-9, 2e-5)
    for name, atoms in subject.structures.items():
        used = subject.make()
        evaluate(used, atoms)
        for what, changed in _changes(atoms):
            value = _apart(evaluate(used, changed), evaluate(subject.make(), changed))
            detail = f"the calculator was used before: {what}"
            yield Finding("reuse", value, limit, "eV, eV/Å", name, detail)


def pickling(subject: Subject) -> Iterator[Finding]:
    """A pickled calculator answers like the one it was."""
    name, atoms = next(iter(subject.structures.items()))
    try:
        copy = pickle.loads(pickle.dumps(subject.calculator))
    except Exception as error:  # whatever keeps it from being pickled
        yield Finding(
            "pickling", float("nan"), 0.0, "eV, eV/Å", name, f"cannot be pickled: {' '.join(str(error).split())}"
        )
        return
    value = _apart(evaluate(copy, atoms), evaluate(subject.make(), atoms))
    yield Finding("pickling", value, subject.limit(1e-10, 1e-5), "eV, eV/Å", name, "a pickled copy answers alike")


def _changes(atoms: Atoms) -> Iterator[tuple[str, Atoms]]:
    moved = atoms.copy()
    moved.positions[0] += [0.05, 0, 0]
    yield "one atom moved", moved
    symbols = sorted(set(atoms.get_chemical_symbols()))
    if len(symbols) > 1:
        swapped = atoms.copy()
        one, other = (int(np.flatnonzero(atoms.symbols == symbol)[0]) for symbol in (symbols[0], symbols[-1]))
        swapped.numbers[[one, other]] = atoms.numbers[[other, one]]
        yield "two elements exchanged", swapped
    if atoms.pbc.any():
        wider = atoms.copy()
        wider.set_cell(atoms.cell[:] * 1.05)
        yield "another cell around the same positions", wider
        opened = atoms.copy()
        opened.pbc = [False, *atoms.pbc[1:]]
        yield "one direction not periodic any more", opened
    if len(atoms) > 2:
        yield "one atom fewer", atoms[:-1]
    yield "the first structure again", atoms.copy()


def _apart(one: Values, other: Values) -> float:
    differences = [abs(one.energy - other.energy), float(np.abs(one.forces - other.forces).max())]
    if one.stress is not None and other.stress is not None:
        differences.append(float(np.abs(one.stress - other.stress).max()))
    return max(differences)


def _on_cpu(subject: Subject) -> bool:
    return not str(getattr(subject.calculator, "parameters", {}).get("device", "cpu")).startswith("cuda")
