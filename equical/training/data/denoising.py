"""DeNS: learn from structures out of equilibrium by moving atoms and asking for both the noise and the old forces.

Some atoms of a structure are displaced at random. The network sees the displaced structure and, on the displaced atoms,
the forces they had before, without which the original structure would not be determined. It predicts the energy of the
original structure, the forces on atoms that stayed, and the noise on those that did not (Liao, Smidt, Das,
arXiv 2403.09549).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equical.errors import InputError
from equical.graph import AtomGraph
from equical.model import ForceEncoding
from equical.training.config import DenoisingConfig
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import Sample

__all__ = ["Corruption", "corrupt", "corrupt_some"]

ATTEMPTS = 10
"""Draws of noise before a structure whose atoms keep colliding is left as it is."""


@dataclass(frozen=True)
class Corruption:
    """One structure with displaced atoms, and what a model should make of it.

    Attributes:
        graph: the structure after the displacement, with new edges.
        encoding: the atoms that were displaced, and the forces on them before.
        noise: ``[N, 3]`` displacement in units of the (largest) noise scale; zero where there was none.
    """

    graph: AtomGraph
    encoding: ForceEncoding
    noise: Tensor


def corrupt(
    graph: AtomGraph,
    forces: Tensor,
    rng: np.random.Generator,
    settings: DenoisingConfig,
    *,
    neighbor_rules: NeighborRules,
    free: Tensor | None = None,
) -> Corruption | None:
    """Displace atoms of one structure. The same generator state gives the same result; nothing is changed in place.

    Args:
        graph: one structure.
        forces: ``[N, 3]`` eV/Å, its labels.
        rng: source of all random numbers.
        settings: noise, ratio of atoms, and which structures to leave alone.
        neighbor_rules: how to find the new edges.
        free: ``[N]`` bool; the other atoms are neither moved nor shown. All by default.

    Returns:
        None for a structure that the settings exclude: too few atoms, too large a force, or too many atoms drawn.
    """
    count = graph.num_atoms
    if settings.max_force is not None and float(forces.norm(dim=-1).max()) > settings.max_force:
        return None
    may_move = np.ones(count, dtype=bool) if free is None else free.cpu().numpy()
    drawn = rng.random(count) < (1.0 if settings.ratio is None else settings.ratio)
    moved = drawn & may_move
    too_many = settings.ratio is not None and moved.sum() > settings.max_ratio * count
    if count < settings.min_atoms or too_many or not moved.any():
        return None
    sigma, unit = _noise_scale(rng, settings)
    positions = graph.positions.double().cpu().numpy()
    for _ in range(ATTEMPTS):
        noise = rng.normal(scale=sigma, size=(count, 3)) * moved[:, None]
        try:
            corrupted = neighbor_rules.moved(graph, positions + noise)
        except InputError:  # atoms on top of each other
            continue
        mask = torch.from_numpy(moved)
        shown = torch.where(mask[:, None], forces, torch.zeros_like(forces))
        return Corruption(corrupted, ForceEncoding(shown, mask), torch.from_numpy(noise / unit).to(forces))
    return None


def corrupt_some(
    samples: Sequence[Sample],
    indices: Sequence[int],
    settings: DenoisingConfig,
    *,
    seed: tuple[int, ...],
    neighbor_rules: NeighborRules,
) -> list[Corruption | None]:
    """Decide which samples of a batch are corrupted, and corrupt them.

    Each sample has a generator of its own, made from ``seed`` and its index, so the outcome does not depend on how
    samples are shared between processes.

    Args:
        samples: structures with labels.
        indices: number of each in the data.
        settings: of DeNS; the choice is made for each structure or once for the batch.
        seed: of this step.
        neighbor_rules: how to find the new edges.
    """
    together = np.random.default_rng(seed).random() < settings.probability
    result: list[Corruption | None] = []
    for sample, index in zip(samples, indices, strict=True):
        rng = np.random.default_rng([*seed, index])
        chosen = rng.random() < settings.probability if settings.choose == "structure" else together
        usable = sample.denoise and bool((sample.force_weight > 0).all())
        if chosen and usable:
            result.append(
                corrupt(sample.graph, sample.forces, rng, settings, neighbor_rules=neighbor_rules, free=sample.free)
            )
        else:
            result.append(None)
    return result


def _noise_scale(rng: np.random.Generator, settings: DenoisingConfig) -> tuple[float, float]:
    """Standard deviation of the noise on one structure, and the unit that targets are given in, Å."""
    if isinstance(settings.sigma, float):
        return settings.sigma, settings.sigma
    low, high = settings.sigma
    return float(rng.choice(np.geomspace(low, high, settings.scales))), high
