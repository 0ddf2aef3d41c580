"""The ways to execute a model, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from equical.errors import InputError
from equical.inference.backends import Backend, CompiledBackend, CudaGraphBackend, DirectBackend
from equical.inference.eager import EagerEvaluator
from equical.inference.frozen import FrozenTwin
from equical.inference.static import StaticEvaluator
from equical.inference.stats import Stats
from equical.inference.step import StaticInputs
from equical.model import Potential
from equical.model.frozen import Convolutions, Matrix
from equical.prediction import Prediction

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EXECUTIONS", "Evaluator", "make_evaluator", "require_execution"]

EXECUTIONS = ("auto", "eager", "static", "cuda-graph", "compile")
"""
- ``auto``: ``cuda-graph`` on a GPU, ``eager`` on a CPU.
- ``eager``: in tensors as large as the structure; on a CPU, large structures a part at a time.
- ``static``: in padded buffers, all of them at once: what the next two run. On a CPU a little slower than ``eager`` for
  small structures; for some hundred atoms it can be faster, and takes several times the memory.
- ``cuda-graph``: padded, and captured once for each size of buffers; the launch of thousands of kernels becomes one.
- ``compile``: padded, and compiled once for each size of buffers, which takes minutes and, on a CPU, a C++ compiler.
"""


class Evaluator(Protocol):
    """Evaluates structures that come one after the other."""

    potential: Potential
    frozen: FrozenTwin
    stats: Stats

    def evaluate(self, atoms: Atoms, *, forces: bool, stress: bool) -> Prediction:
        """Energy of a structure, and forces and stress where wanted, on the host."""


def require_execution(execution: str, device: torch.device) -> None:
    """Refuse what there is not.

    Raises:
        InputError: there is no such execution, or not on this device.
    """
    if execution not in EXECUTIONS:
        raise InputError(f"execution must be one of {', '.join(EXECUTIONS)}, not {execution!r}.")
    if execution == "cuda-graph" and device.type != "cuda":
        raise InputError("execution 'cuda-graph' needs a CUDA device, and this calculator runs on a CPU; use 'auto'.")


def make_evaluator(potential: Potential, execution: str = "auto", convolutions: Convolutions = Matrix) -> Evaluator:
    """The evaluator of that name, for the device the force field is on.

    Args:
        potential: the force field, which is left as it is, and may change.
        execution: one of :data:`EXECUTIONS`.
        convolutions: what multiplies the matrices of convolutions.

    Raises:
        InputError: there is no such execution, or not on this device.
    """
    device = potential.reference_energies.device
    require_execution(execution, device)
    if execution == "auto":
        execution = "cuda-graph" if device.type == "cuda" else "eager"
    if execution == "eager":
        return EagerEvaluator(potential, convolutions)
    backends: dict[str, type[Backend[StaticInputs]]] = {
        "static": DirectBackend,
        "cuda-graph": CudaGraphBackend,
        "compile": CompiledBackend,
    }
    return StaticEvaluator(potential, backends[execution](), convolutions)
