"""Evaluate structures in static buffers: the shapes that CUDA graphs and compilers want."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from equical.errors import InputError
from equical.inference.backends import Backend
from equical.inference.buckets import Capacity, Counts
from equical.inference.eager import EagerEvaluator, exact_graph, plain_mode, to_host
from equical.inference.frozen import FrozenTwin
from equical.inference.step import Candidates, Outputs, StaticInputs, Step
from equical.model import Potential
from equical.model.frozen import Convolutions, FrozenPotential, Matrix, freeze_whole
from equical.neighbors.backends import Integers
from equical.neighbors.build import COINCIDENT, NeighborList
from equical.prediction import Prediction

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["StaticEvaluator"]

MOST_PREPARED = 4
"""Prepared steps that are kept: those used last."""


@dataclass
class PreparedStep:
    """A step made ready for structures up to some size.

    Attributes:
        step: the function.
        inputs: its buffers.
        replay: runs it.
        checked: whether its result was found equal to that of eager execution once.
    """

    step: Step
    inputs: StaticInputs
    replay: Callable[[], Tensor]
    checked: bool = False


class StaticEvaluator:
    """Evaluates one structure after the other, in buffers that fit many of them.

    The first result of every prepared step is compared with eager execution. If they differ, or the step cannot be
    prepared, there is one warning, and from then on everything is eager.

    Args:
        potential: the force field, on the device it shall run on. It is left as it is, and may change.
        backend: how steps are run.
        convolutions: what multiplies the matrices of convolutions.

    Attributes:
        frozen: the twin of the force field that eager execution evaluates.
        whole: the twin that is in the steps.
        stats: what it did so far.
    """

    def __init__(self, potential: Potential, backend: Backend[StaticInputs], convolutions: Convolutions = Matrix):
        self.potential, self.backend = potential, backend
        self.eager = EagerEvaluator(potential, convolutions)
        self.frozen, self.stats, self.search = self.eager.frozen, self.eager.stats, self.eager.search
        self.device = potential.reference_energies.device
        whole = FrozenTwin(potential, partial(freeze_whole, convolutions=convolutions))
        self.whole = self.frozen if self.device.type == "cuda" else whole  # on a GPU both are the same
        # With a cap, which pairs are edges is more than a matter of distance: each step gets a list of its own.
        self.select = self.search.cap is None
        self._forget()

    def _forget(self) -> None:
        self._prepared: OrderedDict[Hashable, PreparedStep] = OrderedDict()
        self._frozen: FrozenPotential | None = None
        self._capacity: Capacity | None = None
        self._listed: NeighborList | None = None
        self._candidates: Candidates | None = None
        self._edges = 0

    def __getstate__(self) -> dict[str, Any]:
        """Copies prepare their own steps, since buffers are addresses."""
        return {name: value for name, value in vars(self).items() if name not in FORGOTTEN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def evaluate(self, atoms: Atoms, *, forces: bool, stress: bool) -> Prediction:
        """Energy of a structure, and forces and stress where wanted, on the host.

        Raises:
            InputError: as :func:`equical.neighbors.build.neighbor_list`.
        """
        if self.stats.fallbacks:
            return self.eager.evaluate(atoms, forces=forces, stress=stress)
        with plain_mode(self.device):
            with self.stats.stage("neighbors"):
                candidates, wraps = self._pairs(atoms)
            try:
                outputs = self._run(atoms, candidates, wraps, derivatives=forces or stress)
            except InputError:
                raise
            except Exception as error:
                return self._fall_back(atoms, error, forces=forces, stress=stress)
        if outputs.closest < COINCIDENT:
            self.eager.evaluate(atoms, forces=False, stress=False)  # refuses them by name
        self.stats.evaluations += 1
        self.stats.list_rebuilds = self.search.rebuilds
        found = outputs.prediction
        return Prediction(
            found.energy, found.atom_energies, found.forces if forces else None, found.stress if stress else None
        )

    def _pairs(self, atoms: Atoms) -> tuple[Candidates, Integers]:
        """Candidates on the device, copied there only when the list was made anew, and how atoms were wrapped since."""
        cell, pbc = atoms.cell.array, atoms.pbc
        if self.select:
            listed, wraps = self.search.candidates(atoms.positions, cell, pbc)
        else:
            listed, wraps = self.search.neighbors(atoms.positions, cell, pbc), np.zeros((len(atoms), 3), np.int64)
        if listed is not self._listed or self._candidates is None:
            arrays = (listed.receiver, listed.sender, listed.shift)
            self._candidates = Candidates(*(torch.from_numpy(array).to(self.device) for array in arrays))
            self._listed = listed
            self._edges = len(self.search.neighbors(atoms.positions, cell, pbc)) if self.select else len(listed)
        return self._candidates, wraps

    def _run(self, atoms: Atoms, candidates: Candidates, wraps: Integers, derivatives: bool) -> Outputs:
        """Evaluate in the smallest buffers that fit, and once more in larger ones if there are more edges than those
        of the step before."""
        while True:
            counts = Counts(len(atoms) + 1, len(candidates.receiver), self._edges)
            self._capacity = (self._capacity or Capacity.holding(counts)).adapted_to(counts)
            outputs = self._run_within(self._capacity, atoms, candidates, wraps, derivatives)
            self._edges = outputs.edges
            if outputs.edges <= self._capacity.edges:
                return outputs
            self.stats.overflows += 1

    def _run_within(
        self, capacity: Capacity, atoms: Atoms, candidates: Candidates, wraps: Integers, derivatives: bool
    ) -> Outputs:
        stats = self.stats
        frozen = self.whole()
        key, prepared = self._find(frozen, capacity, derivatives)
        step = prepared.step if prepared else Step(frozen, capacity, derivatives, self.select)
        with stats.stage("inputs"):
            inputs = prepared.inputs if prepared else StaticInputs.allocate(capacity, self.device)
            inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, candidates)
        if prepared is None:
            with stats.stage("capture"):
                prepared = PreparedStep(step, inputs, self.backend.prepare(step, inputs))
            self._keep(key, prepared)
        with stats.stage("network"):
            # A copy, whatever the device: the next replay writes to the same place.
            packed = prepared.replay().to("cpu", copy=True)
        outputs = step.unpack(packed, len(atoms))
        fits = outputs.edges <= capacity.edges
        if fits:
            stats.replayed(len(atoms) / capacity.atoms, outputs.edges / capacity.edges)
        if fits and not prepared.checked:
            with stats.stage("check"):
                self._compare(atoms, outputs.prediction)
            prepared.checked = True
        return outputs

    def _find(
        self, frozen: FrozenPotential, capacity: Capacity, derivatives: bool
    ) -> tuple[Hashable, PreparedStep | None]:
        """The prepared step for everything that makes a difference, if there is one."""
        if frozen is not self._frozen:  # the weights have changed
            self._prepared.clear()
            self._frozen = frozen
        modes = (torch.are_deterministic_algorithms_enabled(), _matmul_precision(self.device))
        key = (capacity, derivatives, modes)
        if key in self._prepared:
            self._prepared.move_to_end(key)
        return key, self._prepared.get(key)

    def _keep(self, key: Hashable, prepared: PreparedStep) -> None:
        self._prepared[key] = prepared
        self.stats.captures += 1
        while len(self._prepared) > MOST_PREPARED:
            self._prepared.popitem(last=False)

    def _compare(self, atoms: Atoms, found: Prediction) -> None:
        """Raise ``ArithmeticError`` unless eager execution agrees."""
        neighbors = self.search.neighbors(atoms.positions, atoms.cell.array, atoms.pbc)
        graph = exact_graph(atoms, neighbors).to(self.device)
        forces, stress = found.forces is not None, found.stress is not None
        expected = to_host(self.frozen().predict(graph, forces=forces, stress=stress))
        tolerance = _tolerance(self.potential.dtype, self.device)
        volume = atoms.cell.volume
        for name, scale in (("atom_energies", 1.0), ("forces", 1.0), ("stress", volume)):
            one, other = getattr(found, name), getattr(expected, name)
            if one is None or scale == 0:
                continue
            difference, largest = ((one - other).abs().max() * scale).item(), (other.abs().max() * scale).item()
            if not difference <= tolerance * (1 + largest):
                raise ArithmeticError(f"{name} differ by {difference:.1e}")

    def _fall_back(self, atoms: Atoms, error: Exception, *, forces: bool, stress: bool) -> Prediction:
        self.stats.fallbacks += 1
        self._forget()
        reason = " ".join(str(error).split())[:300]
        name = type(self.backend).__name__.removesuffix("Backend")
        warnings.warn(
            f"{name} execution does not work here and is given up for eager execution, which is slower but gives the"
            f" same results ({type(error).__name__}: {reason})",
            RuntimeWarning,
            stacklevel=2,
        )
        return self.eager.evaluate(atoms, forces=forces, stress=stress)


FORGOTTEN = {"_prepared", "_frozen", "_capacity", "_listed", "_candidates", "_edges"}


def _matmul_precision(device: torch.device) -> str:
    """How products of float32 matrices are computed."""
    kind = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    try:
        return str(kind.matmul.fp32_precision)
    except AttributeError:  # before torch 2.9
        return torch.get_float32_matmul_precision()


def _tolerance(dtype: torch.dtype, device: torch.device) -> float:
    """What the order of additions, and reduced precision where it is allowed, may change."""
    if dtype == torch.float64:
        return 1e-9
    return 1e-4 if _matmul_precision(device) in ("none", "ieee", "highest") else 1e-2
