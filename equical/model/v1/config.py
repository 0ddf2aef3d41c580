"""Hyper-parameters of an Equiformer network of the first generation."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from equical.model.sizes import Average, Cutoff, Heads, Layers, Radials, TableRows, Width
from equical.model.v1.irreps import SCALAR, Irreps

__all__ = ["EquiformerV1Config"]

HIGHEST = 6
"""Degree beyond which nobody has trained such a network."""


def _checked(text: str) -> str:
    irreps = Irreps.parse(text)
    if irreps.kinds[0] != SCALAR:
        raise ValueError(f"{text!r:.80} must begin with scalars, such as 64x0e")
    if irreps.lmax > HIGHEST:
        raise ValueError(f"degrees go up to {HIGHEST}")
    return str(irreps)


IrrepsText = Annotated[str, Field(max_length=200), AfterValidator(_checked)]


class EquiformerV1Config(BaseModel):
    """Architecture of an Equiformer network (arXiv 2206.11990): attention with depth-wise tensor products.

    The defaults describe a small model; :mod:`.presets` has the published ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    generation: Literal["v1"] = Field("v1", description="which network this configures")
    cutoff: Cutoff = Field(5.0, description="neighbours within this distance interact (Å)")
    max_neighbors: PositiveInt | None = Field(
        None, description="only the nearest ones of an atom interact; none: all of them"
    )
    strict_neighbors: bool = Field(True, description="cut at exactly max_neighbors, or keep those as near as the last")
    max_elements: TableRows = Field(100, description="rows of the element table: the largest atomic number plus one")
    num_layers: Layers = Field(2, description="transformer blocks")
    irreps: IrrepsText = Field(
        "32x0e+16x1e+8x2e",
        description="features of an atom by degree and parity; with odd ones (1o) mirror images have the same energy",
    )
    feature_irreps: IrrepsText = Field(
        "64x0e", description="features after the last block, that the energy is read off"
    )
    head_irreps: IrrepsText = Field("8x0e+4x1e+2x2e", description="features of one attention head")
    num_heads: Heads = Field(4, description="attention heads")
    ffn_irreps: IrrepsText = Field("64x0e+32x1e+16x2e", description="features inside the feed-forward")
    attention: Literal["nonlinear", "linear", "dot_product"] = Field(
        "nonlinear",
        description=(
            "messages of two tensor products with gates between and weights of a small network (the published default),"
            " messages of one tensor product, or those with weights of scalar products of queries and keys"
        ),
    )
    radial_basis: Literal["exp", "bessel", "gaussian"] = Field(
        "exp", description="functions of the distance: of MD17 models, of QM9 models, or Gaussians that are learned"
    )
    num_radial: Radials = Field(16, description="how many functions of the distance there are")
    radial_channels: Width = Field(32, description="width of the radial networks")
    envelope: bool = Field(
        True, description="smooth cutoff in the softmax, on messages and in the embedding; published models have none"
    )
    avg_degree: Average = Field(
        15.57930850982666, description="typical number of neighbours, whose root divides the embedding of edges"
    )
    avg_num_nodes: Average = Field(1.0, description="the sum over atoms is divided by the root of this")
    denoising: bool = Field(False, description="force encoding and noise head of DeNS training (arXiv 2403.09549)")

    @model_validator(mode="after")
    def _degrees_within_those_of_atoms(self) -> Self:
        parsed = Irreps.parse(self.irreps)
        if parsed.lmax < 1:
            raise ValueError("irreps must go up to degree 1 at least, such as 32x0e+16x1e")
        for name in ("feature_irreps", "head_irreps", "ffn_irreps"):
            strange = [str(Irreps((part,))) for part in Irreps.parse(getattr(self, name)).parts
                       if part.kind not in parsed.kinds]  # fmt: skip
            if strange:
                raise ValueError(f"{name} has {strange[0]}, a kind that irreps ({self.irreps}) has not")
        return self

    @property
    def conservative(self) -> bool:
        """Whether forces are the exact gradient of the energy."""
        return True

    @property
    def smooth(self) -> bool:
        """Whether the energy is continuous in the positions: nothing is cut off before it has faded away."""
        return self.envelope and self.max_neighbors is None
