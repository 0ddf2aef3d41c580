"""The published architectures by the names of the published code."""

from equical.model.v1.config import EquiformerV1Config

__all__ = ["PUBLISHED"]

_L2 = {
    "irreps": "128x0e+64x1e+32x2e",
    "head_irreps": "32x0e+16x1e+8x2e",
    "ffn_irreps": "384x0e+192x1e+96x2e",
}
_L2_MIRROR = {
    "irreps": "128x0e+32x0o+32x1e+32x1o+16x2e+16x2o",
    "head_irreps": "32x0e+8x0o+8x1e+8x1o+4x2e+4x2o",
    "ffn_irreps": "384x0e+96x0o+96x1e+96x1o+48x2e+48x2o",
}
_L3 = {
    "irreps": "128x0e+64x1e+64x2e+32x3e",
    "head_irreps": "32x0e+16x1e+16x2e+8x3e",
    "ffn_irreps": "384x0e+192x1e+192x2e+96x3e",
}
_L3_MIRROR = {
    "irreps": "128x0e+64x0o+32x1e+32x1o+32x2e+32x2o+16x3e+16x3o",
    "head_irreps": "32x0e+16x0o+8x1e+8x1o+8x2e+8x2o+4x3e+4x3o",
    "ffn_irreps": "384x0e+192x0o+96x1e+96x1o+96x2e+96x2o+48x3e+48x3o",
}
_COMMON = {
    "num_layers": 6,
    "feature_irreps": "512x0e",
    "num_heads": 4,
    "radial_channels": 64,
    "envelope": False,
    "avg_num_nodes": 18.03065905448718,
}
_QM9 = _COMMON | {"max_elements": 10, "radial_basis": "bessel", "num_radial": 8}
_GAUSSIANS = {"radial_basis": "gaussian", "num_radial": 128}
_MD17 = _COMMON | {"max_elements": 64, "radial_basis": "exp", "num_radial": 32}

PUBLISHED: dict[str, EquiformerV1Config] = {
    name: EquiformerV1Config(**arguments)
    for name, arguments in {
        "graph_attention_transformer_l2": _QM9 | _L2 | _GAUSSIANS | {"attention": "linear"},
        "graph_attention_transformer_nonlinear_l2": _QM9 | _L2 | _GAUSSIANS,
        "graph_attention_transformer_nonlinear_l2_e3": _QM9 | _L2_MIRROR | _GAUSSIANS,
        "graph_attention_transformer_nonlinear_bessel_l2": _QM9 | _L2,
        "dot_product_attention_transformer_l2": _QM9 | _L2 | _GAUSSIANS | {"attention": "dot_product"},
        "graph_attention_transformer_nonlinear_exp_l2_md17": _MD17 | _L2,
        "graph_attention_transformer_nonlinear_bessel_l2_md17": _MD17 | _L2 | {"radial_basis": "bessel"},
        "graph_attention_transformer_nonlinear_exp_l3_md17": _MD17 | _L3,
        "graph_attention_transformer_nonlinear_exp_l3_e3_md17": _MD17 | _L3_MIRROR,
        "equiformer_md17_dens_l2": _MD17 | _L2 | {"feature_irreps": "512x0e+256x1e+128x2e", "denoising": True},
        "equiformer_md17_dens_l3": _MD17 | _L3 | {"feature_irreps": "512x0e+256x1e+256x2e+128x3e", "denoising": True},
    }.items()
}  # fmt: skip
"""Names of the published constructors, each with the number of radial functions that its scripts give it; that of DeNS
with the degree behind it."""
