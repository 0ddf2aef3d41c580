"""Batches padded to a size, as inference pads structures: what is added are structures of their own, without weight.

Their atoms lie at one point, and their edges join the last of them to its own images beyond the cutoff, so that nothing
of them reaches the others. The loss gives them no weight, so that nothing of them reaches the gradient.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from equical.graph import AtomGraph
from equical.model import ForceEncoding, Potential
from equical.training.data.batching import TrainingBatch
from equical.training.loop.buckets import BatchSize

__all__ = ["pad_batch"]


def pad_batch(batch: TrainingBatch, size: BatchSize, potential: Potential) -> TrainingBatch:
    """The batch, on the CPU, with structures behind it that make it as large as ``size``, which must hold it.

    Every structure has an atom at least, since some models divide by their number.
    """
    assert size.holds(BatchSize.of(batch))
    graph = batch.graph
    structures, atoms = size.structures - graph.num_structures, size.atoms - graph.num_atoms
    number = potential.elements[0]
    beyond = 2 * potential.cutoff * torch.eye(3).expand(structures, 3, 3)
    image = torch.zeros(size.edges - graph.num_edges, 3)
    image[:, 0] = 1
    owners = torch.arange(graph.num_structures, graph.num_structures + atoms).clamp(max=size.structures - 1)
    padded = AtomGraph(
        numbers=_followed(graph.numbers, torch.full((atoms,), number)),
        positions=_followed(graph.positions, torch.zeros(atoms, 3)),
        cell=_followed(graph.cell, beyond),
        pbc=_followed(graph.pbc, torch.ones(structures, 3)),
        structure=_followed(graph.structure, owners),
        receiver=_filled(graph.receiver, size.edges, size.atoms - 1),
        sender=_filled(graph.sender, size.edges, size.atoms - 1),
        shift=_followed(graph.shift, image),
    )
    noisy = batch.encoding
    return replace(
        batch,
        graph=padded,
        energy=_filled(batch.energy, size.structures, 0),
        forces=_filled(batch.forces, size.atoms, 0),
        force_weight=_filled(batch.force_weight, size.atoms, 0),
        stress=_filled(batch.stress, size.structures, 0),
        stress_weight=_filled(batch.stress_weight, size.structures, 0),
        weight=_filled(batch.weight, size.structures, 0),
        atom_weight=_filled(batch.atom_weight, size.atoms, 0),
        atoms=_filled(batch.atoms, size.structures, 1),
        encoding=noisy and ForceEncoding(_filled(noisy.forces, size.atoms, 0), _filled(noisy.mask, size.atoms, 0)),
        noise=None if batch.noise is None else _filled(batch.noise, size.atoms, 0),
    )


def _followed(values: Tensor, more: Tensor) -> Tensor:
    return torch.cat([values, more.to(values.dtype)])


def _filled(values: Tensor, rows: int, value: float) -> Tensor:
    """``values`` as the first of so many rows, with ``value`` in the others."""
    return _followed(values, torch.full((rows - values.shape[0], *values.shape[1:]), value))
