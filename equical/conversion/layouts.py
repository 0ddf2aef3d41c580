"""The layouts in which Equiformer checkpoints were published, brought into one form.

* Monolithic: all weights side by side, ``config['model']`` a name and ``config['model_attributes']`` its arguments, or
  ``config['model']`` both; heads are called ``energy_block``, ``force_block``, …
* Hydra: ``backbone.…`` and ``output_heads.NAME.…``, with ``config['model']['backbone']`` and ``['heads']``.

* Weights alone, of Equiformer (V1) on MD17: ``state_dict`` and nothing else; recognised by the names of the weights.

Each may carry any number of ``module.`` (data-parallel training) and ``_orig_mod.`` (compiled training) in front.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from equical.errors import InputError

__all__ = ["Published", "parse_layout"]

DERIVED = {
    "SO3_rotation", "SO3_grid", "so3_rotation", "so3_grid", "mappingReduced", "expand_index", "balance_degree_weight",
    "distance_expansion", "wigner_index_to_m_array", "wigner_inv_rescale", "to_grid_mat", "from_grid_mat",
    "zero_padded_change_matrix",
}  # fmt: skip
"""Parts of names of buffers that follow from the architecture; as float32 copies they are worse than new ones."""

DERIVED_V1 = {"output_mask", "_compiled_main_left_right", "means", "betas"}
"""The same in Equiformer (V1), whose tensor products also keep the room for weights that they do not have."""

FIRST_GENERATION = "atom_embed.atom_type_lin.tp.weight"
"""Name of a weight that every Equiformer (V1) has and no later one."""

IN_MODEL_REFERENCES = "energy_lin_ref"
"""Name of the element references that some V2 models hold among their parameters, in units of the energy scale."""

HEADS = {
    "energy_block": "energy_block",
    "scalar_block": "energy_block",
    "force_block": "force_block",
    "vector_block": "force_block",
    "denoising_pos_block": "denoising_pos_block",
    "block": "stress_head.block",
    "sphharm_norm": "stress_head.sphharm_norm",
    "xedge_layer_norm": "stress_head.xedge_layer_norm",
}
"""What a module of a hydra head is called in the monolithic form used here."""


@dataclass(frozen=True)
class Published:
    """A checkpoint in one form, whatever its layout.

    Attributes:
        path: the file.
        generation: which network.
        model: name of the model class in the file.
        layout: how it was laid out.
        arguments: of the constructor of the network (of the backbone in a hydra).
        heads: arguments of the heads of a hydra, by the name of the head; empty in a monolithic file.
        parameters: weights under monolithic names, derived buffers dropped, in the order of the file.
        names: the name in the file of each of them.
        head_of: name of the head that a monolithic prefix (``"stress_head"`` …) comes from.
        content: the whole file.
    """

    path: Path
    generation: Literal["v1", "v2", "v3"]
    model: str
    layout: Literal["monolithic", "hydra"]
    arguments: dict[str, Any]
    heads: dict[str, dict[str, Any]]
    parameters: dict[str, Tensor]
    names: dict[str, str]
    head_of: dict[str, str]
    content: dict[str, Any]


def parse_layout(content: dict[str, Any], path: Path) -> Published:
    """Find the network, its arguments and its weights.

    Raises:
        InputError: the file is no training checkpoint, or of an architecture other than Equiformer, V2 and V3.
    """
    state = content.get("state_dict")
    config = content.get("config")
    if isinstance(state, Mapping) and _is_state(state) and FIRST_GENERATION in map(_without_wrappers, state):
        return _first_generation(content, state, path)
    if state is None or not _is_state(state):
        what = "only bare weights" if _is_state(content) else f"{', '.join(map(str, list(content)[:6])) or 'nothing'}"
        raise InputError(f"{path} is no training checkpoint: it holds {what}, but needs 'state_dict' and 'config'.")
    if not isinstance(config, Mapping) or "model" not in config:
        raise InputError(f"{path} has no 'config' with a 'model', so its architecture is unknown.")
    model, arguments, heads = _model_of(config, path)
    names = {_without_wrappers(name): name for name in state}
    kept = {name: file_name for name, file_name in names.items() if not DERIVED & set(name.split("."))}
    hydra = any(name.startswith(("backbone.", "output_heads.")) for name in kept)
    monolithic: dict[str, str] = {}
    head_of: dict[str, str] = {}
    for name, file_name in kept.items():
        new, head = _monolithic_name(name)
        prefix = new.split(".")[0]
        if head is not None and prefix != "output_heads" and head_of.setdefault(prefix, head) != head:
            raise InputError(f"{path} has two heads of one kind, {head_of[prefix]} and {head}: cannot choose.")
        monolithic[new] = file_name
    return Published(
        path=path,
        generation=_generation(model, path),
        model=model,
        layout="hydra" if hydra else "monolithic",
        arguments=arguments,
        heads=heads,
        parameters={name: state[file_name] for name, file_name in monolithic.items()},
        names=monolithic,
        head_of=head_of,
        content=content,
    )


def _first_generation(content: dict[str, Any], state: Mapping[str, Tensor], path: Path) -> Published:
    """An Equiformer (V1), with its arguments where the file has them."""
    config = content.get("config") or {}
    model, arguments = _model_of(config, path)[:2] if "model" in config else ("Equiformer", {})
    names = {_without_wrappers(name): name for name in state}
    kept = {
        name: file_name
        for name, file_name in names.items()
        if not DERIVED_V1 & set(name.split(".")) and state[file_name].numel() > 0
    }
    return Published(
        path=path,
        generation="v1",
        model=model,
        layout="monolithic",
        arguments=arguments,
        heads={},
        parameters={name: state[file_name] for name, file_name in kept.items()},
        names=kept,
        head_of={},
        content={**content, "config": config},
    )


def _is_state(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0 and all(isinstance(item, Tensor) for item in value.values())


def _model_of(config: Mapping[str, Any], path: Path) -> tuple[str, dict[str, Any], dict[str, dict[str, Any]]]:
    """Name of the model class, arguments of its constructor, and arguments of the heads of a hydra."""
    model = config["model"]
    if isinstance(model, str):
        return model, dict(config.get("model_attributes") or {}), {}
    if not isinstance(model, Mapping):
        raise InputError(f"{path} has a 'model' in its config that is neither a name nor a table.")
    arguments = dict(model)
    name = str(arguments.pop("name", arguments.pop("model", "without a name")))
    if "backbone" not in arguments:
        return name, arguments, {}
    backbone = dict(arguments["backbone"])
    heads = {str(head): dict(options) for head, options in (arguments.get("heads") or {}).items()}
    return str(backbone.pop("model", backbone.pop("name", name))), backbone, heads


def _generation(model: str, path: Path) -> Literal["v2", "v3"]:
    """The generation that a model name, possibly a full import path, belongs to."""
    plain = model.lower().replace("_", "").replace("eqv2", "equiformerv2").replace("eqv3", "equiformerv3")
    if "equiformerv3" in plain:
        return "v3"
    if "equiformerv2" in plain:
        return "v2"
    raise InputError(
        f"{path} holds a model of the architecture {model!r}; only Equiformer, EquiformerV2 and V3 can be converted."
    )


def _without_wrappers(name: str) -> str:
    return re.sub(r"^((module|_orig_mod)\.)+", "", name)


def _monolithic_name(name: str) -> tuple[str, str | None]:
    """The name in a monolithic file, and the head it belongs to in a hydra."""
    if name.startswith("backbone."):
        return name.removeprefix("backbone."), None
    if not name.startswith("output_heads."):
        return name, None
    _, head, rest = name.split(".", 2)
    module, _, leaf = rest.partition(".")
    return f"{HEADS.get(module, f'output_heads.{head}.{module}')}.{leaf}", head
