"""The frozen twin of a force field, for as long as its weights stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from equical.model import Potential
from equical.model.frozen import FrozenPotential, freeze

__all__ = ["FrozenTwin"]


class FrozenTwin:
    """Freezes a force field, and again whenever a weight was moved or written to.

    Args:
        potential: the force field, which may be changed at any time.
        make: what freezes it.
    """

    def __init__(self, potential: Potential, make: Callable[[Potential], FrozenPotential] = freeze):
        self.potential, self.make = potential, make
        self._found: tuple[Hashable, FrozenPotential] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Copies freeze for themselves, since a twin shares the weights of its own."""
        return vars(self) | {"_found": None}

    def __call__(self) -> FrozenPotential:
        """The twin of the force field as it is now; the same object as before if nothing has changed."""
        signature = _signature(self.potential)
        if self._found is None or self._found[0] != signature:
            self._found = signature, self.make(self.potential)
        return self._found[1]


def _signature(potential: Potential) -> Hashable:
    """Changes whenever a weight is moved or written to."""
    tensors = [*potential.parameters(), *potential.buffers()]
    return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)
