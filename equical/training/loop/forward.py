"""What a model makes of a batch, in the precision of the run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from equical.model import Potential
from equical.prediction import Prediction
from equical.training.data.batching import TrainingBatch
from equical.training.loop.loss import LossTerm

__all__ = ["multiplying_in", "predict_batch"]


def predict_batch(
    potential: Potential, batch: TrainingBatch, terms: Sequence[LossTerm], *, create_graph: bool
) -> Prediction:
    """Predict what the terms of the loss compare; ``create_graph`` keeps what a second derivative needs."""
    names = {term.name for term in terms}
    return potential.predict(
        batch.graph,
        forces="forces" in names,
        stress="stress" in names,
        create_graph=create_graph,
        encoding=batch.encoding,
    )


def multiplying_in(device: torch.device | str, bfloat16: bool) -> AbstractContextManager[Any]:
    """Inside the block products are in ``bfloat16`` where autocast finds that safe, if that is wanted."""
    if not bfloat16:
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)
