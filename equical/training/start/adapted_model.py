"""A model to go on from, with the data's zero of energy, elements and meaning of energies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from equical.errors import InputError
from equical.model import Potential
from equical.model.frozen import freeze
from equical.model.potential import EnergyKind
from equical.training.config import StageConfig, TrainConfig
from equical.training.data.batching import collate, plan_batches
from equical.training.data.elements import require_covered, symbol
from equical.training.data.samples import Sample
from equical.training.loop.evaluate import EVALUATION_FACTOR, evaluate_samples
from equical.training.loop.stages import labelled_terms
from equical.training.report.metrics import error_summary

__all__ = ["adapted_elements", "adapted_energy_kind", "baseline_errors", "predicted_energies", "with_references"]

LARGE_ADSORPTION_ENERGY = 1.0
"""eV per atom of a structure. An adsorbate binds with a few eV, and the slab below it has ten atoms and more."""


def with_references(
    before: Potential, references: Mapping[int, float], elements: Sequence[int], energy_kind: EnergyKind
) -> Potential:
    """The same model with other reference energies (eV), elements and meaning of its energies."""
    after = Potential(before.config, elements, references, before.scales, energy_kind, before.dtype)
    after.load_state_dict(before.state_dict())
    return after


def predicted_energies(potential: Potential, samples: Sequence[Sample], stage: StageConfig) -> list[float]:
    """eV, the model's energy of each sample, in batches as ``stage`` has them."""
    energies: list[float] = []
    frozen = freeze(potential)
    for members in plan_batches(
        samples,
        range(len(samples)),
        max_atoms=EVALUATION_FACTOR * stage.batch.max_atoms,
        max_edges=EVALUATION_FACTOR * stage.batch.max_edges,
    ):
        graph = collate([samples[index] for index in members]).graph
        energies += frozen.predict(graph, forces=False).energy.tolist()
    return energies


def baseline_errors(
    potential: Potential, config: TrainConfig, train: list[Sample], valid: list[Sample]
) -> dict[str, float]:
    """Errors of the starting model, with reference energies shifted, on the validation data."""
    stage = config.plan[0]
    evaluation = evaluate_samples(
        potential,
        valid or train,
        labelled_terms(stage, train, potential),
        max_atoms=EVALUATION_FACTOR * stage.batch.max_atoms,
        max_edges=EVALUATION_FACTOR * stage.batch.max_edges,
        skip_fixed=stage.loss.forces.skip_fixed,
        bfloat16=config.dtype == "bfloat16",
    )
    return error_summary(evaluation.comparison)


def adapted_energy_kind(config: TrainConfig, base: Potential, train: Sequence[Sample]) -> EnergyKind:
    """What the adapted model's energies are.

    Raises:
        InputError: the starting model's are adsorption energies, those in the data look like total energies, and the
            configuration does not say what they are.
    """
    if config.energy_kind is not None:
        return config.energy_kind
    size = float(np.mean([abs(sample.energy) / sample.graph.num_atoms for sample in train]))
    if base.energy_kind == "adsorption" and size > LARGE_ADSORPTION_ENERGY:
        raise InputError(
            f"the starting model predicts adsorption energies, and the energies in the data, {size:.1f} eV per atom in "
            "size, look like total energies; say which they are with energy_kind (--energy-kind): total or adsorption"
        )
    return base.energy_kind


def adapted_elements(config: TrainConfig, base: Potential, samples: Sequence[Sample]) -> list[int]:
    """Elements of the adapted model.

    Raises:
        InputError: the data have elements that the starting model was not trained for, unless that is wanted.
    """
    if not config.new_elements:
        advice = "its weights for a new element are random; to train them anyway, set new_elements (--new-elements)"
        require_covered(base.elements, samples, advice)
        return list(base.elements)
    present = {z for sample in samples for z in sample.graph.numbers.tolist()}
    if max(present) >= base.config.max_elements:
        raise InputError(f"the starting model has no room for {symbol(max(present))}; its tables end before it")
    return sorted(present.union(base.elements))
