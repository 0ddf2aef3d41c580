"""From a configuration to what the loop works on: split samples and a model with reference energies and scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from equical.errors import InputError
from equical.files import file_sha256
from equical.model import Potential
from equical.model.generations import AnyConfig
from equical.model.potential import EnergyKind
from equical.training.config import DataConfig, TrainConfig
from equical.training.data.batching import collate, plan_batches
from equical.training.data.dataset import Frame, Sample, is_lone_atom, make_samples, read_frames, without_large_forces
from equical.training.data.neighborhood import Neighborhood
from equical.training.data.splitting import split_frames
from equical.training.data.zero import find_zero, symbol
from equical.training.loop.metrics import error_summary
from equical.training.loop.stages import labelled_terms, stage_architecture
from equical.training.loop.step import evaluate

if TYPE_CHECKING:
    from equical.checkpoint import Checkpoint

__all__ = ["Prepared", "prepare"]

Report = Callable[[str], None]

LARGE_ADSORPTION_ENERGY = 1.0
"""eV per atom of a structure. An adsorbate binds with a few eV, and the slab below it has ten atoms and more."""


@dataclass(frozen=True)
class Prepared:
    """What a run starts from.

    Attributes:
        train: samples to learn from, each once.
        epoch: samples of one epoch; those of repeated data sets are in it several times.
        valid: samples held out.
        potential: the model before the first step.
        neighborhood: how it looks at a structure.
        provenance: data sets with hashes and counts, for the model's metadata.
        frames: training and validation structures as read.
        baseline: errors of the starting model on the validation data after the shift of reference energies; None for a
            new model.
    """

    train: list[Sample]
    epoch: list[Sample]
    valid: list[Sample]
    potential: Potential
    neighborhood: Neighborhood
    provenance: dict[str, Any]
    frames: tuple[list[Frame], list[Frame]]
    baseline: dict[str, float] | None = None


def prepare(config: TrainConfig, report: Report = print) -> Prepared:
    """Read data, split it, build neighbour graphs, fit reference energies and make the model.

    Args:
        config: of the run.
        report: receives lines for the user.

    Raises:
        InputError: files, labels, split or model are not usable.
    """
    kept, held_out = _read_and_split(config, report)
    checkpoint = _load_base(config)
    base = None if checkpoint is None else checkpoint.potential
    model = base.config if base is not None else config.model
    assert model is not None
    architecture: AnyConfig = model
    for stage in config.plan:  # refused now, not after hours
        architecture = stage_architecture(architecture, stage.model)
    neighborhood = Neighborhood.of(model)
    train = list(make_samples(kept, neighborhood, config.precision))
    valid = list(make_samples(held_out, neighborhood, config.precision))
    if base is None:
        zero = find_zero(config, train)
        potential = _new_model(config, train, zero.references)
        _check_coverage(potential.elements, [*train, *valid], "no training structure has it")
    else:
        elements, kind = _elements_of(config, base, [*train, *valid]), _energy_kind(config, base, train)
        zero = find_zero(config, train, _energies(base, train, config), _references(base))
        potential = with_references(base, zero.references, elements, kind)
    for line in zero.lines:
        report(line)
    train, valid = [zero.shifted(sample) for sample in train], [zero.shifted(sample) for sample in valid]
    provenance = {
        "data": [_describe(data, train, valid) for data in (*config.data, *config.validation.data)],
        "starting_model": None if checkpoint is None else {"name": checkpoint.name, "sha256": checkpoint.sha256},
        "training_structures": len(train),
        "validation_structures": len(valid),
        "reference_rmse_meV_per_atom": 1000 * zero.rmse,
    }
    report(_size_line(train, valid, potential))
    baseline = None if base is None else _baseline(potential, config, train, valid, report)
    epoch = _repeated(train, config.data, report)
    return Prepared(train, epoch, valid, potential, neighborhood, provenance, (kept, held_out), baseline)


def with_references(
    before: Potential, references: Mapping[int, float], elements: Sequence[int], energy_kind: EnergyKind
) -> Potential:
    """The same model with other reference energies, elements and meaning of its energies."""
    after = Potential(before.config, elements, references, before.scales, energy_kind, before.dtype)
    after.load_state_dict(before.state_dict())
    return after


def _energy_kind(config: TrainConfig, base: Potential, train: Sequence[Sample]) -> EnergyKind:
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


def _repeated(train: list[Sample], data: Sequence[DataConfig], report: Report) -> list[Sample]:
    """Each training structure as often as its data set is to be seen in an epoch."""
    times = {one.label: one.repeat for one in data}
    for label, repeat in times.items():
        if repeat > 1:
            report(f"{label}: each structure {repeat} times an epoch")
    return [sample for sample in train for _ in range(times[sample.dataset])]


def _read_and_split(config: TrainConfig, report: Report) -> tuple[list[Frame], list[Frame]]:
    frames = [frame for data in config.data for frame in _read(data, report)]
    if config.validation.data:
        return frames, [frame for data in config.validation.data for frame in _read(data, report)]
    whole = {data.label for data in config.data if not data.split}
    undivided = [frame.dataset in whole or is_lone_atom(frame.atoms) for frame in frames]
    divided = [frame for frame, stays in zip(frames, undivided, strict=True) if not stays]
    kept, held_out = split_frames(divided, config.validation.fraction, config.seed)
    kept += [frame for frame, stays in zip(frames, undivided, strict=True) if stays]
    if not kept:
        raise InputError("no frame is left for training; lower validation.fraction")
    return kept, held_out


def _read(data: DataConfig, report: Report) -> list[Frame]:
    frames = read_frames(data)
    kept = without_large_forces(frames, data.max_force)
    if len(kept) < len(frames):
        left_out = f"{len(frames) - len(kept)} of {len(frames)} frames"
        report(f"{data.label}: left out {left_out} with a force above {data.max_force} eV/Å")
    if not kept:
        raise InputError(f"{data.label}: every frame has a force above max_force {data.max_force} eV/Å; raise it")
    return kept


def _load_base(config: TrainConfig) -> Checkpoint | None:
    if config.start_from is None:
        return None
    from equical.checkpoint import load_checkpoint

    return load_checkpoint(config.start_from, dtype=config.precision)


def _references(potential: Potential) -> dict[int, float]:
    return {z: float(potential.reference_energies[z]) for z in potential.elements}


def _energies(potential: Potential, samples: Sequence[Sample], config: TrainConfig) -> list[float]:
    """eV, the model's energy of each sample."""
    batch = config.training.batch
    energies: list[float] = []
    for members in plan_batches(
        samples, range(len(samples)), max_atoms=2 * batch.max_atoms, max_edges=2 * batch.max_edges
    ):
        graph = collate([samples[index] for index in members]).graph
        energies += potential.predict(graph, forces=False).energy.tolist()
    return energies


