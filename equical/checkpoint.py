"""Models on disk: a folder with ``model.safetensors`` (the weights) and ``config.json`` (all the rest).

Nothing in such a folder is ever executed. The configuration carries the hash of the weights it belongs to, so that a
damaged file, or one from another model, is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from ase.data import atomic_numbers, chemical_symbols
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from safetensors.torch import save as format_safetensors

from equical.errors import InputError
from equical.files import atomic_folder
from equical.model import AnyConfig, Potential, Scales, parse_config
from equical.model.potential import EnergyKind
from equical.uncertainty import Knowledge
from equical.weights import MOST_WEIGHTS, Unfilled, read_header, read_whole, require_fit, require_numbers, tensors_of

__all__ = ["CONFIG_FILE", "WEIGHTS_FILE", "Checkpoint", "load_checkpoint", "save_checkpoint", "shipped_models"]

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
SCHEMA_VERSION = 1
STORED_UNITS = {"length": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³"}

MOST_CONFIG = 16 << 20
"""Bytes of a configuration, metadata included."""

Magnitude = Annotated[float, Field(ge=-1e9, le=1e9)]
"""A number that sums over atoms do not carry away; the energy of a whole atom of the heaviest elements is 1e6 eV."""


@dataclass(frozen=True)
class Checkpoint:
    """A model read from disk.

    Attributes:
        potential: the force field, in evaluation mode.
        metadata: how it came to be, as given to :func:`save_checkpoint`.
        name: name of the folder, which for a shipped model is the name it is asked for by.
        sha256: hash of the weights file.
        folder: where it was read from.
        knowledge: what tells how sure it is of a structure; None where it was not calibrated.
    """

    potential: Potential
    metadata: dict[str, Any]
    name: str
    sha256: str
    folder: Path
    knowledge: Knowledge | None = None


class CheckpointConfig(BaseModel):
    """What ``config.json`` holds, in this order."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: int = Field(SCHEMA_VERSION, description="version of this layout")
    architecture: dict[str, Any] = Field(description="hyper-parameters of the network; `generation` names its class")
    elements: list[str] = Field(
        min_length=1, max_length=118, description="chemical symbols of the elements it was trained for"
    )
    cutoff: float = Field(description="Å; the same as in `architecture`, for readers who do not know that")
    energy_kind: EnergyKind = Field(description="total energies, or adsorption energies relative to slab and gas")
    reference_energies: dict[str, Magnitude] = Field(description="eV added for each atom of an element")
    scales: dict[str, Magnitude] = Field(description="physical units of the network's outputs")
    units: dict[str, str] = STORED_UNITS
    dtype: Literal["float16", "bfloat16", "float32", "float64"] = Field(
        description="floating-point type of the weights"
    )
    weights_sha256: str = Field(description="hash of the weights file")
    metadata: dict[str, Any] = Field(description="training data, level of theory, errors, versions, ...")

    @field_validator("elements", "reference_energies")
    @classmethod
    def _symbols_exist(cls, value: Any) -> Any:
        unknown = [symbol for symbol in value if atomic_numbers.get(symbol, 0) == 0]  # X is a place without an atom
        if unknown:
            raise ValueError(f"{', '.join(unknown[:5])} is no chemical symbol")
        if len(set(value)) < len(value):
            raise ValueError("an element is listed twice")
        return value

    @field_validator("scales")
    @classmethod
    def _scales_are_ours(cls, value: dict[str, float]) -> dict[str, float]:
        names = {field.name for field in fields(Scales)}
        if unknown := sorted(value.keys() - names):
            raise ValueError(f"there is no scale {', '.join(unknown[:5])}")
        if missing := sorted(names - value.keys()):
            raise ValueError(f"{', '.join(missing)} is missing")
        return value

    @field_validator("units")
    @classmethod
    def _units_are_ours(cls, value: dict[str, str]) -> dict[str, str]:
        if value != STORED_UNITS:
            raise ValueError(f"models are stored in {', '.join(STORED_UNITS.values())}")
        return value

    @model_validator(mode="after")
    def _references_are_complete(self) -> Self:
        missing = [symbol for symbol in self.elements if symbol not in self.reference_energies]
        if missing:
            raise ValueError(f"reference_energies: {', '.join(missing)} is missing")
        return self


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
    require_numbers(tensors, folder)
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

    What the configuration asks for is compared with what the weights file holds before anything of that size is read or
    made, so a folder from anywhere can be tried.

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
    architecture = _architecture(config, folder / CONFIG_FILE)
    path = folder / WEIGHTS_FILE
    require_fit(read_header(path), architecture, config.dtype, path)
    content = read_whole(path, MOST_WEIGHTS)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != config.weights_sha256:
        raise InputError(f"{path} is damaged, or not the file that {CONFIG_FILE} beside it describes.")
    potential = _build(config, architecture, dtype)
    potential.load_state_dict(tensors_of(path, content))
    require_numbers(potential.state_dict(), path)
    knowledge = Knowledge.read(folder, sha256)
    return Checkpoint(potential.to(device).eval(), config.metadata, folder.resolve().name, sha256, folder, knowledge)


