"""Give a trained EquiformerV3 one more degree, such that it predicts what it did before and learns on from there.

    python examples/recipes/universal/grow.py models/universal-mini grown/

A training from scratch with the larger network would learn again, at its price, what the smaller one knows already.
"""

from math import sqrt
from pathlib import Path

import click
import torch
from torch import nn

from equical import InputError
from equical.checkpoint import load_checkpoint, save_checkpoint
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.potential import Potential
from equical.model.v3.config import ModelConfig
from equical.model.v3.network import Equiformer
from equical.model.v3.norm import MergedLayerNorm


@torch.no_grad()
def grow(potential: Potential) -> Potential:
    """The same function of positions and elements, but for the epsilons of norms, with ``lmax + 1``.

    What reads the new degree starts at random and what writes it on atoms starts at zero, so that nothing changes at
    first and gradients reach all of it.

    Args:
        potential: a conservative, mirror-symmetric V3 model with narrow messages and gates on edges.

    Raises:
        InputError: another architecture.
    """
    config = potential.config
    narrow = isinstance(config, ModelConfig) and config.mirror and config.message_channels is not None
    if not narrow or config.edge_activation != "gate":
        raise InputError("Only mirror-symmetric V3 models with narrow messages and gates on edges can grow.")
    if not config.conservative or config.denoising:
        raise InputError("Only models without heads for forces or noise can grow; train those anew.")
    references = dict(enumerate(potential.reference_energies.tolist()))
    larger = config.model_copy(update={"lmax": config.lmax + 1})
    grown = Potential(larger, potential.elements, references, potential.scales, potential.energy_kind, potential.dtype)
    network = grown.network
    assert isinstance(network, Equiformer)
    assert isinstance(potential.network, Equiformer)
    for name, module in network.named_modules():
        _take_over(module, potential.network.get_submodule(name))
    network.edge_degree_embedding.widen.weight[-1] = 0
    for block, before in zip(network.blocks, potential.network.blocks, strict=True):
        _move_gates(block.attention.so2_linear_1, before.attention.so2_linear_1)
        _read_nothing_new(block.attention.so2_linear_2, before.attention.so2_linear_2)
        block.attention.projection.weight[-1] = 0
        block.feedforward.so3_linear_2.weight[-1] = 0
        # A grid of higher degree makes signals and so their products smaller (see sphere_grid).
        block.feedforward.grid_linear_2.weight *= sqrt((config.lmax + 2) / (config.lmax + 1))
    return grown


def _take_over(new: nn.Module, old: nn.Module) -> None:
    """Put the weights of a module itself into those of the larger one; the rest keeps its random start."""
    for name, value in old.named_parameters(recurse=False):
        # Degrees count from zero along every axis that has them, so what is old comes first.
        new.get_parameter(name)[tuple(slice(size) for size in value.shape)] = value
    if isinstance(new, MergedLayerNorm):
        degrees = len(old.weight)
        new.weight *= sqrt(degrees / (degrees + 1))  # the mean square is over one degree more, and that is empty


def _move_gates(new: O2Linear, old: O2Linear) -> None:
    """Rows of order zero are (attention, gates by degree, signal by degree): the gates of the new degree come between.

    They start as those of the degree below.
    """
    for name, value in old.linear_m0.named_parameters():
        rows = new.linear_m0.get_parameter(name)
        rows = rows[:, : value.shape[1]] if rows.dim() == 2 else rows
        rows[new.extra : new.extra + len(value) - old.extra] = value[old.extra :]
        rows[old.extra : new.extra] = value[old.extra - old.outputs : old.extra]


def _read_nothing_new(new: O2Linear, old: O2Linear) -> None:
    """Let the old degrees on an edge come from old degrees alone: here the new one is not empty."""
    for larger, smaller in zip([new.linear_m0.weight, *new.weights], [old.linear_m0.weight, *old.weights], strict=True):
        rows, columns = smaller.shape
        larger[:rows, columns:] = 0


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, help="For the weights that start at random.")
def main(model: Path, output: Path, seed: int) -> None:
    """Write MODEL with one more degree to OUTPUT."""
    torch.manual_seed(seed)
    checkpoint = load_checkpoint(model)
    save_checkpoint(output, grow(checkpoint.potential), {**checkpoint.metadata, "grown_from": checkpoint.sha256})


if __name__ == "__main__":
    main()
