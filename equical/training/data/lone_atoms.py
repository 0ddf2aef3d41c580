"""Energies of isolated atoms in the data: reference energies for a new model, frames to learn from for any other."""

from __future__ import annotations

from collections.abc import Sequence

from equical.errors import InputError
from equical.training.data.samples import Sample

__all__ = ["is_lone", "lone_energies", "to_be_fitted"]

DIFFERENCE = 1e-3
"""eV. Energies of one isolated atom that differ by more are of different origin."""


def is_lone(sample: Sample) -> bool:
    """Whether it is a single atom that sees no other."""
    return sample.graph.num_atoms == 1 and sample.graph.num_edges == 0


def lone_energies(samples: Sequence[Sample]) -> dict[int, float]:
    """eV for the atomic number of each isolated atom.

    Raises:
        InputError: there are two different energies for an element.
    """
    found: dict[int, Sample] = {}
    for sample in filter(is_lone, samples):
        number = int(sample.graph.numbers[0])
        first = found.setdefault(number, sample)
        if abs(first.energy - sample.energy) > DIFFERENCE:
            raise InputError(
                f"{sample.origin}: this isolated atom has {sample.energy:.4f} eV, and that of {first.origin} has "
                f"{first.energy:.4f} eV; keep one of them, or give the sets they come from references: own"
            )
    return {number: sample.energy for number, sample in sorted(found.items())}


def to_be_fitted(samples: Sequence[Sample]) -> list[int]:
    """Indices of the samples that tell how far a starting model's energies are off.

    Such a model knows bonded atoms, and may be eV off for an isolated one, which would spoil the fit for all others.
    Isolated atoms take part if nothing else has their element.
    """
    bonded = {z for sample in samples if not is_lone(sample) for z in sample.graph.numbers.tolist()}
    return [i for i, s in enumerate(samples) if not (is_lone(s) and s.graph.numbers.tolist()[0] in bonded)]
