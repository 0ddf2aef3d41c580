"""Physical units of a published checkpoint: normalisers, element references, kind of energy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isclose, isfinite
from typing import Any

import torch
from torch import Tensor

from equical.conversion.layouts import Published
from equical.errors import InputError
from equical.model import Scales

__all__ = [
    "Normalizers",
    "References",
    "element_references",
    "normalizers",
    "physical_scales",
    "saved_references",
    "trained_elements",
]

Normalizers = dict[str, tuple[float, float]]
"""Mean and scale of each output: value = scale · output + mean."""

LEGACY = {"target": "energy", "grad_target": "forces"}
"""Names of outputs in old files."""

LARGEST_REFERENCE = 1e6
"""eV: no atom has a total energy beyond this; least squares without data on an element gives such numbers."""


def normalizers(published: Published) -> Normalizers:
    """The normalisers in the file, or in its config; empty where outputs were not normalised."""
    saved = published.content.get("normalizers")
    if not saved:
        saved = _from_dataset(published.content["config"].get("dataset"))
    found: Normalizers = {}
    for name, state in saved.items():
        mean, scale = _number(state, "mean"), _number(state, "rmsd", "std", "stdev")
        if mean is None and scale is None:
            raise InputError(f"{published.path} has a normalizer {name!r} without mean and rmsd.")
        found[LEGACY.get(name, name)] = (mean or 0.0, 1.0 if scale is None else scale)
    for name, values in found.items():
        if not (all(map(isfinite, values)) and values[1] > 0):
            raise InputError(f"{published.path} has a normalizer {name!r} with mean {values[0]} and scale {values[1]}.")
    return found


def _from_dataset(dataset: Any) -> dict[str, dict[str, Any]]:
    """Normalisers that a config describes, in either of two ways."""
    while isinstance(dataset, list):  # splits; the first is the training set
        dataset = dataset[0] if dataset else {}
    if not isinstance(dataset, Mapping):
        return {}
    dataset = dataset.get("train", dataset)
    transforms = dataset.get("transforms") or {}
    if transforms.get("normalizer"):
        return {name: dict(state) for name, state in transforms["normalizer"].items() if isinstance(state, Mapping)}
    if not dataset.get("normalize_labels"):
        return {}
    found = {name: {key: dataset.get(f"{name}_{key}") for key in ("mean", "std")} for name in LEGACY}
    return {name: state for name, state in found.items() if state["std"] is not None}


def _number(state: Any, *keys: str) -> float | None:
    for key in keys:
        value = state.get(key) if isinstance(state, Mapping) else None
        if value is not None:
            return float(value.double().flatten()[0]) if isinstance(value, Tensor) else float(value)
    return None


def physical_scales(found: Normalizers, published: Published, *, conservative: bool) -> Scales:
    """Scales of the outputs of our network.

    Raises:
        InputError: the normalisers contradict each other.
    """
    energy_mean, energy = found.get("energy", (0.0, 1.0))
    noise = found.get("denoising_pos_target", (0.0, 1.0))[1]
    if conservative:
        for name in {"forces", "stress"} & found.keys():
            mean, scale = found[name]
            if mean or not isclose(scale, energy, rel_tol=1e-6):
                raise InputError(
                    f"{published.path} contradicts itself: {name} derive from the energy, whose scale is {energy}, but"
                    f" have the scale {scale} and the mean {mean}."
                )
        return replace(Scales.uniform(energy), energy_mean=energy_mean, noise=noise)
    forces_mean, forces = found.get("forces", (0.0, 1.0))
    stress_mean, stress = found.get("stress", (0.0, 1.0))
    if published.generation == "v3":
        if stress_mean:
            raise InputError(f"{published.path} has a normalizer of the stress with mean {stress_mean}, not 0.")
        parts = (stress, 0.0, stress, 0.0)
    else:
        if (stress_mean, stress) != (0.0, 1.0):
            raise InputError(f"{published.path} has a normalizer of the whole stress beside those of its two parts.")
        (iso_mean, iso), (aniso_mean, aniso) = (
            found.get(f"stress_{part}", (0.0, 1.0)) for part in ("isotropic", "anisotropic")
        )
        parts = (iso, iso_mean, aniso, aniso_mean)
    return Scales(energy, energy_mean, forces, forces_mean, *parts, noise)


@dataclass(frozen=True)
class References:
    """Energies added for each atom.

    Attributes:
        energies: eV by atomic number, of the elements in the training data.
        absent: atomic numbers whose reference is zero or absurd, because no training structure had them.
    """

    energies: dict[int, float]
    absent: tuple[int, ...]


def element_references(values: Tensor | None, max_elements: int) -> References | None:
    """References ``[Z]`` (eV, row number is the atomic number) without the entries that were never fitted."""
    if values is None:
        return None
    entries = values.double().flatten()[:max_elements].tolist()[1:]
    sound = {z: e for z, e in enumerate(entries, start=1) if isfinite(e) and 0 < abs(e) < LARGEST_REFERENCE and z < 119}
    if not sound:
        return None
    absent = tuple(z for z in range(1, min(len(entries) + 1, 119)) if z not in sound)
    return References(sound, absent)


def trained_elements(
    references: References | None, max_elements: int, wanted: Iterable[int] | None, published: Published
) -> tuple[int, ...]:
    """Atomic numbers the model covers: those asked for, or those with a reference, or all that its tables have."""
    rows = range(1, min(max_elements, 119))
    if wanted is not None:
        chosen = sorted(set(wanted))
        beyond = [z for z in chosen if z not in rows]
        if beyond:
            raise InputError(f"{published.path} has no rows for the elements with atomic numbers {beyond}.")
        return tuple(chosen)
    return tuple(rows) if references is None else tuple(z for z in rows if z in references.energies)


def saved_references(content: Mapping[str, Any]) -> Tensor | None:
    """The element references of the energy in a file: ``[119]`` eV."""
    saved = content.get("elementrefs") or {}
    state = saved.get("energy", {}) if isinstance(saved, Mapping) else {}
    values = state.get("element_references") if isinstance(state, Mapping) else None
    return torch.as_tensor(values) if values is not None else None
