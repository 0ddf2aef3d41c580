"""One step as a pure function of tensors whose shapes and addresses never change.

What is not needed is padding, and padding is a structure of its own: its atoms lie at one point, and its edges join the
last of them to its own images in a cell so large that they are beyond the cutoff. So nothing of it can reach the
energy, forces or stress of the structure that is meant, whatever the network, and no network needs to know of masks.

The buffers hold candidates for edges, a list that stays the same for many steps. Each step picks those within the
cutoff, in their order, so the network does no more work than it would with a list made anew.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from torch import Tensor

from equical.graph import AtomGraph
from equical.inference.buckets import Capacity
from equical.model import Potential
from equical.prediction import Prediction

__all__ = ["Candidates", "Outputs", "StaticInputs", "Step", "unpack"]

GARBAGE = 2**40
"""Stands in unused places of integer buffers in tests: as an index, an error wherever it is used."""


@dataclass(frozen=True)
class Candidates:
    """Pairs of atoms among which the edges are, on the device.

    Attributes:
        receiver, sender: ``[C]`` int64, sorted like :class:`~equical.neighbors.build.NeighborList`.
        shift: ``[C, 3]`` int64, for atoms where they were when the list was made.
    """

    receiver: Tensor
    sender: Tensor
    shift: Tensor


@dataclass(frozen=True)
class StaticInputs:
    """Buffers for A atoms, the last of which is always padding, and C candidates.

    Attributes:
        numbers: ``[A]`` int64.
        positions: ``[A, 3]`` Å, float64.
        wraps: ``[A, 3]`` int64, lattice vectors that atoms were moved by since the list was made.
        cell: ``[3, 3]`` Å, float64.
        receiver, sender: ``[C]`` int64.
        shift: ``[C, 3]`` int64.
        num_atoms, num_candidates: scalars, how much of the buffers is used.
    """

    numbers: Tensor
    positions: Tensor
    wraps: Tensor
    cell: Tensor
    receiver: Tensor
    sender: Tensor
    shift: Tensor
    num_atoms: Tensor
    num_candidates: Tensor

    @classmethod
    def allocate(cls, capacity: Capacity, device: torch.device) -> Self:
        """Buffers with nothing in them yet."""
        shapes: dict[str, tuple[int, ...]] = {
            "numbers": (capacity.atoms,),
            "positions": (capacity.atoms, 3),
            "wraps": (capacity.atoms, 3),
            "cell": (3, 3),
            "receiver": (capacity.candidates,),
            "sender": (capacity.candidates,),
            "shift": (capacity.candidates, 3),
            "num_atoms": (),
            "num_candidates": (),
        }
        real = {"positions", "cell"}
        return cls(**{
            name: torch.zeros(shape, dtype=torch.float64 if name in real else torch.int64, device=device)
            for name, shape in shapes.items()
        })  # fmt: skip

    @property
    def device(self) -> torch.device:
        """Where the buffers are."""
        return self.numbers.device

    def tensors(self) -> tuple[Tensor, ...]:
        """The buffers in the order of the attributes."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def write(
        self,
        numbers: np.ndarray,
        positions: np.ndarray,
        cell: np.ndarray,
        wraps: np.ndarray,
        candidates: Candidates,
    ) -> None:
        """Rewrite every buffer; what lies beyond the new content is left as it is."""
        count = len(numbers)
        assert count < len(self.numbers) and len(candidates.receiver) <= len(self.receiver)
        for buffer, values in ((self.numbers, numbers), (self.positions, positions), (self.wraps, wraps)):
            buffer[:count].copy_(_tensor(values, buffer.dtype), non_blocking=True)
        self.cell.copy_(_tensor(cell, self.cell.dtype), non_blocking=True)
        for name in ("receiver", "sender", "shift"):
            values = getattr(candidates, name)
            getattr(self, name)[: len(values)].copy_(values)
        self.num_atoms.fill_(count)
        self.num_candidates.fill_(len(candidates.receiver))

    def poison(self) -> None:
        """Fill what is not used with NaN and with integers that are no index (waits for the device; for tests)."""
        atoms, candidates = int(self.num_atoms), int(self.num_candidates)
        self.positions[atoms:] = torch.nan
        for buffer in (self.numbers, self.wraps):
            buffer[atoms:] = GARBAGE
        for buffer in (self.receiver, self.sender, self.shift):
            buffer[candidates:] = GARBAGE


