"""The published generations of the network: which configuration makes which."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.network import EquiformerV1
from equical.model.v2.config import EquiformerV2Config
from equical.model.v2.network import EquiformerV2
from equical.model.v3.config import ModelConfig
from equical.model.v3.network import Equiformer

__all__ = ["AnyConfig", "build_network", "parse_config"]

AnyConfig = ModelConfig | EquiformerV1Config | EquiformerV2Config
"""Architecture of a network of any generation."""

_ADAPTER: TypeAdapter[AnyConfig] = TypeAdapter(Annotated[AnyConfig, Field(discriminator="generation")])


def parse_config(data: dict[str, Any]) -> AnyConfig:
    """The configuration that ``model_dump`` wrote; ``generation`` says of which class, V3 where it is missing.

    Raises:
        pydantic.ValidationError: for unknown fields, or values out of range.
    """
    return _ADAPTER.validate_python({"generation": "v3"} | data)


def build_network(config: AnyConfig) -> Equiformer | EquiformerV1 | EquiformerV2:
    """A network with random weights."""
    if isinstance(config, EquiformerV1Config):
        return EquiformerV1(config)
    return EquiformerV2(config) if isinstance(config, EquiformerV2Config) else Equiformer(config)
