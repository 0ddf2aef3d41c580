"""Equiformer of the first generation as published: arguments to architecture, weights to ours.

Its files from MD17 hold weights alone, so the architecture is read off their shapes; it must then be a published one.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from equical.conversion.layouts import Published
from equical.conversion.names import apply_rules, matched_weights
from equical.conversion.options import Options, checked_config
from equical.errors import InputError
from equical.model import EquiformerV1Config
from equical.model.v1.irreps import Irreps
from equical.model.v1.linear import IrrepsLinear
from equical.model.v1.presets import PUBLISHED
from equical.model.v1.product import DepthwiseProduct

__all__ = ["QM9_ELEMENTS", "v1_config", "v1_name", "v1_weights"]

QM9_ELEMENTS = (1, 6, 7, 8, 9)
"""Atomic numbers that the five rows of the element table of QM9 models are for."""

EMBEDDING = "atom_embed.atom_type_lin"
AVERAGES = (18.03065905448718, 15.57930850982666)
"""Number of atoms and of neighbours that normalise sums in all models of QM9 and MD17."""

RULES = (
    (r"^atom_embedding\.(table\.)?", f"{EMBEDDING}."),
    (r"^geometry\.basis\.frequencies", "rbf.rbf.frequencies"),
    (r"^geometry\.basis\.scale", "rbf.weight"),
    (r"^geometry\.basis\.", "rbf."),
    (r"^edge_degree_embedding\.constant", "edge_deg_embed.exp"),
    (r"^edge_degree_embedding\.radial", "edge_deg_embed.rad"),
    (r"^edge_degree_embedding", "edge_deg_embed"),
    (r"^force_embedding\.linear", "force_embed"),
    (r"^noise_head\.attention", "denoising_pos_head"),
    (r"\.attention\.", ".ga."),
    (r"\.feedforward\.linear_", ".ffn.fctp_"),
    (r"\.shortcut", ".ffn_shortcut"),
    (r"sender_linear", "merge_src"),
    (r"receiver_linear", "merge_dst"),
    (r"query_linear", "query"),
    (r"projection", "proj"),
    (r"message\.convolution\.radial", "sep.dtp_rad"),
    (r"message\.convolution\.linear", "sep.lin"),
    (r"message\.radial", "sep_act.dtp_rad"),
    (r"message\.gate_linear", "sep_act.lin"),
    (r"message\.alpha_linear", "sep_alpha"),
    (r"message\.weights_2", "sep_value.dtp.tp.weight"),
    (r"message\.value_linear", "sep_value.lin"),
    (r"message\.linear", "key_value.lin"),
    (r"message\.score\.dot", "alpha_dot"),
    (r"(rad\b|dtp_rad)\.linear_1", r"\1.net.0"),
    (r"(rad\b|dtp_rad)\.norm_1", r"\1.net.1"),
    (r"(rad\b|dtp_rad)\.linear_2", r"\1.net.3"),
    (r"(rad\b|dtp_rad)\.norm_2", r"\1.net.4"),
    (r"(rad\b|dtp_rad)\.linear_3\.weight", r"\1.net.6.weight"),
    (r"(rad\b|dtp_rad)\.linear_3\.bias", r"\1.offset"),
    (r"((?:^|\.)norm(?:_[12])?)\.(weight|bias)$", r"\1.affine_\2"),
    (r"^energy_head\.linear_1", "energy_head.0"),
    (r"^energy_head\.linear_2", "energy_head.2"),
)


def v1_config(published: Published) -> tuple[EquiformerV1Config, list[str]]:
    """The architecture, and arguments that were ignored.

    Raises:
        InputError: the shapes of the weights belong to no published architecture, or the model is one of OC20.
    """
    weights = published.parameters
    if _has(weights, "tag_embed."):
        raise InputError(
            f"{published.path} is an Equiformer for relaxed energies of OC20 (IS2RE): it needs the tags of surface and"
            " adsorbate, and has no energy surface, so it is no force field and cannot be converted."
        )
    options = Options(published.arguments, published.path)
    known = _published_architecture(published)
    rows = _shape(published, f"{EMBEDDING}.tp.weight")[0] // _shape(published, f"{EMBEDDING}.bias.0")[0]
    radial_channels, num_radial = _shape(published, "edge_deg_embed.rad.net.0.weight")
    config = checked_config(
        EquiformerV1Config,
        published.path,
        dict(
            cutoff=options.get("max_radius", 5.0),
            max_elements=QM9_ELEMENTS[-1] + 1 if rows == len(QM9_ELEMENTS) else rows,
            num_layers=len({name.split(".")[1] for name in weights if name.startswith("blocks.")}),
            irreps=options.get("irreps_node_embedding", known.get("irreps")),
            head_irreps=options.get("irreps_head", known.get("head_irreps")),
            ffn_irreps=options.get("irreps_mlp_mid", known.get("ffn_irreps")),
            feature_irreps=options.get("irreps_feature", known.get("feature_irreps")),
            num_heads=options.get("num_heads", known.get("num_heads")),
            attention=_attention(weights),
            radial_basis=_radial_basis(weights),
            num_radial=num_radial,
            radial_channels=radial_channels,
            envelope=False,
            avg_num_nodes=AVERAGES[0],
            avg_degree=AVERAGES[1],
            denoising=_has(weights, "force_embed."),
        ),
    )
    for name in ("irreps_sh", "number_of_basis", "num_layers", "basis_type", "fc_neurons", "nonlinear_message"):
        options.get(name, None)  # they show in the weights
    options.require("rescale_degree", False, default=False)
    options.require("norm_layer", "layer", default="layer")
    options.require("irreps_pre_attn", config.irreps, default=config.irreps)
    return config, options.ignored()


def v1_name(name: str) -> str:
    """The published name of one of our weights, matrices of one linear map numbered.

    >>> v1_name("blocks.0.attention.message.gate_linear.weights.1")
    'blocks.0.ga.sep_act.lin.weights.1'
    """
    return apply_rules(name, RULES)


def v1_weights(network: nn.Module, published: Published) -> dict[str, Tensor]:
    """The published weights under our names."""
    weights, names = dict(published.parameters), dict(published.names)
    dot_product = _attention(weights) == "dot_product"
    denoising = _has(weights, "energy_head.")

    def renamed(name: str) -> str:
        name = v1_name(name)
        if dot_product:
            name = name.replace(".ga.", ".dpa.").replace("sep_act.dtp_rad", "key_value.dtp_rad")
        return name if denoising else name.replace("energy_head.", "head.")

    _keep_live_rows(published, weights)
    for ours, module in network.named_modules():
        if isinstance(module, IrrepsLinear):
            _cut_matrices(renamed(ours), module, weights, names)
    _spread_elements(published, weights, names)
    for name in weights:
        if name.endswith("sep_value.dtp.tp.weight"):
            weights[name] = weights[name][None]
    return matched_weights(network, replace(published, parameters=weights, names=names), renamed)


def _keep_live_rows(published: Published, weights: dict[str, Tensor]) -> None:
    """Leave away what multiplies zeros: the embedding of edges sends scalars alone, yet has weights for all features.

    Products of scalars come first among the weights, and among the rows of each kind.
    """
    config, _ = v1_config(published)
    irreps = Irreps.parse(config.irreps)
    whole, live = (
        DepthwiseProduct(inputs, irreps, irreps.lmax, odd_harmonics=irreps.odd)
        for inputs in (irreps, Irreps.scalars_only(irreps.num_scalars))
    )
    radial, offset, projection = (
        f"edge_deg_embed.{part}" for part in ("rad.net.6.weight", "rad.offset", "proj.tp.weight")
    )
    widths = {part.kind: part.multiplicity for part in irreps.parts}
    blocks = [part.multiplicity * widths[part.kind] for part in whole.outputs.parts]
    fits = {radial: whole.num_weights, offset: whole.num_weights, projection: sum(blocks)}
    if any(name not in weights or len(weights[name]) != length for name, length in fits.items()):
        return  # told with everything else that does not fit
    for name in (radial, offset):
        weights[name] = weights[name][: live.num_weights]
    pieces = zip(whole.outputs.parts, weights[projection].split(blocks), strict=True)
    kept = [piece.reshape(-1, widths[part.kind])[: irreps.num_scalars].flatten()
            for part, piece in pieces if part.kind in live.outputs.kinds]  # fmt: skip
    weights[projection] = torch.cat(kept)


def _cut_matrices(theirs: str, module: IrrepsLinear, weights: dict[str, Tensor], names: dict[str, str]) -> None:
    """Cut the row of weights of a linear map into its matrices."""
    flat, sizes = weights.get(f"{theirs}.tp.weight"), [weight.numel() for weight in module.weights]
    if flat is None or flat.numel() != sum(sizes):
        return
    del weights[f"{theirs}.tp.weight"]
    for number, piece in enumerate(flat.flatten().split(sizes)):
        weights[f"{theirs}.weights.{number}"] = piece.reshape(module.weights[number].shape)
        names[f"{theirs}.weights.{number}"] = names[f"{theirs}.tp.weight"]
    if f"{theirs}.bias.0" in weights:
        weights[f"{theirs}.bias"] = weights.pop(f"{theirs}.bias.0")
        names[f"{theirs}.bias"] = names[f"{theirs}.bias.0"]


def _spread_elements(published: Published, weights: dict[str, Tensor], names: dict[str, str]) -> None:
    """Rows of the element table by atomic number."""
    bias, flat = weights.pop(f"{EMBEDDING}.bias.0"), weights.pop(f"{EMBEDDING}.tp.weight")
    table = flat.reshape(-1, len(bias))
    if len(table) == len(QM9_ELEMENTS):
        spread = table.new_zeros(QM9_ELEMENTS[-1] + 1, len(bias))
        spread[list(QM9_ELEMENTS)] = table
        table = spread
    weights |= {f"{EMBEDDING}.weight": table, f"{EMBEDDING}.bias": bias}
    names |= {f"{EMBEDDING}.{leaf}": names[f"{EMBEDDING}.tp.weight"] for leaf in ("weight", "bias")}


def _published_architecture(published: Published) -> dict[str, Any]:
    """The published architecture whose features are as many as those of the weights; empty if the file has its own.

    Raises:
        InputError: there is none.
    """
    if "irreps_node_embedding" in published.arguments:
        return {}
    found = [_shape(published, name)[0] for name in ("blocks.0.norm_1.affine_weight", "norm.affine_weight")]
    for config in PUBLISHED.values():
        if [Irreps.parse(text).count for text in (config.irreps, config.feature_irreps)] == found:
            return config.model_dump()
    raise InputError(
        f"{published.path} holds weights of an Equiformer with {found[0]} features an atom and {found[1]} in the end,"
        " and says nothing of its architecture; of the published ones none has as many."
    )


def _attention(weights: dict[str, Tensor]) -> str:
    if _has(weights, "blocks.0.dpa."):
        return "dot_product"
    return "linear" if _has(weights, "blocks.0.ga.sep.") else "nonlinear"


def _radial_basis(weights: dict[str, Tensor]) -> str:
    if "rbf.rbf.frequencies" in weights:
        return "bessel"
    return "gaussian" if "rbf.mean" in weights else "exp"


def _has(weights: dict[str, Tensor], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in weights)


def _shape(published: Published, name: str) -> tuple[int, ...]:
    if name not in published.parameters:
        raise InputError(f"{published.path} holds no whole Equiformer: {name} is missing.")
    return tuple(published.parameters[name].shape)
