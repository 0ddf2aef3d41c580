"""What a package says of itself, as text that torch keeps beside the compiled code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from equical.errors import InputError
from equical.inference.buckets import Capacity

__all__ = ["PackageContents"]

KEY = "equical"
FORMAT = 1
"""Counts up when the inputs or the output of packages change."""


@dataclass(frozen=True)
class PackageContents:
    """What a package evaluates.

    Attributes:
        model: its name.
        sha256: of its weights.
        elements: atomic numbers that it covers.
        cutoff: Å.
        dtype: precision of the network, ``"float32"`` or ``"float64"``.
        device: ``"cpu"`` or ``"cuda"``.
        stress: whether it predicts a stress.
        capacity: sizes of its inputs and of its output.
    """

    model: str
    sha256: str
    elements: tuple[int, ...]
    cutoff: float
    dtype: str
    device: str
    stress: bool
    capacity: Capacity

    def as_metadata(self) -> dict[str, str]:
        """For torch."""
        return {KEY: json.dumps(asdict(self) | {"format": FORMAT})}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Read them again.

        Raises:
            InputError: somebody else's package, or one of another release.
        """
        if KEY not in metadata:
            raise InputError("this package holds no model of equical: write one with export_package")
        found = json.loads(metadata[KEY])
        if found.pop("format") != FORMAT:
            raise InputError("this package was written by another release of equical: export it again")
        return cls(**found | {"elements": tuple(found["elements"]), "capacity": Capacity(**found["capacity"])})
