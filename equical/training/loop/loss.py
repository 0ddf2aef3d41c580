"""The loss: a weighted sum of terms, each a mean in physical units over everything that has the label."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from equical.prediction import Prediction
from equical.training.config import LossConfig
from equical.training.data.batching import TrainingBatch

__all__ = ["EnergyTerm", "ForcesTerm", "LossTerm", "NoiseSize", "NoiseTerm", "StressTerm", "loss_sums"]
__all__ += ["loss_terms"]


@dataclass(frozen=True)
class LossTerm(ABC):
    """One term: Σ_k w_k · error_k / Σ_k w_k over the structures or atoms that carry the label.

    Attributes:
        coefficient: its factor in the total loss.
        name: of the labels.
        column: name with unit, in tables.
    """

    coefficient: float
    name: ClassVar[str]
    column: ClassVar[str]

    @abstractmethod
    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Error and weight of each structure or atom."""


@dataclass(frozen=True)
class EnergyTerm(LossTerm):
    """|ΔE| / atoms in eV; Huber below ``delta`` (eV per atom) if that is given."""

    delta: float | None = None
    name = "energy"
    column = "energy_eV_per_atom"

    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        error = (prediction.energy - batch.energy) / batch.atoms
        return _huber(error.abs(), self.delta), batch.weight


@dataclass(frozen=True)
class ForcesTerm(LossTerm):
    """‖ΔF‖ of each atom in eV/Å (L2-MAE); Huber below ``delta`` (eV/Å) if that is given."""

    delta: float | None = None
    name = "forces"
    column = "forces_eV_per_A"

    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        assert prediction.forces is not None
        return _huber(_norm(prediction.forces - batch.forces, dims=(-1,)), self.delta), batch.force_weight


@dataclass(frozen=True)
class StressTerm(LossTerm):
    """‖Δσ‖ of each structure, Frobenius norm, in eV/Å³."""

    name = "stress"
    column = "stress_eV_per_A3"

    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        assert prediction.stress is not None
        labelled = batch.stress_weight > 0
        difference = torch.where(labelled[:, None, None], prediction.stress - batch.stress, 0.0)
        return _norm(difference, dims=(-2, -1)), batch.stress_weight


@dataclass(frozen=True)
class NoiseTerm(LossTerm):
    """‖noise − prediction‖ / σ on each atom that DeNS displaced."""

    name = "noise"
    column = "noise_sigma"

    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        if batch.encoding is None or batch.noise is None:
            return torch.zeros_like(batch.energy), torch.zeros_like(batch.energy)
        assert prediction.noise is not None
        return _norm(prediction.noise - batch.noise, dims=(-1,)), batch.encoding.mask * batch.atom_weight


@dataclass(frozen=True)
class NoiseSize(LossTerm):
    """‖noise‖ / σ on each atom that DeNS displaced: the noise error of a model that has learnt nothing of it.

    No part of the loss; the measure of :class:`NoiseTerm`.
    """

    coefficient: float = 0.0
    name = "noise size"
    column = "noise_size_sigma"

    def errors(self, prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        if batch.encoding is None or batch.noise is None:
            return torch.zeros_like(batch.energy), torch.zeros_like(batch.energy)
        return _norm(batch.noise, dims=(-1,)), batch.encoding.mask * batch.atom_weight


def loss_terms(config: LossConfig) -> list[LossTerm]:
    """The terms with a positive weight."""
    energy, forces, stress = config.energy, config.forces, config.stress
    terms: list[LossTerm] = [
        EnergyTerm(energy.weight, energy.delta if energy.kind == "huber" else None),
        ForcesTerm(forces.weight, forces.delta if forces.kind == "huber" else None),
        StressTerm(stress.weight),
    ]
    return [term for term in terms if term.coefficient > 0]


def loss_sums(terms: Sequence[LossTerm], prediction: Prediction, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Weighted sum of errors and sum of weights of each term, ``[terms]`` float64 each.

    They come apart so that several processes can share one batch.
    """
    sums, totals = [], []
    for term in terms:
        error, weight = term.errors(prediction, batch)
        sums.append((error * weight).sum(dtype=torch.float64))
        totals.append(weight.sum(dtype=torch.float64))
    return torch.stack(sums), torch.stack(totals)


def _huber(error: Tensor, delta: float | None) -> Tensor:
    """Below ``delta`` e²/(2δ), above it e − δ/2."""
    if delta is None:
        return error
    return torch.where(error < delta, 0.5 * error * error / delta, error - 0.5 * delta)


def _norm(difference: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Length with a finite derivative at zero."""
    square = difference.square().sum(dim=dims)
    nonzero = square > 0
    return torch.where(nonzero, torch.where(nonzero, square, 1.0).sqrt(), 0.0)
