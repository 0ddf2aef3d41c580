"""What belongs to the program around us: a workflow leaves it as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["surroundings_kept"]


@contextmanager
def surroundings_kept() -> Iterator[None]:
    """Leave numpy's global random stream and the environment as they were; a decorator for functions, too.

    Workflows draw from generators of their own and set nothing, but what they use does: the filter with which ASE
    relaxes cells takes logarithms of matrices, whose norms scipy estimates with numbers from the global stream, and its
    symmetry constraint tells spglib through the environment how to complain.
    """
    import numpy as np

    state, environment = np.random.get_state(), dict(os.environ)
    try:
        yield
    finally:
        np.random.set_state(state)
        for name in os.environ.keys() | environment.keys():
            if name not in environment:
                del os.environ[name]
            elif os.environ.get(name) != environment[name]:
                os.environ[name] = environment[name]
