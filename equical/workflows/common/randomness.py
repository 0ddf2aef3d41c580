"""Random numbers that are not ours: the stream that a whole program shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["global_stream_kept"]


@contextmanager
def global_stream_kept() -> Iterator[None]:
    """Leave numpy's global random stream where it was; for a block, or as a decorator for every call of a function.

    Workflows draw from generators of their own, but what they use may not: the filter with which ASE relaxes cells
    takes logarithms of matrices, and scipy estimates their norms with numbers from the global stream.
    """
    import numpy as np

    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
