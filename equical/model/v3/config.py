"""Every hyper-parameter of a network, checked at the door."""

from math import pi
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from equical.model.sizes import Average, Cutoff, Grid, Heads, Layers, Radials, TableRows, Width

__all__ = ["ModelConfig", "cap_bites"]

DENSEST_SOLID = 0.25
"""Atoms per Å³ beyond that of any solid below about 100 GPa; diamond has 0.18 at ambient pressure."""


class ModelConfig(BaseModel):
    """Architecture of an EquiformerV3-style network (arXiv 2604.09130).

    The defaults describe a small conservative model that is quick on a CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    generation: Literal["v3"] = Field("v3", description="which network this configures")
    cutoff: Cutoff = Field(5.0, description="neighbours within this distance interact (Å)")
    max_neighbors: PositiveInt | None = Field(
        None, description="only the nearest ones of an atom interact, as in published models; none: all of them"
    )
    strict_neighbors: bool = Field(True, description="cut at exactly max_neighbors, or keep those as near as the last")
    max_elements: TableRows = Field(100, description="rows of the element tables: the largest atomic number plus one")
    num_layers: Layers = Field(2, description="transformer blocks")
    channels: Width = Field(32, description="channels of each coefficient on atoms")
    lmax: int = Field(2, ge=1, le=8, description="highest degree of the features")
    mmax: int = Field(2, ge=1, le=8, description="highest order kept on edges")
    attention_hidden: Width = Field(16, description="channels inside the attention, between its two convolutions")
    num_heads: Heads = Field(4, description="attention heads")
    alpha_channels: Width = Field(16, description="channels of one head that the attention weight is made from")
    value_channels: Width = Field(8, description="channels of one head that are summed")
    ffn_hidden: Width = Field(64, description="channels inside the feed-forward and the heads")
    edge_channels: Width = Field(32, description="width of the radial networks and of their element tables")
    num_radial: Radials = Field(10, description="Gaussians between zero and the cutoff")
    message_channels: Width | None = Field(
        None, description="channels that atoms send along edges, after a linear map; none: all of them, as published"
    )
    merge: Literal["concat", "add"] = Field(
        "concat", description="how sender and receiver make a message: side by side, or summed (half the width)"
    )
    mirror: bool = Field(
        False, description="mirror images have the same energy, exactly; in published networks they have not"
    )
    edge_activation: Literal["swiglu_s2", "gate"] = Field(
        "swiglu_s2", description="non-linearity inside the attention: product on the sphere, or gates"
    )
    edge_grid: Grid | None = Field(None, description="(polar, azimuthal) points; none: smallest exact grid")
    node_grid: Grid | None = Field(None, description="(polar, azimuthal) points; none: smallest exact grid")
    envelope: bool = Field(True, description="smooth cutoff in the softmax and on messages")
    attention_eps: PositiveFloat = Field(1e-16, le=1.0, description="added to the denominator of the softmax")
    avg_degree: Average = Field(40.0, description="typical number of neighbours; scales the embedding of edges")
    avg_num_nodes: Average = Field(1.0, description="the sum over atoms is divided by this")
    forces: Literal["gradient", "direct"] = Field(
        "gradient", description="forces and stress as derivatives of the energy, or from heads of their own"
    )
    direct_stress: bool = Field(True, description="a stress head beside the force head of a direct model")
    denoising: bool = Field(False, description="force encoding and noise head of DeNS training (arXiv 2403.09549)")
    repulsion: Literal["none", "zbl"] = Field(
        "none", description="an analytic core (Ziegler, Biersack, Littmark) that keeps atoms apart where no data is"
    )

    @model_validator(mode="after")
    def _orders_within_degrees(self) -> Self:
        if self.mmax > self.lmax:
            raise ValueError(f"mmax ({self.mmax}) must not exceed lmax ({self.lmax})")
        return self

    @property
    def conservative(self) -> bool:
        """Whether forces are the exact gradient of the energy."""
        return self.forces == "gradient"

    @property
    def smooth(self) -> bool:
        """Whether the energy is continuous in the positions: nothing is cut off before it has faded away."""
        return self.envelope and not cap_bites(self.max_neighbors, self.cutoff)


def cap_bites(max_neighbors: int | None, cutoff: float) -> bool:
    """Whether any solid is so dense that an atom can have more than ``max_neighbors`` within ``cutoff`` (Å)."""
    return max_neighbors is not None and max_neighbors < DENSEST_SOLID * 4 / 3 * pi * cutoff**3