def _find(name_or_folder: str | os.PathLike[str]) -> Path:
    shipped = shipped_models()
    if name_or_folder in shipped:
        return shipped[str(name_or_folder)]
    folder = Path(name_or_folder)
    if os.fspath(name_or_folder) and folder.is_dir():
        missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / name).exists()]
        if missing:
            raise InputError(
                f"Cannot read {folder / missing[0]}: there is no such file. A model is a folder with {CONFIG_FILE} and"
                f" {WEIGHTS_FILE}."
            )
        return folder
    what = f"{folder} is a file" if folder.is_file() else f"There is no model {str(name_or_folder)!r}"
    known = ", ".join(shipped) or "none in this installation"
    raise InputError(
        f"{what}; give the name of a shipped model ({known}) or a folder with {CONFIG_FILE} and {WEIGHTS_FILE}."
    )


def _read_config(path: Path) -> CheckpointConfig:
    content = read_whole(path, MOST_CONFIG)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:  # not JSON, or not even text
        raise InputError(f"{path} is damaged, it is not valid JSON: {error}.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version is None:
        raise InputError(f"{path} does not describe an equical model: it has no schema_version.")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version!r:.50}, and this equical reads version {SCHEMA_VERSION}; use the"
            " equical that wrote it, or update this one."
        )
    try:
        return CheckpointConfig.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path} is not valid: {_complaints(error)}.") from error


def _complaints(error: ValidationError, *where: str) -> str:
    """What is wrong with which field, on one line."""
    found = [(".".join(map(str, [*where, *item["loc"]])), item["msg"]) for item in error.errors()]
    return "; ".join(f"{place}: {message}" if place else message for place, message in found)[:1000]


def _architecture(config: CheckpointConfig, path: Path) -> AnyConfig:
    """The network that the configuration describes."""
    try:
        architecture = parse_config(config.architecture)
    except ValidationError as error:
        raise InputError(f"{path} describes no network: {_complaints(error, 'architecture')}.") from error
    if max(atomic_numbers[symbol] for symbol in config.reference_energies) >= architecture.max_elements:
        raise InputError(f"{path} is not valid: max_elements ({architecture.max_elements}) leaves out its elements.")
    if config.cutoff != architecture.cutoff:
        raise InputError(f"{path} is not valid: cutoff {config.cutoff} here, {architecture.cutoff} in architecture.")
    return architecture


def _build(config: CheckpointConfig, architecture: AnyConfig, dtype: torch.dtype) -> Potential:
    """The force field that the configuration describes, with weights still to come."""
    scales = Scales(**config.scales)
    elements = [atomic_numbers[symbol] for symbol in config.elements]
    references = {atomic_numbers[symbol]: energy for symbol, energy in config.reference_energies.items()}
    with Unfilled():
        return Potential(architecture, elements, references, scales, config.energy_kind, dtype)
