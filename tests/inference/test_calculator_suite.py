"""Everything that is true of the calculator, once more over emulated CUDA graphs."""

import pytest
from numpy.testing import assert_allclose

from equical import calculator as module
from equical.inference.static import StaticEvaluator
from equical.testing.emulation import EmulatedGraphBackend
from tests import test_calculator as suite
from tests.test_calculator import *  # noqa: F403 (the tests themselves)
from tests.tolerances import SINGLE

# Breaks the derivative on purpose, which here is no error but a reason to go over to eager execution.
del test_energies_are_had_without_differentiation  # noqa: F821


@pytest.fixture(autouse=True)
def emulated_graphs(monkeypatch):
    """Every calculator of a test evaluates in emulated graphs, and does not fall back."""
    evaluators = []

    def make(potential, execution, convolutions):
        evaluators.append(StaticEvaluator(potential, EmulatedGraphBackend(), convolutions))
        return evaluators[-1]

    monkeypatch.setattr(module, "make_evaluator", make)
    # The size of the buffers, which depends on what was evaluated before, may change the order of additions.
    monkeypatch.setattr(suite, "assert_same_bits", assert_same_numbers)
    yield
    for evaluator in evaluators:
        assert evaluator.stats.fallbacks == 0
        assert evaluator.backend.replays == evaluator.stats.replays + evaluator.stats.overflows


def assert_same_numbers(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert_allclose(one[name], other[name], rtol=0, atol=SINGLE, err_msg=name)
