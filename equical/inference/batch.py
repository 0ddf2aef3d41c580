"""Evaluate many structures, some at a time, within a budget of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch

from equical.errors import InputError
from equical.graph import AtomGraph
from equical.inference.eager import plain_mode, to_host
from equical.inference.memory import PeakMemory
from equical.inference.workers import WorkerThreads
from equical.model.frozen import CHUNK_EDGES, FrozenPotential
from equical.prediction import Prediction

__all__ = ["BatchEvaluator"]

ATOM_COST = 8
"""Memory of an atom, in edges."""

PROBE_COST = 500
"""Edges of a batch whose memory is measured; smaller ones say little."""

HOST_BUDGET = 1e9
"""Bytes for tensors, on a CPU."""

GPU_SHARE = 0.5
"""Of the free memory of a GPU."""

_MEASURED: WeakKeyDictionary[FrozenPotential, dict[bool, float]] = WeakKeyDictionary()
"""Bytes for each unit of cost, of models whose memory was measured: without derivatives, and with them."""


@dataclass
class GraphBatch:
    """Structures to be evaluated together, and where they stood in the sequence."""

    graphs: list[AtomGraph] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    cost: int = 0

    def add(self, place: int, graph: AtomGraph) -> None:
        """Add one structure."""
        self.graphs.append(graph)
        self.places.append(place)
        self.cost += _cost(graph)


class BatchEvaluator:
    """Evaluates sequences of structures, several at once where they are small.

    On a CPU every core works on a batch of its own, since arrays of small structures are too small to be shared. How
    much memory a model takes is measured once, on the first batch, which is small for that.

    Args:
        potential: the force field, on the device it shall run on.
        memory: bytes for tensors; by default 1 GB on a CPU and half of what is free on a GPU. A structure that needs
            more than that is evaluated alone.
    """

    def __init__(self, potential: FrozenPotential, memory: float | None = None):
        self.potential = potential
        self.device = potential.reference_energies.device
        if memory is None:
            memory = GPU_SHARE * torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else HOST_BUDGET
        if not memory > 0:
            raise InputError(f"The memory budget must be a positive number of bytes, not {memory}.")
        self.memory = memory
        self._bytes_per_cost: float | None = None
        self._derivatives = False
        self._cores = torch.get_num_threads() if self.device.type == "cpu" else 1

    def evaluate(
        self, graphs: Iterable[Callable[[], AtomGraph]], *, forces: bool, stress: bool
    ) -> Iterator[Prediction | InputError]:
        """Predictions of structures, in their order; in place of those that cannot be evaluated, the reason.

        Args:
            graphs: functions that make the graph of one structure each, on the host, or raise ``InputError``.
            forces: whether forces are wanted.
            stress: whether stresses are wanted; not a number for structures without a volume.
        """
        self._derivatives = forces or stress
        self._bytes_per_cost = _MEASURED.get(self.potential, {}).get(self._derivatives)
        done: dict[int, Prediction | InputError] = {}
        running: deque[Future[dict[int, Prediction | InputError]]] = deque()
        given = 0
        with WorkerThreads(self._cores) as workers:
            for batch in self._batches(graphs, done):
                if self._bytes_per_cost is None or batch.cost > CHUNK_EDGES:
                    # The one to measure, and one structure that is large enough for all cores.
                    done |= self._run(batch, forces, stress)
                else:
                    running.append(workers.submit(self._run, batch, forces, stress))
                while len(running) > 2 * workers.count:
                    done |= running.popleft().result()
                while given in done:
                    yield done.pop(given)
                    given += 1
            for last in running:
                done |= last.result()
            for place in sorted(done):
                yield done[place]

    def _batches(
        self, graphs: Iterable[Callable[[], AtomGraph]], done: dict[int, Prediction | InputError]
    ) -> Iterator[GraphBatch]:
        """What is to be evaluated together; structures that have no graph are done with."""
        batch = GraphBatch()
        for place, make in enumerate(graphs):
            try:
                graph = make()
            except InputError as error:
                done[place] = error
                continue
            if batch.graphs and batch.cost + _cost(graph) > self._most():
                yield batch
                batch = GraphBatch()
            batch.add(place, graph)
        if batch.graphs:
            yield batch

    def _most(self) -> float:
        """The cost of the largest batch."""
        if self._bytes_per_cost is None:
            return PROBE_COST
        most = self.memory / self._bytes_per_cost / self._cores
        # More edges than a CPU's caches want would be evaluated in chunks, and their derivatives twice.
        return most if self.device.type == "cuda" else min(most, CHUNK_EDGES)

    def _run(self, batch: GraphBatch, forces: bool, stress: bool) -> dict[int, Prediction | InputError]:
        try:
            with plain_mode(self.device):
                prediction = self._predict(batch, forces, stress)
        except (MemoryError, torch.OutOfMemoryError):
            if len(batch.graphs) == 1:
                atoms = batch.graphs[0].num_atoms
                return {batch.places[0]: InputError(f"There is not enough memory for this structure of {atoms} atoms.")}
            half, halves = len(batch.graphs) // 2, (GraphBatch(), GraphBatch())
            for index, (place, graph) in enumerate(zip(batch.places, batch.graphs, strict=True)):
                halves[index >= half].add(place, graph)
            return self._run(halves[0], forces, stress) | self._run(halves[1], forces, stress)
        return dict(zip(batch.places, _split(prediction, batch.graphs), strict=True))

    def _predict(self, batch: GraphBatch, forces: bool, stress: bool) -> Prediction:
        graph = AtomGraph.batch(batch.graphs).to(self.device)
        if self._bytes_per_cost is not None or batch.cost < PROBE_COST / 2:
            return to_host(self.potential.predict(graph, forces=forces, stress=stress))
        with PeakMemory() as used:
            prediction = self.potential.predict(graph, forces=forces, stress=stress)
        self._bytes_per_cost = used.peak / batch.cost
        _MEASURED.setdefault(self.potential, {})[self._derivatives] = self._bytes_per_cost
        return to_host(prediction)


def _cost(graph: AtomGraph) -> int:
    return graph.num_edges + ATOM_COST * graph.num_atoms


def _split(prediction: Prediction, graphs: list[AtomGraph]) -> Iterator[Prediction | InputError]:
    """The predictions of the structures of a batch."""
    start = 0
    for index, graph in enumerate(graphs):
        rows, one = slice(start, start + graph.num_atoms), slice(index, index + 1)
        start = rows.stop
        found = Prediction(
            energy=prediction.energy[one],
            atom_energies=prediction.atom_energies[rows],
            forces=None if prediction.forces is None else prediction.forces[rows],
            stress=None if prediction.stress is None else prediction.stress[one],
        )
        finite = found.energy.isfinite().all() and (found.forces is None or found.forces.isfinite().all())
        yield found if finite else InputError("The energy or a force of this structure is not a finite number.")
