"""The rounding of another processor: ``python -m pytest -p tests.rounding``.

Processors and their libraries sum in different orders, so that results differ in the last digits. With this plugin
every sum, product of matrices, decomposition and force field is off by some units in the last place, always by the same
for the same number. A test that fails now depends on a tie, on degeneracy or on last digits, and fails on somebody's
machine.

Numbers of few digits, such as sums of small integers, are exact everywhere and left alone.
"""

import functools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from torch.utils._python_dispatch import TorchDispatchMode

DECOMPOSITIONS = ("det", "eigh", "eigvalsh", "inv", "lstsq", "pinv", "solve", "svd")
SUMS = {
    "_softmax.default", "addmm.default", "baddbmm.default", "bmm.default", "cos.default", "cumsum.default",
    "dot.default", "exp.default", "index_add.default", "index_add_.default", "mean.default", "mean.dim", "mm.default",
    "mv.default", "scatter_add.default", "scatter_add_.default", "sigmoid.default", "silu.default", "sin.default",
    "sum.default", "sum.dim_IntList",
}  # fmt: skip
MULTIPLIER = -7046029254386353131  # 2⁶⁴ / golden ratio: spreads the bits of a number
FEW_DIGITS = 0xFFF  # the last bits of a number that needs few of them are zeros

AS_THEY_ARE = ("testing/test_capture_safety.py", "inference/test_static.py", "inference/test_executions.py")
"""Tests that look at PyTorch's operations themselves."""

ACROSS_PROCESSES = ("test_a_killed_run_goes_on_and_ends_the_same",)
"""Tests that want the bits of another process, which has no plugin."""


def moved(x: torch.Tensor) -> torch.Tensor:
    """``x`` with each number off by up to two units in its last place."""
    kind = {torch.float64: torch.int64, torch.float32: torch.int32}.get(x.dtype)
    if kind is None:
        return x
    bits = x.contiguous().view(kind)
    units = ((bits.long() * MULTIPLIER) >> 61).remainder(5) - 2
    return x + x * torch.where(bits & FEW_DIGITS == 0, 0, units) * torch.finfo(x.dtype).eps


class MovedSums(TorchDispatchMode):
    """Within, PyTorch's sums are off."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.__name__ not in SUMS or type(result) is not torch.Tensor:
            return result
        return result.copy_(moved(result)) if func.__name__.endswith("_.default") else moved(result)


def moved_array(values):
    """The same for an array or a number, by units of the largest component, as that is what rounding has to do with."""
    if not np.size(values) or np.asarray(values).dtype != np.float64:
        return values
    x = torch.tensor(np.asarray(values))
    off = x + (moved(x + x.abs().max()) - (x + x.abs().max()))
    return off.numpy() if np.ndim(values) else off.item()


def with_moved_results(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        found = function(*args, **kwargs)
        if not isinstance(found, tuple):
            return moved_array(found)
        parts = [moved_array(part) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)

    return wrapped


def pytest_configure() -> None:
    for name in DECOMPOSITIONS:
        setattr(np.linalg, name, with_moved_results(getattr(np.linalg, name)))
    for calculator in (EMT, LennardJones):

        def calculate(self, *args, _original=calculator.calculate, **kwargs):
            _original(self, *args, **kwargs)
            self.results = {name: moved_array(value) for name, value in self.results.items()}

        calculator.calculate = calculate


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name.startswith(ACROSS_PROCESSES):
            item.add_marker(pytest.mark.skip(reason="wants the bits of another process"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if str(item.path).endswith(AS_THEY_ARE):
        return (yield)
    with MovedSums():
        return (yield)
