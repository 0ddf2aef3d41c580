"""From a configuration to what the loop starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from equical.files import file_sha256
from equical.model import Potential
from equical.model.generations import AnyConfig
from equical.training.config import DataConfig, TrainConfig
from equical.training.data.elements import require_covered
from equical.training.data.energy_zero import EnergyZero, find_energy_zero
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import Sample, make_samples
from equical.training.loop.stages import stage_architecture
from equical.training.loop.starting_point import StartingPoint
from equical.training.start.adapted_model import (
    adapted_elements,
    adapted_energy_kind,
    baseline_errors,
    predicted_energies,
    with_references,
)
from equical.training.start.new_model import new_model
from equical.training.start.read import read_and_split

if TYPE_CHECKING:
    from equical.checkpoint import Checkpoint

__all__ = ["prepare"]

Report = Callable[[str], None]


def prepare(config: TrainConfig, report: Report = print) -> StartingPoint:
    """Read data, split it, build neighbour graphs, fit reference energies and make the model.

    Args:
        config: of the run.
        report: receives lines for the user.

    Raises:
        InputError: files, labels, split or model are not usable.
    """
    frames = read_and_split(config, report)
    checkpoint = _load_base(config)
    base = None if checkpoint is None else checkpoint.potential
    model = base.config if base is not None else config.model
    assert model is not None
    architecture: AnyConfig = model
    for stage in config.plan:  # refused now, not after hours
        architecture = stage_architecture(architecture, stage.model)
    rules = NeighborRules.of(model)
    train, valid = (list(make_samples(side, rules, config.precision)) for side in frames)
    if base is None:
        energy_zero = find_energy_zero(config, train)
        potential = new_model(config, train, energy_zero.references)
        require_covered(potential.elements, [*train, *valid], "no training structure has it")
    else:
        potential, energy_zero = _adapted(config, base, train, valid)
    for line in energy_zero.lines:
        report(line)
    train, valid = ([energy_zero.shifted(sample) for sample in side] for side in (train, valid))
    report(_size_line(train, valid, potential))
    baseline = None
    if base is not None:
        baseline = baseline_errors(potential, config, train, valid)
        report(_baseline_line(baseline))
    epoch = _repeated(train, config.data, report)
    provenance = _provenance(config, checkpoint, train, valid) | {
        "reference_rmse_meV_per_atom": 1000 * energy_zero.rmse
    }
    return StartingPoint(train, epoch, valid, potential, rules, provenance, frames, baseline)


def _load_base(config: TrainConfig) -> Checkpoint | None:
    if config.start_from is None:
        return None
    from equical.checkpoint import load_checkpoint

    return load_checkpoint(config.start_from, dtype=config.precision)


def _adapted(
    config: TrainConfig, base: Potential, train: list[Sample], valid: list[Sample]
) -> tuple[Potential, EnergyZero]:
    """The starting model with the data's zero of energy, and how that was found."""
    elements = adapted_elements(config, base, [*train, *valid])
    kind = adapted_energy_kind(config, base, train)
    references = {z: float(base.reference_energies[z]) for z in base.elements}
    energy_zero = find_energy_zero(config, train, predicted_energies(base, train, config.training), references)
    return with_references(base, energy_zero.references, elements, kind), energy_zero


def _provenance(
    config: TrainConfig, checkpoint: Checkpoint | None, train: Sequence[Sample], valid: Sequence[Sample]
) -> dict[str, Any]:
    return {
        "data": [_described_data(data, train, valid) for data in (*config.data, *config.validation.data)],
        "starting_model": None if checkpoint is None else {"name": checkpoint.name, "sha256": checkpoint.sha256},
        "training_structures": len(train),
        "validation_structures": len(valid),
    }


def _described_data(data: DataConfig, train: Sequence[Sample], valid: Sequence[Sample]) -> dict[str, Any]:
    return {
        "name": data.label,
        "files": [{"file": path.name, "sha256": file_sha256(path)} for path in data.paths],
        "training_structures": sum(sample.dataset == data.label for sample in train),
        "validation_structures": sum(sample.dataset == data.label for sample in valid),
    }


def _repeated(train: list[Sample], data: Sequence[DataConfig], report: Report) -> list[Sample]:
    """Each training structure as often as its data set is to be seen in an epoch."""
    times = {one.label: one.repeat for one in data}
    for label, repeat in times.items():
        if repeat > 1:
            report(f"{label}: each structure {repeat} times an epoch")
    return [sample for sample in train for _ in range(times[sample.dataset])]


def _baseline_line(errors: dict[str, float]) -> str:
    forces = f", F MAE {errors['forces_mae_meV_per_A']:.2f} meV/Å" if "forces_mae_meV_per_A" in errors else ""
    return f"starting model on these data: E RMSE {errors['energy_rmse_meV_per_atom']:.2f} meV/atom{forces}"


def _size_line(train: Sequence[Sample], valid: Sequence[Sample], potential: Potential) -> str:
    atoms, edges = (sum(getattr(s.graph, name) for s in train) for name in ("num_atoms", "num_edges"))
    parameters = sum(parameter.numel() for parameter in potential.parameters())
    return (
        f"{len(train)} training structures ({atoms} atoms, {edges} edges), {len(valid)} for validation; "
        f"{parameters:,} parameters"
    )
