"""Samples → batches: a budget of atoms and edges for each step, in an order that seed and epoch determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from equical.graph import AtomGraph
from equical.model import ForceEncoding
from equical.training.data.samples import Sample

if TYPE_CHECKING:
    from equical.training.data.denoising import Corruption

__all__ = ["TrainingBatch", "collate", "plan_batches", "plan_epoch", "share_batch"]


@dataclass(frozen=True)
class TrainingBatch:
    """Several samples as one graph with labels: N atoms, B structures.

    Attributes:
        graph: the structures, some of them corrupted.
        energy: ``[B]`` eV, float64.
        forces: ``[N, 3]`` eV/Å, of the structures before any corruption.
        force_weight: ``[N]``, weight of each atom's force error; 0 without a label and on displaced atoms.
        stress: ``[B, 3, 3]`` eV/Å³.
        stress_weight: ``[B]``, weight of each structure's stress error; 0 without a label and where corrupted.
        weight: ``[B]``, weight of each structure's energy error.
        atom_weight: ``[N]``, the same for its atoms.
        atoms: ``[B]``, number of atoms.
        encoding: what the model is shown of corrupted structures; None if none is corrupted.
        noise: ``[N, 3]`` displacements in units of their scale; None if no structure is corrupted.
    """

    graph: AtomGraph
    energy: Tensor
    forces: Tensor
    force_weight: Tensor
    stress: Tensor
    stress_weight: Tensor
    weight: Tensor
    atom_weight: Tensor
    atoms: Tensor
    encoding: ForceEncoding | None = None
    noise: Tensor | None = None

    def to(self, device: torch.device | str) -> TrainingBatch:
        """The same batch on a device."""
        if torch.device(device).type == "cpu":
            return self
        fields = vars(self).items()
        moved: dict[str, Any] = {k: v.to(device) for k, v in fields if isinstance(v, Tensor | AtomGraph)}
        if self.encoding is not None:
            moved["encoding"] = ForceEncoding(self.encoding.forces.to(device), self.encoding.mask.to(device))
        return replace(self, **moved)


def collate(
    samples: Sequence[Sample],
    corruptions: Sequence[Corruption | None] | None = None,
    *,
    skip_fixed: bool = True,
) -> TrainingBatch:
    """Lay samples side by side.

    Args:
        samples: at least one.
        corruptions: for each sample, what DeNS made of it, if anything.
        skip_fixed: give the forces on atoms that were held fixed no weight.
    """
    weight = torch.tensor([sample.weight for sample in samples])
    atoms = torch.tensor([sample.graph.num_atoms for sample in samples])
    atom_weight = weight.repeat_interleave(atoms)
    force_weight = torch.cat([sample.force_weight for sample in samples]) * atom_weight
    if skip_fixed:
        force_weight = force_weight * torch.cat([sample.free for sample in samples])
    batch = TrainingBatch(
        graph=AtomGraph.batch([sample.graph for sample in samples]),
        energy=torch.tensor([sample.energy for sample in samples], dtype=torch.float64),
        forces=torch.cat([sample.forces for sample in samples]),
        force_weight=force_weight,
        stress=torch.stack([sample.stress for sample in samples]),
        stress_weight=weight * torch.tensor([float(sample.has_stress) for sample in samples]),
        weight=weight,
        atom_weight=atom_weight,
        atoms=atoms,
    )
    if corruptions is None or all(corruption is None for corruption in corruptions):
        return batch
    return _corrupted(batch, samples, corruptions)


def _corrupted(
    batch: TrainingBatch, samples: Sequence[Sample], corruptions: Sequence[Corruption | None]
) -> TrainingBatch:
    """Put corrupted structures in the places of clean ones."""
    graphs, masks, noises = [], [], []
    for sample, corruption in zip(samples, corruptions, strict=True):
        graphs.append(sample.graph if corruption is None else corruption.graph)
        masks.append(torch.zeros_like(sample.free) if corruption is None else corruption.encoding.mask)
        noises.append(torch.zeros_like(sample.forces) if corruption is None else corruption.noise)
    mask = torch.cat(masks)
    clean = torch.tensor([corruption is None for corruption in corruptions])
    return replace(
        batch,
        graph=AtomGraph.batch(graphs),
        force_weight=batch.force_weight * ~mask,
        stress_weight=batch.stress_weight * clean,
        encoding=ForceEncoding(torch.where(mask[:, None], batch.forces, 0.0), mask),
        noise=torch.cat(noises),
    )


def plan_epoch(samples: Sequence[Sample], *, max_atoms: int, max_edges: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of each batch of an epoch, shuffled; the same seed and epoch give the same plan."""
    order = np.random.default_rng([seed, epoch]).permutation(len(samples))
    return plan_batches(samples, order.tolist(), max_atoms=max_atoms, max_edges=max_edges)


def plan_batches(samples: Sequence[Sample], order: Sequence[int], *, max_atoms: int, max_edges: int) -> list[list[int]]:
    """Fill batches in the given order while both budgets hold; a structure beyond a budget is a batch of its own."""
    batches: list[list[int]] = []
    atoms = edges = 0
    for index in order:
        graph = samples[index].graph
        if not batches or atoms + graph.num_atoms > max_atoms or edges + graph.num_edges > max_edges:
            batches.append([])
            atoms = edges = 0
        batches[-1].append(index)
        atoms += graph.num_atoms
        edges += graph.num_edges
    return batches


def share_batch(samples: Sequence[Sample], batch: Sequence[int], processes: int) -> list[list[int]]:
    """Deal the structures of one batch to several processes so that their numbers of edges are alike.

    Longest first, each to the process with the fewest edges so far. A process may get nothing.
    """
    if processes == 1:
        return [list(batch)]
    shares: list[list[int]] = [[] for _ in range(processes)]
    load = [0] * processes
    for index in sorted(batch, key=lambda index: (-samples[index].graph.num_edges, index)):
        least = load.index(min(load))
        shares[least].append(index)
        load[least] += samples[index].graph.num_edges + samples[index].graph.num_atoms
    return shares
