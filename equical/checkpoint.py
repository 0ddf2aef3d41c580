"""Models on disk: a folder with ``model.safetensors`` (the weights) and ``config.json`` (all the rest).

Nothing in such a folder is ever executed. The configuration carries the hash of the weights it belongs to, so that a
damaged file, or one from another model, is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from ase.data import atomic_numbers, chemical_symbols
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as format_safetensors

from equical.errors import InputError
from equical.files import atomic_folder
from equical.model import Potential
from equical.model.generations import parse_config
from equical.model.potential import EnergyKind
from equical.model.scales import Scales

__all__ = ["CONFIG_FILE", "DEFAULT_MODEL", "WEIGHTS_FILE", "Checkpoint", "load_checkpoint", "save_checkpoint"]
__all__ += ["models_covering", "shipped_models"]

DEFAULT_MODEL = "metals-pbe"
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
SCHEMA_VERSION = 1
UNITS = {"length": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³"}


@dataclass(frozen=True)
class Checkpoint:
    """A model read from disk.

    Attributes:
        potential: the force field, in evaluation mode.
        metadata: how it came to be, as given to :func:`save_checkpoint`.
        name: name of the folder, which for a shipped model is the name it is asked for by.
        sha256: hash of the weights file.
        folder: where it was read from.
    """

    potential: Potential
    metadata: dict[str, Any]
    name: str
    sha256: str
    folder: Path


class CheckpointConfig(BaseModel):
    """What ``config.json`` holds, in this order."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: int = Field(SCHEMA_VERSION, description="version of this layout")
    architecture: dict[str, Any] = Field(description="hyper-parameters of the network; `generation` names its class")
    elements: list[str] = Field(min_length=1, description="chemical symbols of the elements it was trained for")
    cutoff: float = Field(description="Å; the same as in `architecture`, for readers who do not know that")
    energy_kind: EnergyKind = Field(description="total energies, or adsorption energies relative to slab and gas")
    reference_energies: dict[str, float] = Field(description="eV added for each atom of an element")
    scales: dict[str, Any] = Field(description="physical units of the network's outputs")
    units: dict[str, str] = UNITS
    dtype: str = Field(description="floating-point type of the weights")
    weights_sha256: str = Field(description="hash of the weights file")
    metadata: dict[str, Any] = Field(description="training data, level of theory, errors, versions, ...")

    @field_validator("elements", "reference_energies")
    @classmethod
    def _symbols_exist(cls, value: Any) -> Any:
        unknown = [symbol for symbol in value if symbol not in atomic_numbers]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no chemical symbol")
        return value


def shipped_models() -> dict[str, Path]:
    """Folders of the models that come with equical, by name.

    They lie inside an installed package, or beside it in a checkout of the repository.
    """
    package = Path(__file__).resolve().parent
    places = [package / "shipped_models"]
    if (package.parent / "pyproject.toml").is_file():  # not some other "models" in site-packages
        places.append(package.parent / "models")
    for place in places:
        if place.is_dir():
            return {file.parent.name: file.parent for file in sorted(place.glob(f"*/{CONFIG_FILE}"))}
    return {}


def models_covering(elements: Iterable[str]) -> list[str]:
    """Names of the shipped models that were trained for all of these elements (chemical symbols)."""
    wanted = set(elements)
    configs = {name: json.loads((folder / CONFIG_FILE).read_text("utf-8")) for name, folder in shipped_models().items()}
    return [name for name, config in configs.items() if wanted.issubset(config["elements"])]


def save_checkpoint(folder: str | os.PathLike[str], potential: Potential, metadata: Mapping[str, Any]) -> None:
    """Write a model; the folder appears complete or not at all.

    A model that is already there is replaced, and other files beside it (its model card, say) are kept.

    Args:
        folder: where to write; missing parents are made.
        potential: the force field, in the floating-point type it shall be stored in.
        metadata: anything JSON can hold that tells how the model came to be.

    Raises:
        InputError: the folder cannot be written to, or holds something other than a model, or weights are no numbers.
    """
    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in potential.state_dict().items()}
    _require_numbers(tensors, folder)
    weights = format_safetensors(tensors, metadata={"format": "pt"})
    config = _describe(potential, hashlib.sha256(weights).hexdigest(), dict(metadata))
    text = config.model_dump_json(indent=2) + "\n"  # NaN and infinities become null
    try:
        if folder.exists():
            _refuse_anything_else(folder)
        with atomic_folder(folder) as new:
            (new / WEIGHTS_FILE).write_bytes(weights)
            (new / CONFIG_FILE).write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"Cannot save the model to {folder}: {error.strerror or error}.") from error


def _refuse_anything_else(folder: Path) -> None:
    """Refuse a folder that holds something other than a model: the whole of it would be copied and replaced."""
    if not (folder / CONFIG_FILE).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is no model; choose another folder to save the model to.")


def _describe(potential: Potential, weights_sha256: str, metadata: dict[str, Any]) -> CheckpointConfig:
    references = potential.reference_energies.tolist()
    known = [z for z in range(len(references)) if references[z] != 0 or z in potential.elements]
    return CheckpointConfig(
        schema_version=SCHEMA_VERSION,
        architecture=potential.config.model_dump(mode="json"),
        elements=[chemical_symbols[z] for z in potential.elements],
        cutoff=potential.cutoff,
        energy_kind=potential.energy_kind,
        reference_energies={chemical_symbols[z]: references[z] for z in known},
        scales=asdict(potential.scales),
        dtype=str(potential.dtype).removeprefix("torch."),
        weights_sha256=weights_sha256,
        metadata=metadata,
    )


