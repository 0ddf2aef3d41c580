"""What the loop starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from equical.model import Potential
from equical.training.data.labels import Frame
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import Sample

__all__ = ["StartingPoint"]


@dataclass(frozen=True)
class StartingPoint:
    """What a run starts from.

    Attributes:
        train: samples to learn from, each once.
        epoch: samples of one epoch; those of repeated data sets are in it several times.
        valid: samples held out.
        potential: the model before the first step.
        neighbor_rules: how it looks at a structure.
        provenance: data sets with hashes and counts, for the model's metadata.
        frames: training and validation structures as read.
        baseline: errors of the starting model on the validation data after the shift of reference energies; None for a
            new model.
    """

    train: list[Sample]
    epoch: list[Sample]
    valid: list[Sample]
    potential: Potential
    neighbor_rules: NeighborRules
    provenance: dict[str, Any]
    frames: tuple[list[Frame], list[Frame]]
    baseline: dict[str, float] | None = None
