"""Physical units of a published checkpoint: its normalisers as scales."""

from collections.abc import Mapping
from dataclasses import replace
from math import isclose, isfinite
from typing import Any

from torch import Tensor

from equical.conversion.layouts import Published
from equical.errors import InputError
from equical.model import Scales

__all__ = ["Normalizers", "normalizers", "physical_scales"]

Normalizers = dict[str, tuple[float, float]]
"""Mean and scale of each output: value = scale · output + mean."""

LEGACY = {"target": "energy", "grad_target": "forces"}
"""Names of outputs in old files."""


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