@torch.inference_mode(False)  # weights made in a caller's inference mode could never be differentiated through
def load_checkpoint(
    name_or_folder: str | os.PathLike[str],
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Checkpoint:
    """Read a model.

    Args:
        name_or_folder: name of a shipped model, or a folder. A shipped model comes before a folder of the same name;
            write ``./name`` for the folder.
        device: where to put it.
        dtype: floating-point type to compute in, whatever the weights are stored in.

    Raises:
        InputError: no such model, or its files are missing, damaged, or of another version.
    """
    folder = _find(name_or_folder)
    config = _read_config(folder / CONFIG_FILE)
    weights = _read(folder / WEIGHTS_FILE)
    tensors = _parse_weights(folder / WEIGHTS_FILE, weights)
    sha256 = hashlib.sha256(weights).hexdigest()
    potential = _build(config, folder / CONFIG_FILE, dtype)
    _fill(potential, tensors, folder / WEIGHTS_FILE)
    if sha256 != config.weights_sha256:
        raise InputError(f"{folder / WEIGHTS_FILE} is damaged, or not the file that {CONFIG_FILE} beside it describes.")
    _require_numbers(tensors, folder / WEIGHTS_FILE)
    return Checkpoint(potential.to(device).eval(), config.metadata, folder.resolve().name, sha256, folder)


def _find(name_or_folder: str | os.PathLike[str]) -> Path:
    shipped = shipped_models()
    if name_or_folder in shipped:
        return shipped[str(name_or_folder)]
    folder = Path(name_or_folder)
    if os.fspath(name_or_folder) and folder.is_dir():
        return folder
    what = f"{folder} is a file" if folder.is_file() else f"There is no model {str(name_or_folder)!r}"
    known = ", ".join(shipped) or "none in this installation"
    raise InputError(
        f"{what}; give the name of a shipped model ({known}) or a folder with {CONFIG_FILE} and {WEIGHTS_FILE}."
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read {path}: {error.strerror}. A model is a folder with {CONFIG_FILE} and {WEIGHTS_FILE}."
        ) from error


def _read_config(path: Path) -> CheckpointConfig:
    content = _read(path)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:  # not JSON, or not even text
        raise InputError(f"{path} is damaged, it is not valid JSON: {error}.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version is None:
        raise InputError(f"{path} does not describe an equical model: it has no schema_version.")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version!r}, and this equical reads version {SCHEMA_VERSION}; use the"
            " equical that wrote it, or update this one."
        )
    try:
        return CheckpointConfig.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path} is not valid: {_complaints(error)}.") from error


def _complaints(error: ValidationError, *where: str) -> str:
    """What is wrong with which field, on one line."""
    return "; ".join(f"{'.'.join(map(str, [*where, *item['loc']]))}: {item['msg']}" for item in error.errors())


def _build(config: CheckpointConfig, path: Path, dtype: torch.dtype) -> Potential:
    """The force field that the configuration describes, with weights still to come."""
    try:
        architecture = parse_config(config.architecture)
        scales = Scales(**config.scales)
    except ValidationError as error:
        raise InputError(f"{path} describes no network: {_complaints(error, 'architecture')}.") from error
    except TypeError as error:
        raise InputError(f"{path} is not valid: scales: {error}.") from error
    for name, value in vars(scales).items():
        if not (isinstance(value, int | float) and isfinite(value)):
            raise InputError(f"{path} is not valid: scales: {name} is no number.")
    elements = [atomic_numbers[symbol] for symbol in config.elements]
    references = {atomic_numbers[symbol]: energy for symbol, energy in config.reference_energies.items()}
    if max(elements + list(references)) >= architecture.max_elements:
        raise InputError(f"{path} is not valid: max_elements ({architecture.max_elements}) leaves out its elements.")
    if config.cutoff != architecture.cutoff:
        raise InputError(f"{path} is not valid: cutoff {config.cutoff} here, {architecture.cutoff} in architecture.")
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the caller's stream stays put
        return Potential(architecture, elements, references, scales, config.energy_kind, dtype)


def _parse_weights(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    try:
        return parse_safetensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged or no safetensors file: {' '.join(str(error).split())}.") from error


def _fill(potential: Potential, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    expected = potential.state_dict()
    problems = {
        "missing": sorted(expected.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - expected.keys()),
        "of the wrong shape": [
            f"{name} ({list(tensors[name].shape)} instead of {list(expected[name].shape)})"
            for name in sorted(expected.keys() & tensors.keys())
            if tensors[name].shape != expected[name].shape
        ],
    }
    found = [f"{problem}: {_some(names)}" for problem, names in problems.items() if names]
    if found:
        raise InputError(f"{path} does not fit the architecture in {CONFIG_FILE}; tensors {'; '.join(found)}.")
    potential.load_state_dict(dict(tensors))


def _require_numbers(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse weights that would make every prediction no number."""
    wrong = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if wrong:
        raise InputError(
            f"weights of {path} are no numbers (NaN or infinite): {_some(wrong)}; the training that they come from "
            "went astray, take an earlier model."
        )


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
