"""How large the parts of a network may be: several times what anybody has trained.

A slip in a file, or a file that was made to do harm, is then a sentence, and not a machine without memory.
"""

from typing import Annotated

from pydantic import Field

__all__ = ["Average", "Cutoff", "Grid", "Heads", "Layers", "Radials", "TableRows", "Width"]

Layers = Annotated[int, Field(ge=1, le=200)]
"""Layers on top of each other."""

Width = Annotated[int, Field(ge=1, le=10_000)]
"""Channels beside each other."""

TableRows = Annotated[int, Field(ge=1, le=200)]
"""Rows of the element tables."""

Heads = Annotated[int, Field(ge=1, le=100)]
"""Heads of an attention."""

Radials = Annotated[int, Field(ge=2, le=10_000)]
"""Functions of the distance."""

Cutoff = Annotated[float, Field(ge=0.1, le=30)]
"""Å."""

Grid = tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]]
"""Polar and azimuthal points."""

Average = Annotated[float, Field(ge=1e-3, le=1e6)]
"""Typical number of neighbours, or of atoms."""
