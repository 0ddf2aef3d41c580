"""How large the parts of a network may be: several times what anybody has trained.

A slip in a file, or a file that was made to do harm, is then a sentence, and not a machine without memory.
"""

from typing import Annotated

from pydantic import Field

__all__ = ["Cutoff", "Grid", "Layers", "Radials", "Rows", "Width"]

Layers = Annotated[int, Field(ge=1, le=200)]
"""Layers on top of each other."""

Width = Annotated[int, Field(ge=1, le=10_000)]
"""Channels beside each other."""

Rows = Annotated[int, Field(ge=1, le=200)]
"""Rows of the element tables."""

Radials = Annotated[int, Field(ge=2, le=10_000)]
"""Functions of the distance."""

Cutoff = Annotated[float, Field(gt=0, le=100)]
"""Å."""

Grid = tuple[Annotated[int, Field(ge=1, le=500)], Annotated[int, Field(ge=1, le=500)]]
"""Polar and azimuthal points."""
