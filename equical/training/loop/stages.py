"""One stage of a run: its model, loss, optimiser and averaged weights, and their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from equical.errors import InputError
from equical.model import Potential, parse_config
from equical.model.generations import AnyConfig
from equical.model.v1.network import EquiformerV1
from equical.model.v2.network import EquiformerV2
from equical.training.config import StageConfig
from equical.training.data.samples import Sample
from equical.training.loop.ema import MovingAverage
from equical.training.loop.loss import LossTerm, NoiseSize, NoiseTerm, loss_terms
from equical.training.loop.optimizer import make_optimizer, plain_state, trainable_names

__all__ = ["Stage", "begin_stage", "check_plan", "labelled_terms", "plain_potential", "stage_architecture"]
__all__ += ["stage_potential"]

HEADS = ("forces", "direct_stress", "stress", "stress_layers", "denoising")
"""Keys of an architecture that leave the network itself, and what it sees of a structure, as they are."""


@dataclass
class Stage:
    """What changes from step to step, apart from counters.

    Attributes:
        config: settings.
        potential: the model being trained.
        terms: of the loss, only those that the data have labels for.
        optimizer: over the potential's parameters.
        average: moving average of its weights.
    """

    config: StageConfig
    potential: Potential
    terms: list[LossTerm]
    optimizer: torch.optim.Optimizer
    average: MovingAverage

    @property
    def judged_terms(self) -> list[LossTerm]:
        """Terms that a clean pass has: what models are compared by."""
        return [term for term in self.terms if not isinstance(term, NoiseTerm | NoiseSize)]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.potential.reference_energies.device

    def coefficients(self, share: float) -> list[float]:
        """Weight of each term when ``share`` of the stage is done."""
        decaying = self.config.denoising.weight_at(share)
        return [decaying if isinstance(term, NoiseTerm) else term.coefficient for term in self.terms]

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and average, for :meth:`load`."""
        return {
            "model": self.potential.state_dict(),
            "optimizer": plain_state(self.optimizer),
            "average": self.average.weights,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self.potential.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load(state["average"])

    def averaged_weights(self) -> list[Tensor]:
        """A copy of the averaged weights."""
        return [weight.clone() for weight in self.average.weights]


def begin_stage(
    config: StageConfig, before: Potential, samples: Sequence[Sample], device: torch.device, seed: int
) -> Stage:
    """Set up a stage that goes on from the weights of ``before``; new heads start at random, by ``seed``."""
    denoising = config.denoising.probability > 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        potential = stage_potential(before, {"denoising": denoising, **config.model}).to(device)
    if denoising:
        sigma = config.denoising.sigma
        potential.scales = replace(potential.scales, noise=sigma if isinstance(sigma, float) else sigma[1])
    optimizer = make_optimizer(potential, config.optimizer)
    average = MovingAverage(list(potential.parameters()), config.optimizer.ema_decay)
    return Stage(config, potential, labelled_terms(config, samples, potential), optimizer, average)


def check_plan(plan: Sequence[StageConfig], potential: Potential, samples: Sequence[Sample]) -> None:
    """Refuse a stage that could not begin, now and not after hours.

    Raises:
        InputError: the architecture, the terms of the loss or the frozen parts of a stage make no sense.
    """
    with torch.random.fork_rng(devices=[]):
        for stage in plan:
            potential = stage_potential(potential, {"denoising": stage.denoising.probability > 0, **stage.model})
            labelled_terms(stage, samples, potential)
            trainable_names(potential, stage.optimizer.freeze)


def stage_potential(before: Potential, changes: dict[str, Any]) -> Potential:
    """The same model with other heads: shared weights are kept, new heads start at random, lost ones are dropped.

    Raises:
        InputError: see :func:`stage_architecture`.
    """
    config = stage_architecture(before.config, changes)
    if config == before.config:
        return before
    known = {z: float(before.reference_energies[z]) for z in before.elements}
    after = Potential(config, before.elements, known, before.scales, before.energy_kind, before.dtype)
    shared = {name: value for name, value in before.state_dict().items() if name in after.state_dict()}
    after.load_state_dict(shared, strict=False)
    if before.network.force_embedding is not None and after.network.force_embedding is None:
        _keep_bias(before.network, after.network)
    return after.to(before.reference_energies.device)


def stage_architecture(before: AnyConfig, changes: dict[str, Any]) -> AnyConfig:
    """The architecture of a stage.

    Raises:
        InputError: ``changes`` has a key or value that such a model cannot have, or changes more than heads.
    """
    try:
        config = parse_config({**before.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"][1:]))
        if first["type"] == "extra_forbidden":
            origin = "are the gradient of its energy" if before.conservative else "come from a head of their own"
            made = f" (its forces {origin})" if key == "forces" else ""
            raise InputError(f"stage: an Equiformer{before.generation.upper()} model has no {key}{made}") from error
        raise InputError(f"stage: model.{key}: {first['msg']}") from error
    other = [key for key in changes if key not in HEADS and getattr(config, key) != getattr(before, key)]
    if other:
        raise InputError(f"stage: changing {', '.join(other)} changes the network itself; stages can change heads")
    return config


def _keep_bias(before: nn.Module, after: nn.Module) -> None:
    """Put the bias of a force encoding, which in V1 and V2 reaches every atom in every pass, into the embedding of the
    atoms; V3 has none."""
    for kind in (EquiformerV1, EquiformerV2):
        if isinstance(before, kind) and isinstance(after, kind):
            assert before.force_embedding is not None
            bias = before.force_embedding.linear.bias
            assert bias is not None
            with torch.no_grad():
                after.atom_embedding.table.weight += bias


def plain_potential(potential: Potential) -> Potential:
    """The model without what only DeNS needs, which is what a clean pass computes."""
    return stage_potential(potential, {"denoising": False})


def labelled_terms(config: StageConfig, samples: Sequence[Sample], potential: Potential) -> list[LossTerm]:
    """Terms of the loss that some sample has a label for and that the model can predict.

    Raises:
        InputError: none is left, or DeNS is asked for without forces.
    """
    forces = any(bool((sample.force_weight > 0).any()) for sample in samples)
    stress = potential.predicts_stress and any(sample.has_stress for sample in samples)
    present = {"energy": True, "forces": forces, "stress": stress}
    terms = [term for term in loss_terms(config.loss) if present[term.name]]
    if not terms:
        raise InputError("the loss has no term with a positive weight and labels in the data")
    if config.denoising.probability > 0:
        if not forces:
            raise InputError("denoising encodes forces, and the data have none; set denoising.probability to 0")
        terms += [NoiseTerm(config.denoising.weight), NoiseSize()]
    return terms
