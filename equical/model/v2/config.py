"""Hyper-parameters of an EquiformerV2 network."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from equical.model.sizes import Average, Cutoff, Grid, Heads, Layers, Radials, TableRows, Width

__all__ = ["EquiformerV2Config"]


class EquiformerV2Config(BaseModel):
    """Architecture of an EquiformerV2 network (arXiv 2306.12059) as published: direct forces, nearest neighbours.

    The defaults are those common to all published checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    generation: Literal["v2"] = Field("v2", description="which network this configures")
    cutoff: Cutoff = Field(12.0, description="neighbours within this distance may interact (Å)")
    max_neighbors: PositiveInt = Field(20, description="of them, only the nearest ones of an atom do")
    strict_neighbors: bool = Field(True, description="cut at exactly max_neighbors, or keep those as near as the last")
    max_elements: TableRows = Field(90, description="rows of the element tables: the largest atomic number plus one")
    num_layers: Layers = Field(8, description="transformer blocks")
    channels: Width = Field(128, description="channels of each coefficient on atoms")
    lmax: int = Field(4, ge=1, le=8, description="highest degree of the features")
    mmax: int = Field(2, ge=1, le=8, description="highest order kept on edges")
    attention_hidden: Width = Field(64, description="channels inside the attention, between its two convolutions")
    num_heads: Heads = Field(8, description="attention heads")
    alpha_channels: Width = Field(64, description="channels of one head that the attention weight is made from")
    value_channels: Width = Field(16, description="channels of one head that are summed")
    ffn_hidden: Width = Field(128, description="channels inside the feed-forward and the energy head")
    edge_channels: Width = Field(128, description="width of the radial networks and of their element tables")
    num_radial: Radials = Field(600, description="Gaussians between zero and the cutoff")
    edge_grid: Grid = Field((18, 18), description="(polar, azimuthal) points of the activation on edges")
    node_grid: Grid = Field((18, 18), description="(polar, azimuthal) points of the feed-forward on atoms")
    avg_degree: Average = Field(23.395238876342773, description="scales the embedding of edges")
    avg_num_nodes: Average = Field(77.81317, description="the sum over atoms is divided by this")
    stress: Literal["none", "receiver", "both"] = Field(
        "none", description="no stress head, or one that reads the receiver of an edge, or sender and receiver"
    )
    stress_layers: Layers = Field(2, description="linear layers after the mean over edges in the stress head")
    denoising: bool = Field(False, description="force encoding and noise head of DeNS training (arXiv 2403.09549)")

    @model_validator(mode="after")
    def _orders_within_degrees(self) -> Self:
        if self.mmax > self.lmax:
            raise ValueError(f"mmax ({self.mmax}) must not exceed lmax ({self.lmax})")
        if self.stress != "none" and self.lmax < 2:
            raise ValueError("a stress head needs lmax of at least 2")
        return self

    @property
    def conservative(self) -> bool:
        """Whether forces are the exact gradient of the energy: those of a head are not."""
        return False

    @property
    def smooth(self) -> bool:
        """Whether the energy is continuous in the positions: it jumps where the set of nearest neighbours changes."""
        return False
