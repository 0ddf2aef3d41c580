"""A new model: random weights, and outputs of the size that the data have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from equical.errors import InputError
from equical.model import Potential
from equical.model.generations import AnyConfig, build_network
from equical.training.config import TrainConfig
from equical.training.data.elements import symbol
from equical.training.data.samples import Sample

__all__ = ["new_model"]

LARGEST = 1e9
"""Parameters: 20 GB with gradients, averages and the memory of the optimiser; published models have up to 1.6e8."""


WIDTHS = "channels, attention_hidden, ffn_hidden, edge_channels"
"""What makes a network wide, except in the first generation."""


def new_model(config: TrainConfig, train: Sequence[Sample], references: Mapping[int, float]) -> Potential:
    """A network with random weights, by the seed of the run, whose outputs have the size of the data.

    Args:
        config: of the run.
        train: what it will learn from.
        references: eV for each atomic number.

    Raises:
        InputError: the tables of the network are too small for an element, or the network is larger than any memory.
    """
    model = config.model
    assert model is not None
    if "avg_degree" not in model.model_fields_set:
        edges = sum(sample.graph.num_edges for sample in train) / sum(sample.graph.num_atoms for sample in train)
        model = model.model_copy(update={"avg_degree": max(round(edges, 2), 1.0)})
    if max(references) >= model.max_elements:
        raise InputError(f"model.max_elements is {model.max_elements}; {symbol(max(references))} needs a larger table")
    _require_size(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        scale = _energy_scale(train, references)
        kind = config.energy_kind or "total"
        return Potential(model, sorted(references), references, scale, kind, config.precision)


def _require_size(model: AnyConfig) -> None:
    """Refuse a network that no machine can train, before memory is asked for.

    Raises:
        InputError: it has too many parameters.
    """
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build_network(model).parameters())
    if count > LARGEST:
        raise InputError(
            f"model: the network has {count:.3g} parameters, and {LARGEST:.0e} are the most; choose fewer channels "
            f"({'irreps, head_irreps, ffn_irreps' if model.generation == 'v1' else WIDTHS}) or layers"
        )


def _energy_scale(train: Sequence[Sample], references: Mapping[int, float]) -> float:
    """Root mean square of the force components (eV/Å), or without forces of the energies per atom (eV)."""
    forces = torch.cat([sample.forces[sample.force_weight > 0] for sample in train])
    rms = float(forces.double().square().mean().sqrt()) if len(forces) else 0.0
    if rms < 1e-6:
        left = [
            (sample.energy - sum(references[z] for z in sample.graph.numbers.tolist())) / sample.graph.num_atoms
            for sample in train
        ]
        rms = float(np.sqrt(np.mean(np.square(left))))
    return rms if rms > 1e-6 else 1.0
