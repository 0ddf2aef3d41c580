"""EquiformerV2 as published: arguments to architecture, weights to ours."""

from typing import Any, Literal

from torch import Tensor, nn

from equical.conversion.layouts import IN_MODEL_REFERENCES, Published
from equical.conversion.names import SHARED_RULES, apply_rules, matched_weights, require_heads
from equical.conversion.options import Options, checked_config
from equical.errors import InputError
from equical.model import EquiformerV2Config

__all__ = ["in_model_references", "v2_config", "v2_name", "v2_weights"]

RULES = (
    *SHARED_RULES,
    (r"^noise_block", "denoising_pos_block"),
    (r"(ga|_block)\.rad_func", r"\1.so2_conv_1.rad_func"),
    (r"so2_linear_", "so2_conv_"),
    (r"weights\.(\d+)$", r"so2_m_conv.\1.fc.weight"),
    (r"scalar_norm", "norm_l0"),
    (r"((^|\.)norm(_[12])?|harmonics_norm)\.weight$", r"\1.affine_weight"),
    (r"scalar_linear", "scalar_mlp.0"),
    (r"grid_linear_1", "grid_mlp.0"),
    (r"grid_linear_2", "grid_mlp.2"),
    (r"grid_linear_3", "grid_mlp.4"),
    (r"harmonics_norm", "sphharm_norm"),
    (r"edge_norm", "xedge_layer_norm"),
    (r"\.isotropic_mlp", ".block.scalar_MLP"),
    (r"\.anisotropic_mlp", ".block.irrep2_MLP"),
)

AVERAGES = (77.81317, 23.395238876342773)
"""Number of atoms and of neighbours that normalise sums where a file does not say."""

AVERAGES_DENS_HYDRA = (31.16592360068011, 61.94676351484548)
"""The same for DeNS in the hydra layout."""


def v2_config(published: Published) -> tuple[EquiformerV2Config, list[str]]:
    """The architecture, and arguments that were ignored.

    Raises:
        InputError: an argument has a value that no published model has, or a head is missing.
    """
    require_heads(published, {"energy_block": "energy", "force_block": "force"})
    options = Options(published.arguments, published.path)
    _require_published_flags(options)
    denoising = any(name.startswith("force_embedding.") for name in published.parameters)
    averages = AVERAGES_DENS_HYDRA if denoising and published.layout == "hydra" else AVERAGES
    lmax, mmax = _single(options, "lmax_list", 6), _single(options, "mmax_list", 2)
    edge_grid, node_grid = _grids(options, lmax, mmax)
    stress, stress_layers = _stress_head(published)
    energy_head = published.heads.get(published.head_of.get("energy_block", ""), {})
    Options(energy_head, published.path).require("reduce", "sum", default="sum")
    config = checked_config(
        EquiformerV2Config,
        published.path,
        dict(
            cutoff=options.get("max_radius", 5.0),
            max_neighbors=options.get("max_neighbors", 500),
            strict_neighbors=options.get("enforce_max_neighbors_strictly", True),
            max_elements=options.get("max_num_elements", 90),
            num_layers=options.get("num_layers", 12),
            channels=options.get("sphere_channels", 128),
            lmax=lmax,
            mmax=mmax,
            attention_hidden=options.get("attn_hidden_channels", 128),
            num_heads=options.get("num_heads", 8),
            alpha_channels=options.get("attn_alpha_channels", 32),
            value_channels=options.get("attn_value_channels", 16),
            ffn_hidden=options.get("ffn_hidden_channels", 512),
            edge_channels=options.get("edge_channels", 128),
            edge_grid=edge_grid,
            node_grid=node_grid,
            avg_num_nodes=options.get("avg_num_nodes", 0) or averages[0],
            avg_degree=options.get("avg_degree", 0) or averages[1],
            stress=stress,
            stress_layers=stress_layers,
            denoising=denoising,
        ),
    )
    return config, options.ignored()


def v2_name(name: str) -> str:
    """The published (monolithic) name of one of our weights.

    >>> v2_name("blocks.0.attention.so2_linear_1.weights.0")
    'blocks.0.ga.so2_conv_1.so2_m_conv.0.fc.weight'
    """
    return apply_rules(name, RULES)


def v2_weights(network: nn.Module, published: Published) -> dict[str, Tensor]:
    """The published weights under our names."""
    return matched_weights(network, published, v2_name)


def in_model_references(published: Published) -> Tensor | None:
    """Energies of the elements that the network itself adds, in units of its energy: ``[max_elements]``."""
    references = published.parameters.get(IN_MODEL_REFERENCES)
    if references is None or not published.arguments.get("use_energy_lin_ref", False):
        return None
    return references.double().flatten()


def _require_published_flags(options: Options) -> None:
    options.require("norm_type", "layer_norm_sh", default="rms_norm_sh")
    options.require("distance_function", "gaussian", default="gaussian")
    for name in ("attn_activation", "ffn_activation"):  # read by no code: it is SiLU whatever they say
        options.require(name, "silu", "scaled_silu", default="scaled_silu")
    for name in ("use_pbc", "regress_forces", "use_atom_edge_embedding", "use_attn_renorm", "use_sep_s2_act"):
        options.require(name, True, default=True)
    options.require("use_grid_mlp", True, default=False)
    for name in ("share_atom_edge_embedding", "use_m_share_rad", "use_s2_act_attn", "use_gate_act"):
        options.require(name, False, default=False)
    options.require("use_tp_reparam", False, default=False)
    options.require("use_noise_schedule_sigma_encoding", False, default=False)
    for name in ("use_force_encoding", "use_denoising_energy", "use_denoising_stress"):  # of training alone
        options.get(name, True)
    for name in ("alpha_drop", "use_energy_lin_ref", "load_energy_lin_ref"):
        options.get(name, None)


def _single(options: Options, name: str, default: int) -> Any:
    values = options.get(name, [default])
    if isinstance(values, int):
        return values
    if len(values) != 1:
        raise InputError(f"{options.path} has {name} = {list(values)}: only models of one resolution are known.")
    return values[0]


def _grids(options: Options, lmax: int, mmax: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """(polar, azimuthal) points of the grids of edges and of atoms."""
    resolution = options.get("grid_resolution", None)
    if resolution is not None:
        return (resolution, resolution), (resolution, resolution)
    edge_azimuth = 2 * mmax + (3 if mmax == lmax else 1)
    return (2 * (lmax + 1), edge_azimuth), (2 * (lmax + 1), 2 * lmax + 3)


def _stress_head(published: Published) -> tuple[Literal["none", "receiver", "both"], int]:
    """Which atoms of an edge the stress head reads, and its number of linear layers."""
    if not any(name.startswith("stress_head.") for name in published.parameters):
        return "none", 2
    options = Options(published.heads.get(published.head_of.get("stress_head", ""), {}), published.path)
    options.require("decompose", True, default=False)
    options.require("edge_level_mlp", False, default=False)
    options.require("extensive", False, default=False)
    both = options.get("use_source_target_embedding", False)
    return "both" if both else "receiver", options.get("num_mlp_layers", options.get("num_layers", 2))
