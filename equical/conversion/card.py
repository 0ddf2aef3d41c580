"""The model card of a converted checkpoint."""

from collections.abc import Mapping
from typing import Any

from ase.data import chemical_symbols

from equical.model import AnyConfig, EquiformerV1Config, Potential

__all__ = ["model_card"]

TEMPLATE = """# {name}

Converted by equical from `{file}` ({model}, {layout} layout, weights: {weights}).

| | |
|---|---|
| architecture | {architecture} |
| parameters | {parameters:,} |
| energy | {energy} |
| forces | {forces} |
| stress | {stress} |
| neighbours | {neighbours} |
| elements ({count}) | {elements} |
| source SHA-256 | `{sha256}` |

## Before you use it

{notes}

The numbers are those of the published code, defects included. The weights keep the licence under which their authors
published them.
"""


def model_card(name: str, potential: Potential, metadata: Mapping[str, Any]) -> str:
    """Markdown for the ``README.md`` of a model folder."""
    config, source = potential.config, metadata["source"]
    has_stress = config.conservative or potential.network.stress_head is not None
    cap = config.max_neighbors
    rule = "the nearest" if config.strict_neighbors else "about the nearest"
    return TEMPLATE.format(
        name=name,
        **{key: source[key] for key in ("file", "model", "layout", "weights", "sha256")},
        architecture=f"Equiformer{config.generation.upper()}, {config.num_layers} blocks, {_features(config)}",
        parameters=sum(parameter.numel() for parameter in potential.network.parameters()),
        energy=f"{potential.energy_kind}, eV",
        forces=f"{'gradient of the energy' if config.conservative else 'head of their own'}, eV/Å",
        stress=f"{'derivative of the energy' if config.conservative else 'head of its own'}, eV/Å³"
        if has_stress
        else "none",
        neighbours=f"within {config.cutoff:g} Å" + (f", {rule} {cap} of an atom" if cap is not None else ""),
        count=len(potential.elements),
        elements=" ".join(chemical_symbols[z] for z in potential.elements),
        notes="\n".join(f"- {note}" for note in metadata["notes"]) or "- Nothing in particular.",
    )


def _features(config: AnyConfig) -> str:
    if isinstance(config, EquiformerV1Config):
        return config.irreps
    return f"{config.channels} channels, lmax {config.lmax}, mmax {config.mmax}"
