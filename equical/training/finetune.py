"""Adapt a model to data of one's own: a training configuration with guard rails around it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, Literal

from equical.catalogue import AUTO, model_to_start_from
from equical.model.potential import EnergyKind
from equical.training.config import DataSource, parse_config, resolve_data
from equical.training.data.dataset import read_images
from equical.training.data_guard import DataGuard
from equical.training.pace import pace_for
from equical.training.result import TrainResult
from equical.training.run import run_training

__all__ = ["finetune"]

EPOCHS = 100
"""Passes over the data where no limit is given."""

FRACTION = 0.1
"""Share of the data that is held out where nothing is said."""

AVERAGE = 0.99
"""Decay of the averaged weights: a hundred steps, as there are few."""

DENOISING = {"probability": 0.25, "ratio": 0.25, "final_weight": 0.0}
"""A little DeNS, which fades away until the end."""


def finetune(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    model: str | PathLike[str],
    data: DataSource,
    *,
    valid: DataSource | None = None,
    fraction: float | None = None,
    replay: DataSource | None = None,
    max_minutes: float | None = None,
    max_epochs: int | None = None,
    learning_rate: float | None = None,
    backbone_rate: float = 1.0,
    freeze: Sequence[str] = (),
    batch_atoms: int | None = None,
    denoising: bool = True,
    forces: Literal["gradient", "direct"] | None = None,
    new_elements: bool = False,
    energy_kind: EnergyKind | None = None,
    skip_check: bool = False,
    seed: int = 0,
    threads: int | None = None,
    device: str = "auto",
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> TrainResult:
    """Adapt a model to labelled structures.

    Before the first step the data are checked, reference energies are fitted to them, and the errors of the model are
    measured as it is and at step 0, where they must be the same. The best model is the one with the lowest errors of
    energies and forces, both relative to those of the starting model; where no step makes it better, that is kept as it
    was. The result says what would help (``advice``).

    Args:
        model: where to start: a shipped, own or converted model; ``"auto"`` is the shipped one that knows the most
            elements, those in the data among them.
        data: files with labelled structures, or a :class:`.DataConfig` (or the same as a dictionary) that also says
            where the labels stand, what belongs together and which forces are too large.
        valid: held-out structures; otherwise a share of ``data`` is held out.
        fraction: this share, by default a tenth.
        replay: data that the model was trained on, against forgetting; their zero of energy is the model's.
        max_minutes: stop after this time.
        max_epochs: stop after so many passes over the data; 100 where there is no limit of time either.
        learning_rate: highest of the schedule, for the heads; by default it follows the number of frames, as
            ``batch_atoms`` does, see :func:`equical.training.pace.pace_for`.
        backbone_rate: factor on it for the rest of the network.
        freeze: parts that stay as they are, such as ``"blocks.0"``.
        batch_atoms: atoms in one step.
        denoising: train with DeNS where there are forces.
        forces: change how the model makes them.
        new_elements: accept elements that the model was not trained for.
        energy_kind: what the energies in the data are; by default what the model's are.
        skip_check: go on in spite of errors in the data, which are warned of.
        seed: of split, order and noise.
        threads: CPU threads.
        device: ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda[:N]"``.
        output: folder for what :func:`equical.train` leaves.
        overwrite: accept a folder with earlier results. They are removed once data and model have been accepted.
        resume: go on with an interrupted run in ``output``.
        progress: print what is found on the way, and show how far the run is.

    Returns:
        Errors of the best model on the validation data, and where it is.

    Raises:
        InputError: data, model or settings are not usable, or the data would spoil the model; see also
            :func:`equical.train`.
    """
    own = resolve_data(data)
    own = own.model_copy(update={"name": own.name or "data"})
    images = list(read_images(own).values())
    if model == AUTO:
        model = model_to_start_from({symbol for atoms in images for symbol in atoms.get_chemical_symbols()})
    fraction = FRACTION if fraction is None else fraction
    pace = pace_for(
        images, 0.0 if valid is not None else fraction, batch_atoms=batch_atoms, learning_rate=learning_rate
    )
    sets, held_out = [own], []
    if replay is not None:
        kept = {"name": "replay", "references": "base", "split": False}
        sets.append(resolve_data(replay).model_copy(update=kept))
    if valid is not None:
        held_out.append(resolve_data(valid).model_copy(update={"name": "valid", "references": "shared"}))
    limits: dict[str, Any] = {"max_minutes": max_minutes, "max_epochs": max_epochs}
    if max_minutes is None and max_epochs is None:
        limits["max_epochs"] = EPOCHS
    config = parse_config(
        {
            "start_from": fspath(model),
            "data": sets,
            "validation": {
                "data": held_out,
                "best_by": "errors",
                "fraction": fraction,
            },
            "training": {
                "name": "finetune",
                "model": {} if forces is None else {"forces": forces},
                "optimizer": {
                    "learning_rate": pace.learning_rate,
                    "backbone_rate": backbone_rate,
                    "freeze": list(freeze),
                    "ema_decay": AVERAGE,
                },
                "denoising": DENOISING if denoising and own.forces_key is not None else {},
                "schedule": {"warmup_steps": pace.warmup_steps},
                "batch": {"max_atoms": pace.batch_atoms},
                "limits": limits,
            },
            "new_elements": new_elements,
            "energy_kind": energy_kind,
            "seed": seed,
            "threads": threads,
            "device": device,
        },
        name="finetune",
    )
    plan = f"start from {fspath(model)}; {pace}"
    guard = DataGuard(own, fspath(model), valid is not None, new_elements, skip_check, plan)
    return run_training(config, output, overwrite=overwrite, resume=resume, progress=progress, guard=guard)
