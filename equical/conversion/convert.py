"""From a published checkpoint file to a model folder."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from equical.conversion.card import model_card
from equical.conversion.layouts import IN_MODEL_REFERENCES, Published, parse_layout
from equical.conversion.reader import read_checkpoint
from equical.conversion.references import (
    References,
    element_references,
    read_references,
    saved_references,
    trained_elements,
)
from equical.conversion.result import ConversionResult
from equical.conversion.units import Normalizers, normalizers, physical_scales
from equical.conversion.v1 import QM9_ELEMENTS, v1_config, v1_weights
from equical.conversion.v2 import in_model_references, v2_config, v2_weights
from equical.conversion.v3 import v3_config, v3_weights
from equical.errors import InputError
from equical.files import atomic_folder, file_sha256
from equical.model import AnyConfig, EquiformerV1Config, EquiformerV2Config, Potential, Scales
from equical.model.potential import EnergyKind

__all__ = ["convert"]


def convert(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    ema: bool = False,
    energy_kind: EnergyKind | None = None,
    elements: Iterable[int | str] | None = None,
    references: str | os.PathLike[str] | None = None,
    energy_scale: float | None = None,
    energy_mean: float | None = None,
    overwrite: bool = False,
) -> ConversionResult:
    """Convert a published checkpoint of Equiformer, EquiformerV2 or EquiformerV3 to a model folder.

    No code from the file is executed. The folder appears complete or not at all.

    Args:
        checkpoint: a ``.pt`` file as its authors published it.
        output: the folder to write, which must not exist yet or be empty.
        ema: take the exponential moving average of the weights instead of those of the last step.
        energy_kind: ``"total"`` or ``"adsorption"``; None infers it (old files without any reference energies, as of
            OC20 and ODAC, hold adsorption energies).
        elements: symbols or atomic numbers the model was trained for; None takes those with a reference energy, or all
            that its tables have room for.
        references: file with reference energies (eV) of the elements, added to the energy, where training subtracted
            some that are not in the checkpoint: JSON ``{symbol: eV}``, or npz with ``coeff`` by atomic number.
        energy_scale: eV, one unit of the network's energy, where the file has no normaliser, as those of Equiformer
            (V1) on MD17: there it is the standard deviation that the log of the training begins with, 0.0433641 eV
            times the number in kcal/mol.
        energy_mean: eV, added to the energy of every structure: the mean in the same place.
        overwrite: replace a model that is already there.

    Returns:
        What was converted; its ``warnings`` are what to know before trusting the numbers, and are kept in the model.

    Raises:
        InputError: the file is no such checkpoint or does not fit itself; one sentence says why.
    """
    began = time.perf_counter()
    path, folder = Path(checkpoint), Path(output)
    _check_output(folder, overwrite)
    published = parse_layout(read_checkpoint(path), path)
    averages = _averaged_weights(published)
    if ema:
        if averages is None:
            raise InputError(f"{path} holds no moving average of the weights; leave out ema.")
        published.parameters.update(averages)
    given = _given_normalizer(published, energy_scale, energy_mean)
    potential, notes = _potential(published, energy_kind, elements, references, given)
    if averages is not None and not ema:
        notes.append("The file also holds a moving average of the weights, which often predicts better; see --ema.")
    _write(folder, potential, published, notes, "moving average" if ema else "as saved")
    return ConversionResult(
        model=published.model,
        layout=published.layout,
        num_parameters=sum(parameter.numel() for parameter in potential.network.parameters()),
        elements=potential.elements,
        energy_kind=potential.energy_kind,
        conservative=potential.config.conservative,
        converged=True,
        warnings=tuple(notes),
        wall_time=time.perf_counter() - began,
        output=folder,
    )


GENERATIONS: dict[str, tuple[Callable[[Published], tuple[AnyConfig, list[str]]], Callable[..., dict[str, Tensor]]]] = {
    "v1": (v1_config, v1_weights),
    "v2": (v2_config, v2_weights),
    "v3": (v3_config, v3_weights),
}
"""What reads the architecture and the weights of a published network."""


def _given_normalizer(published: Published, scale: float | None, mean: float | None) -> Normalizers:
    """The normaliser of the energy that a file lacks; empty where it has one.

    Raises:
        InputError: it has one and another was given, or it should have one and none was given.
    """
    if scale is None and mean is None:
        if published.generation == "v1" and not normalizers(published):
            raise InputError(
                f"{published.path} does not hold the standard deviation and mean of the energy that its training"
                " removed; give both in eV from its log (--energy-scale, --energy-mean), or 1 and 0 if it removed none."
            )
        return {}
    if normalizers(published):
        raise InputError(f"{published.path} holds normalisers of its own; leave out energy_scale and energy_mean.")
    values = (0.0 if mean is None else mean, 1.0 if scale is None else scale)
    if not (all(map(isfinite, values)) and values[1] > 0):
        raise InputError(f"An energy scale of {values[1]} eV and a mean of {values[0]} eV make no energies.")
    return {"energy": values}


def _check_output(folder: Path, overwrite: bool) -> None:
    if folder.is_file():
        raise InputError(f"{folder} is a file; give a folder to write the model to.")
    occupied = folder.is_dir() and any(folder.iterdir())
    if occupied and not overwrite:
        raise InputError(f"{folder} is not empty; choose another folder, or overwrite it.")
    if occupied and not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds something other than a model; choose another folder.")
    parent = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not os.access(parent, os.W_OK):
        raise InputError(f"Cannot write to {folder}: {parent} is read-only.")


def _averaged_weights(published: Published) -> dict[str, Tensor] | None:
    """The moving average in the file, whose tensors have no names: they stand in the order of the weights."""
    saved = published.content.get("ema")
    shadow = saved.get("shadow_params") if isinstance(saved, Mapping) else None
    if not shadow:
        return None
    names = [name for name in published.parameters if name != IN_MODEL_REFERENCES]
    fits = len(shadow) == len(names) and all(
        tensor.shape == published.parameters[name].shape for name, tensor in zip(names, shadow, strict=True)
    )
    if not fits:
        raise InputError(
            f"{published.path} holds a moving average of {len(shadow)} tensors, which do not match its {len(names)}"
            " weights."
        )
    return dict(zip(names, shadow, strict=True))


def _potential(
    published: Published,
    energy_kind: EnergyKind | None,
    elements: Iterable[int | str] | None,
    references: str | os.PathLike[str] | None,
    given: Normalizers,
) -> tuple[Potential, list[str]]:
    """The force field, and what to know about it."""
    read_config, read_weights = GENERATIONS[published.generation]
    config, ignored = read_config(published)
    found = given or normalizers(published)
    if elements is None and published.generation == "v1" and config.max_elements == QM9_ELEMENTS[-1] + 1:
        elements = QM9_ELEMENTS
    scales = physical_scales(found, published, conservative=config.conservative)
    added = _references(published, config, scales, references)
    kind = energy_kind or _inferred_kind(published, added)
    covered = trained_elements(added, config.max_elements, _atomic_numbers(elements), published)
    energies = {z: added.energies[z] for z in covered if z in added.energies} if added is not None else {}
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the caller's stream stays put
        potential = Potential(config, covered, energies, scales, kind)
    _fill(potential.network, read_weights(potential.network, published))
    notes = _notes(potential, added, asked=elements is not None, kind_given=energy_kind is not None)
    notes += (
        [f"Arguments of the network that are not known here were ignored: {', '.join(ignored)}."] if ignored else []
    )
    return potential, notes


def _fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(weights[name])


def _references(
    published: Published, config: AnyConfig, scales: Scales, file: str | os.PathLike[str] | None
) -> References | None:
    """Reference energies of the elements in eV, from the file itself, its network, or a file of their own."""
    saved = saved_references(published.content)
    inside = in_model_references(published)
    if file is not None:
        if saved is not None or inside is not None:
            raise InputError(f"{published.path} holds reference energies of its own; leave out references.")
        saved = read_references(Path(file))
    if inside is not None:
        inside = inside * scales.energy
        saved = inside if saved is None else saved[: len(inside)].double() + inside[: len(saved)]
    return element_references(saved, config.max_elements)


def _inferred_kind(published: Published, references: References | None) -> EnergyKind:
    """Old files without references are of OC20 or ODAC, whose energies are relative to slab and gas."""
    old = published.generation == "v2" and published.layout == "monolithic"
    return "adsorption" if old and references is None and not _is_oc22(published) else "total"


def _is_oc22(published: Published) -> bool:
    return "oc22" in json.dumps(published.content["config"].get("dataset"), default=str).lower()


def _atomic_numbers(elements: Iterable[int | str] | None) -> list[int] | None:
    from ase.data import atomic_numbers

    if elements is None:
        return None
    chosen = list(elements)
    unknown = [item for item in chosen if isinstance(item, str) and item not in atomic_numbers]
    if unknown or not chosen:
        raise InputError(f"Not an element: {', '.join(map(str, unknown)) or 'an empty list'}; give symbols such as Cu.")
    return [atomic_numbers[item] if isinstance(item, str) else int(item) for item in chosen]


def _notes(potential: Potential, references: References | None, *, asked: bool, kind_given: bool) -> list[str]:
    """What to know before trusting the numbers."""
    config, notes = potential.config, []
    if potential.energy_kind == "adsorption":
        how = "" if kind_given else " (inferred: an old file without reference energies)"
        notes.append(f"Energies are adsorption energies, relative to the clean slab and molecules in the gas{how}.")
    elif references is None:
        notes.append("There are no reference energies: energies compare only at equal composition.")
    if references is None and not asked:
        notes.append("The file does not say which elements it was trained for; name them with --elements.")
    if not config.conservative:
        notes.append("Forces come from a head of their own: they are no gradient, and do not sum to zero.")
    if isinstance(config, EquiformerV1Config):
        notes.append("The energy jumps a little where an atom comes within the cutoff of another.")
    elif not config.smooth:
        notes.append("The energy jumps where the set of nearest neighbours of an atom changes.")
    if isinstance(config, EquiformerV2Config) and config.stress != "none":
        notes.append("The stress does not turn with the crystal: its head treats the components one by one.")
    return notes


def _write(folder: Path, potential: Potential, published: Published, notes: list[str], weights: str) -> None:
    """Write the model folder and its card beside it, with whatever else is in it, and put it into place at once."""
    from equical.checkpoint import save_checkpoint

    content = published.content
    metadata = {
        "source": {
            "file": published.path.name,
            "sha256": file_sha256(published.path),
            "model": published.model,
            "layout": published.layout,
            "weights": weights,
            "arguments": _plain(published.arguments),
            "heads": _plain(published.heads),
        },
        "training": {key: _plain(content[key]) for key in ("epoch", "step", "val_metrics") if key in content}
        | {key: _plain(content["config"][key]) for key in ("task", "optim") if key in content["config"]},
        "notes": notes,
    }
    try:
        with atomic_folder(folder) as new:
            save_checkpoint(new, potential, metadata)
            (new / "README.md").write_text(model_card(folder.name, potential, metadata), encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}.") from error


def _plain(value: Any) -> Any:
    """What JSON can hold of a value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
