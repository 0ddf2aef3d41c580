"""Neighbours from a grid of bins, in plain tensor operations: for positions that are on a GPU already.

Nothing here waits for the device. Tensors whose size depends on the positions are given a size beforehand, and the
sizes that were needed are counted along; only who wants to look at the result needs to read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from equical.neighbors.build import BACKENDS, Floats, FoundPairs
from equical.neighbors.cells import complete_cell, heights, reduce_cell

__all__ = ["CellList", "GridPairs", "Pairs"]

BINS_PER_CUTOFF = 2
"""Bins are half as wide as the cutoff: more of them to visit, but fewer pairs beyond the cutoff to look at."""

CHUNK = 1 << 20
"""Visits of an atom to a bin done at a time."""

HEADROOM = 1.25
"""Tensors are made this much larger than was needed."""

Vectors = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Pairs:
    """Pairs of atoms in tensors of fixed size.

    Attributes:
        receiver: ``[M]`` int64, ascending; N beyond the pairs found.
        sender: ``[M]`` int64.
        shift: ``[M, 3]`` int64, lattice vectors added to the sender.
        needed: ``[2]`` int64, how many pairs were looked at in the largest chunk, and how many were found.
    """

    receiver: Tensor
    sender: Tensor
    shift: Tensor
    needed: Tensor


@dataclass(frozen=True)
class Grid:
    """Bins along the lattice vectors of a compact cell, decided from the cell alone.

    Attributes:
        cell: ``[3, 3]`` Å, reduced.
        inverse: of the cell.
        operation: whole numbers, cell = operation @ cell as given.
        periodic: of each vector.
        bins: along each vector.
        reach: bins on either side that can hold neighbours.
        width: narrowest bin along a vector without periodicity, in units of that vector.
    """

    cell: Vectors
    inverse: Vectors
    operation: tuple[tuple[int, ...], ...]
    periodic: tuple[bool, ...]
    bins: tuple[int, ...]
    reach: tuple[int, ...]
    width: tuple[float, ...]


class CellList:
    """Finds all pairs within a cutoff, for any cell, on the device of the positions.

    Args:
        cutoff: Å.
    """

    def __init__(self, cutoff: float):
        self.cutoff = cutoff
        self.sizes = (0, 0)

    def find(self, positions: Tensor, cell: ArrayLike, pbc: ArrayLike) -> tuple[Tensor, Tensor, Tensor]:
        """All pairs as receiver ``[E]``, sender ``[E]`` and shift ``[E, 3]``, sorted; waits for the device."""
        while True:
            pairs = self.enqueue(positions, cell, pbc)
            needed = pairs.needed.tolist()
            if all(need <= size for need, size in zip(needed, self.sizes, strict=True)):
                break
            self.sizes = tuple(max(ceil(HEADROOM * need), size) for need, size in zip(needed, self.sizes, strict=True))
        found = slice(needed[1])
        return pairs.receiver[found], pairs.sender[found], pairs.shift[found]

    def enqueue(self, positions: Tensor, cell: ArrayLike, pbc: ArrayLike) -> Pairs:
        """The same without waiting, in the sizes that the last :meth:`find` found large enough.

        Args:
            positions: ``[N, 3]`` Å, float64, finite.
            cell: ``[3, 3]`` Å, on the host.
            pbc: ``[3]`` bool, on the host.

        Returns:
            Pairs which are incomplete if more are ``needed`` than ``sizes`` has room for.
        """
        grid = _grid(np.asarray(cell, dtype=np.float64), np.asarray(pbc, dtype=bool), self.cutoff, len(positions))
        return _sorted(_search(positions, grid, self.cutoff, *self.sizes), grid.operation)


def _grid(cell: Floats, pbc: NDArray[np.bool_], cutoff: float, num_atoms: int) -> Grid:
    periodic = np.array(np.broadcast_to(pbc, 3))
    compact, operation = reduce_cell(complete_cell(cell, periodic), periodic)
    across = heights(compact)
    narrowest = cutoff / BINS_PER_CUTOFF
    # How far atoms spread along an open direction only the device knows: a number of bins, then, and a least width.
    most = round(2 * max(num_atoms, 1) ** (1 / 3))
    bins = np.where(periodic, np.maximum(across // narrowest, 1), most).astype(int)
    while bins.prod() > 1000 + 8 * num_atoms:
        bins[bins.argmax()] //= 2
    # Of two atoms in bins n apart, the distance is more than n − 1 widths.
    widths = np.where(periodic, across / bins, narrowest)
    reach = np.ceil((cutoff + 1e-6) / widths).astype(int)
    return Grid(
        cell=_vectors(compact),
        inverse=_vectors(np.linalg.inv(compact)),
        operation=tuple(map(tuple, operation.tolist())),
        periodic=tuple(periodic.tolist()),
        bins=tuple(bins.tolist()),
        reach=tuple(reach.tolist()),
        width=tuple((narrowest / across).tolist()),
    )


def _vectors(matrix: NDArray[Any]) -> Vectors:
    """Numbers that go to the device as arguments of its kernels, which is no copy it would have to wait for."""
    return tuple((row[0], row[1], row[2]) for row in matrix.tolist())


@dataclass(frozen=True)
class Binned:
    """Atoms sorted into bins.

    Attributes:
        points: three coordinates ``[N]`` Å each, within the cell along periodic vectors.
        whole: three numbers ``[N]`` of lattice vectors taken off to get there.
        bin: three indices ``[N]`` along the vectors.
        order: ``[N]`` atoms sorted by bin.
        first, count: ``[bins]`` of each bin, where its atoms begin in ``order``, and how many there are.
    """

    points: tuple[Tensor, ...]
    whole: tuple[Tensor, ...]
    bin: tuple[Tensor, ...]
    order: Tensor
    first: Tensor
    count: Tensor


def _sort_into_bins(positions: Tensor, grid: Grid) -> Binned:
    x, y, z = positions.unbind(dim=1)
    whole, index = [], []
    for axis in range(3):
        fraction = x * grid.inverse[0][axis] + y * grid.inverse[1][axis] + z * grid.inverse[2][axis]
        if grid.periodic[axis]:
            whole.append(fraction.floor())
            place = (fraction - whole[-1]) * grid.bins[axis]
        else:
            whole.append(torch.zeros_like(fraction))
            lowest = fraction.amin()
            place = (fraction - lowest) / ((fraction.amax() - lowest) / grid.bins[axis]).clamp(min=grid.width[axis])
        index.append(place.long().clamp(0, grid.bins[axis] - 1))
    points = tuple(
        coordinate - (whole[0] * grid.cell[0][axis] + whole[1] * grid.cell[1][axis] + whole[2] * grid.cell[2][axis])
        for axis, coordinate in enumerate((x, y, z))
    )
    flat = _flat(index, grid)
    count = torch.zeros(int(np.prod(grid.bins)), dtype=torch.int64, device=positions.device)
    count.scatter_add_(0, flat, torch.ones_like(flat))
    return Binned(
        points=points,
        whole=tuple(number.long() for number in whole),
        bin=tuple(index),
        order=torch.argsort(flat, stable=True),
        first=count.cumsum(0) - count,
        count=count,
    )


def _flat(index: list[Tensor], grid: Grid) -> Tensor:
    return (index[0] * grid.bins[1] + index[1]) * grid.bins[2] + index[2]


def _search(positions: Tensor, grid: Grid, cutoff: float, slots: int, room: int) -> Pairs:
    """Let atoms, some at a time, look through the bins around them.

    Args:
        positions: ``[N, 3]`` Å.
        grid: the bins.
        cutoff: Å.
        slots: for pairs looked at by one chunk of atoms.
        room: for pairs found.
    """
    num_atoms, device = len(positions), positions.device
    found = torch.full((5, room + 1), num_atoms, dtype=torch.int64, device=device)
    total = torch.zeros((), dtype=torch.int64, device=device)
    most = torch.zeros((), dtype=torch.int64, device=device)
    if num_atoms:
        atoms = _sort_into_bins(positions, grid)
        visits = int(np.prod([2 * reach + 1 for reach in grid.reach]))
        step = max(1, CHUNK // visits)
        for start in range(0, num_atoms, step):
            receivers = torch.arange(start, min(start + step, num_atoms), device=device)
            looked, pairs, near = _visit(atoms, receivers, visits, grid, cutoff, slots)
            # Pairs within the cutoff move up to the next free places, the others all to the last one.
            place = torch.where(near, total + near.cumsum(0) - 1, room).clamp(max=room)
            found.scatter_(1, place.expand(5, -1), pairs)
            total = total + near.sum()
            most = torch.maximum(most, looked)
    receiver, sender, *shift = found[:, :room]
    return Pairs(receiver, sender, torch.stack(shift, dim=1), torch.stack([most, total]))


def _visit(
    atoms: Binned, receivers: Tensor, visits: int, grid: Grid, cutoff: float, slots: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of some receivers with every atom in the bins around them.

    Returns:
        How many pairs there are; receiver, sender and shift ``[5, slots]`` of each; and whether a slot holds a pair
        within the cutoff.
    """
    number = torch.arange(visits, device=receivers.device)
    index: list[Tensor] = []
    images: list[Tensor] = []
    exists = torch.ones_like(number, dtype=torch.bool)[None, :]
    for axis in (2, 1, 0):
        side = 2 * grid.reach[axis] + 1
        place = atoms.bin[axis][receivers][:, None] + (number % side - grid.reach[axis])
        number = number.div(side, rounding_mode="floor")
        image = place.div(grid.bins[axis], rounding_mode="floor")
        if not grid.periodic[axis]:
            exists = exists & (image == 0)
            image = torch.zeros_like(image)
        images.insert(0, image)
        index.insert(0, (place - image * grid.bins[axis]).clamp(0, grid.bins[axis] - 1))
    bins = _flat(index, grid)
    count = torch.where(exists, atoms.count[bins], 0).flatten()
    last = count.cumsum(0)
    slot = torch.arange(slots, device=receivers.device)
    visit = torch.searchsorted(last, slot, right=True).clamp(max=len(last) - 1)
    place = atoms.first[bins].flatten()[visit] + slot - (last - count)[visit]
    sender = atoms.order[place.clamp(0, len(atoms.order) - 1)]
    receiver = receivers[visit.div(visits, rounding_mode="floor")]
    image_x, image_y, image_z = (image.flatten()[visit] for image in images)
    squared = torch.zeros(slots, dtype=atoms.points[0].dtype, device=receivers.device)
    for axis, points in enumerate(atoms.points):
        offset = image_x * grid.cell[0][axis] + image_y * grid.cell[1][axis] + image_z * grid.cell[2][axis]
        squared = squared + (points[sender] + offset - points[receiver]).square()
    itself = (sender == receiver) & (image_x == 0) & (image_y == 0) & (image_z == 0)
    near = (slot < last[-1]) & (squared < cutoff**2) & ~itself
    pairs = zip((image_x, image_y, image_z), atoms.whole, strict=True)
    shift = [image + whole[receiver] - whole[sender] for image, whole in pairs]
    return last[-1], torch.stack([receiver, sender, *shift]), near


