"""Which elements data hold, and whether a model covers them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from equical.errors import InputError
from equical.training.data.samples import Sample

__all__ = ["require_covered", "symbol", "symbols"]


def symbol(number: int) -> str:
    """Chemical symbol of an atomic number."""
    from ase.data import chemical_symbols

    return str(chemical_symbols[int(number)])


def symbols(numbers: Iterable[int]) -> str:
    """Chemical symbols of atomic numbers, in order of these, for a sentence.

    >>> symbols({29, 8})
    'O, Cu'
    """
    return ", ".join(symbol(number) for number in sorted(numbers))


def require_covered(elements: Iterable[int], samples: Sequence[Sample], advice: str) -> None:
    """Refuse samples with other elements.

    Args:
        elements: atomic numbers that the model covers.
        samples: structures.
        advice: what to do about others.

    Raises:
        InputError: names the first structure with another element.
    """
    covered = set(elements)
    for sample in samples:
        new = set(sample.graph.numbers.tolist()) - covered
        if new:
            raise InputError(
                f"{sample.origin}: the model does not cover {symbols(new)} (it covers {symbols(covered)}); {advice}"
            )
