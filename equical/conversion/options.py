"""Reading the arguments of a published network: defaults as published, nothing guessed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from equical.errors import InputError

__all__ = ["Options", "checked_config"]

Config = TypeVar("Config", bound=BaseModel)

NO_EFFECT = {
    "name", "model", "num_atoms", "bond_feat_dim", "num_targets", "use_pbc_single", "otf_graph", "regress_energy",
    "activation_checkpoint", "gradient_checkpointing_block_list", "use_head_reg", "num_distance_basis", "weight_init",
    "num_sphere_samples", "drop_path_rate", "proj_drop", "ffn_drop", "value_drop", "attn_weights_drop", "scale_file",
    "attn_mask_rate", "pass_through_head_outputs", "direct_forces",
}  # fmt: skip
"""Arguments that say nothing about the numbers of a trained network."""


class Options:
    """Arguments of a constructor, handed out with their published defaults; keeps book of what nobody asked for."""

    def __init__(self, arguments: Mapping[str, Any], path: Path):
        self.arguments, self.path = dict(arguments), path
        self.asked: set[str] = set(NO_EFFECT)

    def get(self, name: str, default: Any) -> Any:
        """The argument, or its default where it is missing or null."""
        self.asked.add(name)
        value = self.arguments.get(name)
        return default if value is None else value

    def require(self, name: str, *supported: Any, default: Any) -> None:
        """Refuse values other than those that published models have."""
        value = self.get(name, default)
        if value not in supported:
            listed = " or ".join(map(repr, supported))
            given = "" if name in self.arguments else " (its default)"
            raise InputError(
                f"{self.path} was trained with {name} = {value!r}{given}, which no published model has; supported is"
                f" {listed}."
            )

    def ignored(self) -> list[str]:
        """Arguments that nobody asked for and that are switched on; they may belong to a modified network."""
        return sorted(
            f"{name} = {value!r}" for name, value in self.arguments.items() if name not in self.asked and value
        )


def checked_config(kind: type[Config], path: Path, values: dict[str, Any]) -> Config:
    """A configuration from values of a file, its mistakes told in one line."""
    try:
        return kind(**values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InputError(f"{path} has a config that makes no network: {problems}.") from error