def _tensor(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    """A copy on the host: the caller's array may be read-only, or change before a copy to the device has happened."""
    return torch.tensor(np.ascontiguousarray(values), dtype=dtype)


@dataclass(frozen=True)
class Outputs:
    """What a step found.

    Attributes:
        edges: how many candidates are within the cutoff; if more than there is room for, the prediction is void.
        closest: Å, distance of the closest pair, infinite if there is none.
        prediction: of the one structure, on the host.
    """

    edges: int
    closest: float
    prediction: Prediction


class Step:
    """Energy, and with ``derivatives`` forces and stress, of one structure in static buffers.

    Args:
        potential: the force field, frozen whole (:func:`equical.model.frozen.freeze_whole`) or not at all.
        capacity: how much the buffers hold.
        derivatives: whether forces and stress are computed.
        select: whether edges are picked among the candidates by their distance; otherwise every candidate is an edge.
    """

    HEAD = 12  # energy, edges, squared distance of the closest pair, nine components of the stress

    def __init__(self, potential: Potential, capacity: Capacity, derivatives: bool, select: bool):
        self.potential, self.capacity, self.derivatives, self.select = potential, capacity, derivatives, select
        self.padding_cell = 2 * potential.cutoff * torch.eye(3, dtype=torch.float64, device=_device(potential))
        self.padding_shift = torch.tensor([1, 0, 0], device=_device(potential))
        self.padding_number = potential.elements[0]
        self.has_stress = derivatives and potential.predicts_stress

    def __call__(self, inputs: StaticInputs) -> Tensor:
        """Everything there is to know, in one tensor, so that one copy brings it to the host.

        Returns:
            ``[12 + A]`` or, with derivatives, ``[12 + A + 3·A]`` float64; see :meth:`unpack`.
        """
        graph, edges, closest = self._graph(inputs)
        found = self.potential.predict(graph, forces=self.derivatives, stress=self.has_stress)
        stress = found.energy.new_zeros(9) if found.stress is None else found.stress[0].reshape(9)
        parts = [found.energy[:1], edges.double()[None], closest[None], stress, found.atom_energies]
        if found.forces is not None:
            parts.append(found.forces.flatten())
        return torch.cat(parts)

    def _graph(self, inputs: StaticInputs) -> tuple[AtomGraph, Tensor, Tensor]:
        """The structure and the padding as a batch of two; the number of edges and the least squared distance."""
        atom = torch.arange(self.capacity.atoms, device=inputs.numbers.device)
        real = atom < inputs.num_atoms
        positions = torch.where(real[:, None], inputs.positions, 0.0)
        receiver, sender, shift, inside, squared = self._candidates(inputs, positions)
        # Each pair within the cutoff moves to the next free place, all others to one place behind the last.
        place = torch.where(inside, inside.cumsum(0) - 1, self.capacity.edges).clamp(max=self.capacity.edges)
        row = torch.arange(self.capacity.candidates, device=place.device)
        edges = inside.sum()
        chosen = torch.zeros(self.capacity.edges + 1, dtype=torch.int64, device=place.device)
        chosen = chosen.scatter_(0, place, row)[:-1]
        used = torch.arange(self.capacity.edges, device=place.device) < edges
        last = self.capacity.atoms - 1
        graph = AtomGraph(
            numbers=torch.where(real, inputs.numbers, self.padding_number),
            positions=positions,
            cell=torch.stack([inputs.cell, self.padding_cell]),
            pbc=torch.ones(2, 3, dtype=torch.bool, device=place.device),
            structure=(~real).long(),
            receiver=torch.where(used, receiver.index_select(0, chosen), last),
            sender=torch.where(used, sender.index_select(0, chosen), last),
            shift=torch.where(used[:, None], shift.index_select(0, chosen), self.padding_shift).double(),
        )
        return graph, edges, squared.amin()

    def _candidates(self, inputs: StaticInputs, positions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Receiver, sender, present shift, whether it is an edge, and squared distance of each candidate."""
        row = torch.arange(self.capacity.candidates, device=positions.device)
        used = row < inputs.num_candidates
        receiver, sender = torch.where(used, inputs.receiver, 0), torch.where(used, inputs.sender, 0)
        shift = inputs.shift + inputs.wraps.index_select(0, receiver) - inputs.wraps.index_select(0, sender)
        offset = (shift.double()[:, :, None] * inputs.cell).sum(dim=1)
        vectors = positions.index_select(0, sender) + offset - positions.index_select(0, receiver)
        squared = torch.where(used, vectors.square().sum(dim=1), torch.inf)
        return receiver, sender, shift, squared < self.potential.cutoff**2 if self.select else used, squared

    def unpack(self, packed: Tensor, count: int) -> Outputs:
        """Read what ``__call__`` returned, now on the host, for a structure of ``count`` atoms."""
        return unpack(packed, self.capacity, count, forces=self.derivatives, stress=self.has_stress)


def unpack(packed: Tensor, capacity: Capacity, count: int, *, forces: bool, stress: bool) -> Outputs:
    """Read what a :class:`Step` for ``capacity`` returned.

    Args:
        packed: its result, on the host.
        capacity: how much its buffers hold.
        count: number of atoms.
        forces, stress: whether they are in the result.
    """
    head, per_atom = packed[: Step.HEAD], packed[Step.HEAD :]
    prediction = Prediction(
        energy=head[:1],
        atom_energies=per_atom[:count],
        forces=per_atom[capacity.atoms :].view(-1, 3)[:count] if forces else None,
        stress=head[3:].view(1, 3, 3) if stress else None,
    )
    return Outputs(edges=int(head[1]), closest=float(head[2]) ** 0.5, prediction=prediction)


def _device(potential: Potential) -> torch.device:
    return potential.reference_energies.device
