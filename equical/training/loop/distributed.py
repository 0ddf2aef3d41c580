"""One process or several: the few collective operations that training needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from equical.inference.devices import find_device

__all__ = ["World", "joined_world"]


@dataclass(frozen=True)
class World:
    """This process among its peers.

    Attributes:
        rank: number of this process; 0 writes files and speaks.
        size: number of processes.
        local_rank: number of this process on its machine, which is also its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def speaks(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Where this process computes: ``auto``, ``cpu``, ``cuda`` (one for each process of a machine) or ``cuda:N``.

        Raises:
            InputError: there is no such device.
        """
        device = find_device(name)
        own = self.size > 1 and device.type == "cuda" and device.index is None
        return find_device(f"cuda:{self.local_rank}") if own else device

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def agree(self, value: Any) -> Any:
        """The value of the first process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]


@contextmanager
def joined_world(device: str = "auto") -> Iterator[World]:
    """This process among those that ``torchrun`` started, if it did: NCCL between GPUs, gloo between CPUs.

    Processes leave together, for one that goes while another still talks to it takes that one down. One that fails
    goes at once: its peers learn of it as it is gone.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    gpus = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    dist.init_process_group("nccl" if gpus else "gloo")
    try:
        yield World(dist.get_rank(), size, int(os.environ.get("LOCAL_RANK", "0")))
        dist.barrier()
    finally:
        dist.destroy_process_group()
