"""Which features an atom or an edge has, in the notation of e3nn, and how they lie in memory.

``128x0e+64x1e+32x2e`` means 128 scalars, 64 vectors and 32 tensors of degree two, all even. Features are a tuple with a
tensor ``[..., 2·degree + 1, multiplicity]`` for each part; side by side they make one row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from torch import Tensor

from equical.model.kernels.joints import cut, join

__all__ = ["SCALAR", "Features", "Irreps", "Kind", "Part", "side_by_side"]

Features = tuple[Tensor, ...]
"""For each part of some :class:`Irreps`, ``[..., 2·degree + 1, multiplicity]``."""


class Kind(NamedTuple):
    """How features change in a turned or mirrored frame.

    Attributes:
        degree: of the harmonics they turn like.
        parity: their sign under inversion.
    """

    degree: int
    parity: int


SCALAR = Kind(0, 1)


class Part(NamedTuple):
    """Features of one kind.

    Attributes:
        multiplicity: how many there are.
        kind: how they turn.
    """

    multiplicity: int
    kind: Kind

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.multiplicity * (2 * self.kind.degree + 1)


@dataclass(frozen=True)
class Irreps:
    """Parts by ascending degree, even before odd, each kind once."""

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"128x0e+64x1e"``.

        Raises:
            ValueError: it is written otherwise, or kinds are out of order or repeated.
        """
        parts = []
        for term in text.replace(" ", "").split("+"):
            found = re.fullmatch(r"([1-9]\d{0,3})x(\d)([eo])", term)
            if found is None:
                raise ValueError(f"{term!r:.40} is not written like 64x1e (how many, degree, even or odd)")
            parts.append(Part(int(found[1]), Kind(int(found[2]), 1 if found[3] == "e" else -1)))
        kinds = [part.kind for part in parts]
        if kinds != sorted(set(kinds), key=_order):
            raise ValueError(f"{text!r:.80} must list each kind once, by degree, even before odd: 0e, 0o, 1e, 1o, …")
        return cls(tuple(parts))

    @classmethod
    def scalars_only(cls, count: int) -> Self:
        """Nothing but scalars."""
        return cls((Part(count, SCALAR),))

    def __str__(self) -> str:
        return "+".join(f"{n}x{degree}{'e' if parity > 0 else 'o'}" for n, (degree, parity) in self.parts)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(part.kind for part in self.parts)

    @property
    def lmax(self) -> int:
        """Highest degree."""
        return max(kind.degree for kind in self.kinds)

    @property
    def odd(self) -> bool:
        """Whether some part changes sign under inversion."""
        return any(kind.parity < 0 for kind in self.kinds)

    @property
    def num_scalars(self) -> int:
        """Multiplicity of the even scalars."""
        return sum(part.multiplicity for part in self.parts if part.kind == SCALAR)

    @property
    def count(self) -> int:
        """Multiplicities together."""
        return sum(part.multiplicity for part in self.parts)

    def times(self, factor: int) -> "Irreps":
        """As many times all features."""
        return Irreps(tuple(Part(factor * part.multiplicity, part.kind) for part in self.parts))

    def split(self, rows: Tensor) -> Features:
        """Rows ``[N, width]`` to features."""
        pieces = cut(rows, [part.width for part in self.parts], dim=1)
        shapes = [(2 * part.kind.degree + 1, part.multiplicity) for part in self.parts]
        return tuple(piece.unflatten(1, shape) for piece, shape in zip(pieces, shapes, strict=True))


def side_by_side(features: Sequence[Tensor]) -> Tensor:
    """Features of N atoms or edges to rows ``[N, width]``; undone by :meth:`Irreps.split`."""
    return join([part.flatten(1) for part in features], dim=1)


def _order(kind: Kind) -> tuple[int, int]:
    return kind.degree, -kind.parity