def _baseline(
    potential: Potential, config: TrainConfig, train: list[Sample], valid: list[Sample], report: Report
) -> dict[str, float]:
    """Errors of the starting model, with reference energies shifted, on the validation data."""
    stage = config.plan[0]
    evaluation = evaluate(
        potential,
        valid or train,
        labelled_terms(stage, train, potential),
        max_atoms=2 * stage.batch.max_atoms,
        max_edges=2 * stage.batch.max_edges,
        skip_fixed=stage.loss.forces.skip_fixed,
        bfloat16=config.dtype == "bfloat16",
    )
    errors = error_summary(evaluation.comparison)
    forces = f", F MAE {errors['forces_mae_meV_per_A']:.2f} meV/Å" if "forces_mae_meV_per_A" in errors else ""
    report(f"starting model on these data: E RMSE {errors['energy_rmse_meV_per_atom']:.2f} meV/atom{forces}")
    return errors


def _new_model(config: TrainConfig, train: Sequence[Sample], references: dict[int, float]) -> Potential:
    """A network with random weights whose outputs have the size of the data."""
    model = config.model
    assert model is not None
    if "avg_degree" not in model.model_fields_set:
        edges = sum(sample.graph.num_edges for sample in train) / sum(sample.graph.num_atoms for sample in train)
        model = model.model_copy(update={"avg_degree": max(round(edges, 2), 1.0)})
    if max(references) >= model.max_elements:
        raise InputError(f"model.max_elements is {model.max_elements}; {symbol(max(references))} needs a larger table")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        scale = _energy_scale(train, references)
        kind = config.energy_kind or "total"
        return Potential(model, sorted(references), references, scale, kind, config.precision)


def _energy_scale(train: Sequence[Sample], references: dict[int, float]) -> float:
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


def _elements_of(config: TrainConfig, base: Potential, samples: Sequence[Sample]) -> list[int]:
    """Elements of the adapted model.

    Raises:
        InputError: the data have elements that the starting model was not trained for, unless that is wanted.
    """
    if not config.new_elements:
        advice = "its weights for a new element are random; to train them anyway, set new_elements (--new-elements)"
        _check_coverage(base.elements, samples, advice)
        return list(base.elements)
    present = {z for sample in samples for z in sample.graph.numbers.tolist()}
    if max(present) >= base.config.max_elements:
        raise InputError(f"the starting model has no room for {symbol(max(present))}; its tables end before it")
    return sorted(present.union(base.elements))


def _check_coverage(elements: Sequence[int], samples: Sequence[Sample], advice: str) -> None:
    covered = set(elements)
    for sample in samples:
        new = sorted(set(sample.graph.numbers.tolist()) - covered)
        if new:
            names = ", ".join(symbol(z) for z in new)
            known = ", ".join(symbol(z) for z in sorted(covered))
            raise InputError(f"{sample.origin}: the model does not cover {names} (it covers {known}); {advice}")


def _describe(data: DataConfig, train: Sequence[Sample], valid: Sequence[Sample]) -> dict[str, Any]:
    return {
        "name": data.label,
        "files": [{"file": path.name, "sha256": file_sha256(path)} for path in data.paths],
        "training_structures": sum(sample.dataset == data.label for sample in train),
        "validation_structures": sum(sample.dataset == data.label for sample in valid),
    }


def _size_line(train: Sequence[Sample], valid: Sequence[Sample], potential: Potential) -> str:
    atoms, edges = (sum(getattr(s.graph, name) for s in train) for name in ("num_atoms", "num_edges"))
    parameters = sum(parameter.numel() for parameter in potential.parameters())
    return (
        f"{len(train)} training structures ({atoms} atoms, {edges} edges), {len(valid)} for validation; "
        f"{parameters:,} parameters"
    )
