"""Labelled structures → samples: neighbour graphs with energies, forces and stresses as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equical.errors import InputError
from equical.graph import AtomGraph
from equical.training.data.labels import Frame
from equical.training.data.neighbor_rules import NeighborRules

__all__ = ["Sample", "make_samples"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled structure, ready for batching. Labels as in :class:`.Frame`, as tensors.

    Attributes:
        graph: the structure and its edges.
        energy: eV, as labelled, or shifted onto the zero of the model's reference energies.
        forces: ``[N, 3]``; zeros where ``force_weight`` is zero.
        force_weight: ``[N]``, 1 for labelled atoms, 0 for atoms without a force label.
        stress: ``[3, 3]``; zeros without a label.
        has_stress: whether there is one.
        free: ``[N]`` bool, atoms that were not held fixed.
        weight, denoise, dataset, group, origin: as in :class:`.Frame`.
    """

    graph: AtomGraph
    energy: float
    forces: Tensor
    force_weight: Tensor
    stress: Tensor
    has_stress: bool
    free: Tensor
    weight: float
    denoise: bool
    dataset: str
    group: str
    origin: str


def make_samples(frames: Sequence[Frame], neighbor_rules: NeighborRules, dtype: torch.dtype) -> Iterator[Sample]:
    """Build the neighbour graph of each frame once and turn its labels into tensors.

    Args:
        frames: labelled structures.
        neighbor_rules: how the model looks at a structure.
        dtype: of positions, forces and stresses.
    """
    for frame in frames:
        count = len(frame.atoms)
        has_forces, has_stress = frame.forces is not None, frame.stress is not None
        try:
            graph = neighbor_rules.graph(frame.atoms, dtype)
        except InputError as error:
            raise InputError(f"{frame.origin}: {error}") from error
        yield Sample(
            graph=graph,
            energy=frame.energy,
            forces=torch.tensor(frame.forces if has_forces else np.zeros((count, 3)), dtype=dtype),
            force_weight=torch.full((count,), float(has_forces), dtype=dtype),
            stress=torch.tensor(frame.stress if has_stress else np.zeros((3, 3)), dtype=dtype),
            has_stress=has_stress,
            free=torch.tensor(~frame.fixed),
            weight=frame.weight,
            denoise=frame.denoise,
            dataset=frame.dataset,
            group=frame.group,
            origin=frame.origin,
        )
