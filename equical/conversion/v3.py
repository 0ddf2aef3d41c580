"""EquiformerV3 as published: arguments to architecture, weights to ours."""

from torch import Tensor, nn

from equical.conversion.layouts import Published
from equical.conversion.names import SHARED_RULES, apply_rules, matched_weights, require_heads
from equical.conversion.options import Options, checked_config
from equical.model import ModelConfig

__all__ = ["v3_config", "v3_name", "v3_weights"]

RULES = (
    *SHARED_RULES,
    (r"^noise_block", "dens_block"),
    (r"^stress_head", "stress_block"),
    (r"weights\.(\d+)$", r"so2_m_linear.\1.fc.weight"),
    (r"((^|\.)norm(_[12])?)\.(weight|bias)$", r"\1.affine_\4"),
    (r"scalar_linear", "scalar_mlp.0.linear"),
    (r"ffn\.(gate_linear|grid_linear_)", r"ffn.grid_mlp.\1"),
    (r"gate_linear", "gating_linear"),
)

ACTIVATIONS = ("sep-merge_gates2_swiglu", "sep-merge_gates2_swiglu_mem")
"""Two names of the same non-linearity; the second saves memory in training."""


def v3_config(published: Published) -> tuple[ModelConfig, list[str]]:
    """The architecture, and arguments that were ignored.

    Raises:
        InputError: an argument has a value that no published model has, or a head is missing.
    """
    options = Options(published.arguments, published.path)
    direct = options.get("direct_prediction", True)
    denoising = any(name.startswith("force_embedding.") for name in published.parameters)
    require_heads(published, {"energy_block": "energy"} | ({"force_block": "force"} if direct else {}))
    _require_published_flags(options, vector_heads=direct or denoising)
    lmax, mmax = options.get("lmax", 6), options.get("mmax", 2)
    config = checked_config(
        ModelConfig,
        published.path,
        dict(
            cutoff=options.get("max_radius", 12.0),
            max_neighbors=options.get("max_neighbors", 20),
            strict_neighbors=options.get("enforce_max_neighbors_strictly", True),
            max_elements=options.get("max_num_elements", 128),
            num_layers=options.get("num_layers", 12),
            channels=options.get("num_channels", 128),
            lmax=lmax,
            mmax=mmax,
            attention_hidden=options.get("attn_hidden_channels", 64),
            num_heads=options.get("num_heads", 8),
            alpha_channels=options.get("attn_alpha_channels", 32),
            value_channels=options.get("attn_value_channels", 16),
            ffn_hidden=options.get("ffn_hidden_channels", 128),
            edge_channels=options.get("edge_channels", 128),
            num_radial=options.get("num_radial_basis", 600),
            edge_grid=_grid(options.get("attn_grid_resolution_list", (20, 8)), lmax, mmax),
            node_grid=_grid(options.get("ffn_grid_resolution_list", (20, 20)), lmax, lmax),
            attention_eps=options.get("attn_eps", 1e-16),
            avg_num_nodes=options.get("avg_num_nodes", 77.81317),
            avg_degree=options.get("avg_degree", 23.395238876342773),
            forces="direct" if direct else "gradient",
            direct_stress=options.get("regress_stress", False),
            denoising=denoising,
        ),
    )
    return config, options.ignored()


def v3_name(name: str) -> str:
    """The published (monolithic) name of one of our weights.

    >>> v3_name("blocks.0.attention.so2_linear_1.weights.0")
    'blocks.0.ga.so2_linear_1.so2_m_linear.0.fc.weight'
    """
    return apply_rules(name, RULES)


def v3_weights(network: nn.Module, published: Published) -> dict[str, Tensor]:
    """The published weights under our names."""
    return matched_weights(network, published, v3_name)


def _require_published_flags(options: Options, *, vector_heads: bool) -> None:
    options.require("norm_type", "merge_layer_norm", default="merge_layer_norm")
    for name in ("attn_activation", "ffn_activation"):
        options.require(name, *ACTIVATIONS, default=ACTIVATIONS[0])
    for name in ("use_pbc", "regress_forces", "use_grid_mlp", "use_atom_edge_embedding", "use_attn_renorm"):
        options.require(name, True, default=True)
    for name in ("use_rad_l_parametrization", "use_envelope"):
        options.require(name, True, default=True)
    options.require("use_add_merge", False, default=False)
    options.require("softcap", 0, default=0)
    options.require("alpha_drop", 0, default=0)  # the name lies: it also changes the activation
    if vector_heads:  # gradient models have none, whatever the flag says
        options.require("use_gate_force_head", True, default=True)
    options.get("use_gate_force_head", True)


def _grid(resolution: tuple[int, int], lmax: int, azimuthal: int) -> tuple[int, int] | None:
    """The published grid, or none where it resolves products exactly: then the smallest exact grid gives the same."""
    polar, azimuth = resolution
    return None if polar > 3 * lmax and azimuth > 3 * azimuthal else (polar, azimuth)