def _sorted(pairs: Pairs, operation: tuple[tuple[int, ...], ...]) -> Pairs:
    """Shifts of the cell as it was given, and pairs sorted by receiver, sender and shift."""
    x, y, z = pairs.shift.unbind(dim=1)
    shift = [x * operation[0][axis] + y * operation[1][axis] + z * operation[2][axis] for axis in range(3)]
    order = torch.arange(len(pairs.receiver), device=pairs.receiver.device)
    for key in (*reversed(shift), pairs.sender, pairs.receiver):
        order = order[torch.argsort(key[order], stable=True)]
    return Pairs(pairs.receiver[order], pairs.sender[order], torch.stack(shift, dim=1)[order], pairs.needed)


class GridPairs:
    """A backend for :func:`equical.neighbors.build.neighbor_list` that finds pairs on ``device``.

    Args:
        device: where to look for pairs.
        fewest: structures with fewer atoms than this are left to vesin, on the host.
    """

    def __init__(self, device: str | torch.device, fewest: int = 0):
        self.device, self.fewest = device, fewest
        self.finder = CellList(0.0)

    def __call__(self, points: Floats, cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> FoundPairs:
        """See :data:`equical.neighbors.build.PairFunction`."""
        if len(points) < self.fewest:
            return BACKENDS["vesin"](points, cell, periodic, cutoff)
        if self.finder.cutoff != cutoff:
            self.finder = CellList(cutoff)
        found = self.finder.find(torch.from_numpy(points).to(self.device), cell, periodic)
        receiver, sender, shift = (tensor.cpu().numpy() for tensor in found)
        return receiver, sender, shift, np.linalg.norm(points[sender] + shift @ cell - points[receiver], axis=1)
