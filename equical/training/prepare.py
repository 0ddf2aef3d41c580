"""From a configuration to what the loop works on: split samples and a model with reference energies and scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from equical.errors import InputError
from equical.model import Potential
from equical.training.checkpointing import file_sha256
from equical.training.config import DataConfig, TrainConfig
from equical.training.dataset import Frame, Sample, make_samples, read_frames
from equical.training.references import ReferenceFit, fit_references
from equical.training.splitting import split_frames

__all__ = ["Prepared", "prepare"]

Report = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """What a run starts from.

    Attributes:
        train, valid: samples.
        potential: the model before the first step.
        provenance: data sets with hashes, counts and split, and reference energies, for the model's metadata.
    """

    train: list[Sample]
    valid: list[Sample]
    potential: Potential
    provenance: dict[str, Any]


def prepare(config: TrainConfig, report: Report = print) -> Prepared:
    """Read data, split it, fit reference energies, build neighbour graphs and the model.

    Args:
        config: of the run.
        report: receives lines for the user.

    Raises:
        InputError: files, labels, split or model are not usable.
    """
    frames = [frame for data in config.data for frame in read_frames(data)]
    held_out = [frame for data in config.validation.data for frame in read_frames(data)]
    if held_out:
        kept = frames
    else:
        kept, held_out = split_frames(frames, config.validation.fraction, config.seed)
    if not kept:
        raise InputError("no frame is left for training; lower validation.fraction")
    shared, own = _fit_all(config, kept, held_out)
    for name, fit in {"": shared, **own}.items():
        for line in fit.report():
            report(f"{name + ': ' if name else ''}{line}")
    shifts = _shifts(shared, own)
    cutoff, potential = _starting_model(config)
    dtype = getattr(torch, config.dtype)
    train = list(make_samples(kept, cutoff, dtype, shifts))
    valid = list(make_samples(held_out, cutoff, dtype, shifts))
    if potential is None:
        references = {**{z: e for fit in own.values() for z, e in fit.energies.items()}, **shared.energies}
        potential = _new_model(config, train, references)
    _check_coverage(potential, train + valid)
    provenance = {
        "data": [_describe(data, train, valid) for data in (*config.data, *config.validation.data)],
        "training_structures": len(train),
        "validation_structures": len(valid),
        "reference_rmse_meV_per_atom": 1000 * shared.rmse,
    }
    report(_size_line(train, valid, potential))
    return Prepared(train, valid, potential, provenance)


def _fit_all(
    config: TrainConfig, train: Sequence[Frame], valid: Sequence[Frame]
) -> tuple[ReferenceFit, dict[str, ReferenceFit]]:
    """One fit for all data sets that share a zero of energy, and one for each set with its own."""
    separate = {data.label for data in config.data if data.references == "own"}
    for data in config.validation.data:
        if data.references == "own" and data.label not in separate:
            raise InputError(f"validation set {data.label} has references: own but no training set has its name")
    given = _given_references(config)
    shared = [frame for frame in train if frame.dataset not in separate]
    if not shared:
        raise InputError("every data set has references: own; leave one at `shared`, whose zero the model takes")
    fits = {name: _fit([f for f in train if f.dataset == name], config.ridge, {}) for name in sorted(separate)}
    fit = _fit(shared, config.ridge, given)
    covered = set(fit.energies).union(*(other.energies for other in fits.values()))
    for frame in valid:
        for z in np.unique(frame.atoms.numbers):
            if int(z) not in covered:
                raise InputError(f"{frame.origin}: element {_symbol(z)} occurs in validation data only")
    return fit, fits


def _fit(frames: Sequence[Frame], ridge: float, given: dict[int, float]) -> ReferenceFit:
    return fit_references(
        [frame.atoms.numbers for frame in frames], [frame.energy for frame in frames], ridge=ridge, given=given
    )


def _given_references(config: TrainConfig) -> dict[int, float]:
    from ase.data import atomic_numbers

    given = {}
    for symbol, energy in (config.reference_energies or {}).items():
        if symbol not in atomic_numbers:
            raise InputError(f"reference_energies: {symbol!r} is no element")
        given[atomic_numbers[symbol]] = energy
    return given


def _shifts(shared: ReferenceFit, own: dict[str, ReferenceFit]) -> dict[str, dict[int, float]]:
    """What moves the labels of each set with its own zero onto the model's zero, eV per atomic number."""
    return {name: {z: shared.energies.get(z, e) - e for z, e in fit.energies.items()} for name, fit in own.items()}


def _starting_model(config: TrainConfig) -> tuple[float, Potential | None]:
    """Cutoff (Å) and, with ``start_from``, the model."""
    if config.start_from is not None:
        from equical.checkpoint import load_checkpoint

        potential = load_checkpoint(config.start_from, dtype=getattr(torch, config.dtype)).potential
        return potential.cutoff, potential
    assert config.model is not None
    return config.model.cutoff, None


def _new_model(config: TrainConfig, train: Sequence[Sample], references: dict[int, float]) -> Potential:
    """A network with random weights whose outputs have the size of the data."""
    model = config.model
    assert model is not None
    if "avg_degree" not in model.model_fields_set:
        edges = sum(sample.graph.num_edges for sample in train) / sum(sample.graph.num_atoms for sample in train)
        model = model.model_copy(update={"avg_degree": max(round(edges, 2), 1.0)})
    if max(references) >= model.max_elements:
        raise InputError(f"model.max_elements is {model.max_elements}; {_symbol(max(references))} needs a larger table")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Potential(
            model, sorted(references), references, _energy_scale(train, references), dtype=getattr(torch, config.dtype)
        )


def _energy_scale(train: Sequence[Sample], references: dict[int, float]) -> float:
    """Root mean square of the force components (eV/Å), or without forces of the energies per atom (eV)."""
    forces = torch.cat([sample.forces[sample.force_weight > 0] for sample in train])
    rms = float(forces.double().square().mean().sqrt()) if len(forces) else 0.0
    if rms < 1e-6:
        left = [
            (sample.energy - sum(references[int(z)] for z in sample.graph.numbers)) / sample.graph.num_atoms
            for sample in train
        ]
        rms = float(np.sqrt(np.mean(np.square(left))))
    return rms if rms > 1e-6 else 1.0


def _check_coverage(potential: Potential, samples: Sequence[Sample]) -> None:
    covered = set(potential.elements)
    for sample in samples:
        new = sorted({int(z) for z in sample.graph.numbers} - covered)
        if new:
            names = ", ".join(_symbol(z) for z in new)
            known = ", ".join(_symbol(z) for z in sorted(covered))
            raise InputError(f"{sample.origin}: the model does not cover {names}; it covers {known}")


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


def _symbol(number: int) -> str:
    from ase.data import chemical_symbols

    return str(chemical_symbols[int(number)])
