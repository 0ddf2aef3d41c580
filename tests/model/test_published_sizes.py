"""Networks of the published sizes have the published numbers of parameters; they are built without memory."""

import pytest
import torch

from equical.model import AnyConfig, EquiformerV2Config, ModelConfig
from equical.model.generations import build_network
from equical.model.v1.irreps import Irreps
from equical.model.v1.presets import PUBLISHED
from equical.model.v1.product import DepthwiseProduct

OMAT_V2 = {"max_elements": 96, "stress": "both"}
V3 = {
    "cutoff": 6.0,
    "max_elements": 128,
    "num_layers": 7,
    "channels": 128,
    "edge_channels": 128,
    "attention_hidden": 32,
    "num_heads": 8,
    "alpha_channels": 64,
    "value_channels": 16,
    "ffn_hidden": 512,
    "lmax": 4,
    "mmax": 2,
    "num_radial": 64,
}
DENS = {"forces": "direct", "denoising": True}
OC20_V3 = {"lmax": 6, "num_layers": 8, "attention_hidden": 64, "num_radial": 128}


def count(config: AnyConfig) -> int:
    with torch.device("meta"):
        network = build_network(config)
    assert all(parameter.is_meta for parameter in network.parameters())
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        pytest.param({}, 31_058_690, id="OC20 All+MD 31M"),
        pytest.param({"num_layers": 12, "lmax": 6}, 83_164_802, id="OC20 2M 83M"),
        pytest.param({"num_layers": 20, "lmax": 6, "mmax": 3}, 153_602_690, id="OC20 All+MD 153M"),
        pytest.param({"num_layers": 18, "lmax": 6}, 121_526_492 - 90, id="OC22 121M, less its 90 element references"),
        pytest.param(OMAT_V2, 31_207_434, id="OMat24 S"),
        pytest.param({"num_layers": 10, "lmax": 6, "mmax": 4} | OMAT_V2, 86_589_068, id="OMat24 M"),
        pytest.param({"num_layers": 20, "lmax": 6, "mmax": 3} | OMAT_V2, 153_769_868, id="OMat24 L"),
        pytest.param({"denoising": True} | OMAT_V2, 34_339_083, id="MPtrj DeNS S"),
        pytest.param({"num_layers": 12, "lmax": 6, "denoising": True}, 89_148_163, id="OC20 2M DeNS"),
        pytest.param({"num_layers": 20, "lmax": 6, "mmax": 3, "denoising": True}, 160_504_579, id="OC20 All+MD DeNS"),
        pytest.param({"num_layers": 18, "lmax": 6, "denoising": True}, 127_509_763, id="OC22 DeNS"),
    ],
)
def test_v2(changes, published):
    assert count(EquiformerV2Config(**changes)) == published


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        pytest.param({}, 30_333_409, id="OAM and OMat24, gradient"),
        pytest.param({"num_radial": 10}, 30_278_113, id="MPtrj, gradient"),
        pytest.param({"lmax": 6}, 48_841_313, id="OMat24, gradient, L6"),
        pytest.param(DENS, 34_928_164, id="OMat24, direct and DeNS"),
        pytest.param({"lmax": 6} | DENS, 57_077_924, id="OMat24, direct and DeNS, L6"),
        pytest.param({"num_radial": 10} | DENS, 34_859_044, id="MPtrj, direct and DeNS"),
        pytest.param(OC20_V3 | {"forces": "direct", "direct_stress": False}, 91_390_274, id="OC20 2M"),
    ],
)
def test_v3(changes, published):
    assert count(ModelConfig(**V3 | changes)) == published


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("graph_attention_transformer_nonlinear_exp_l2_md17", 3.50),
        ("graph_attention_transformer_nonlinear_exp_l3_md17", 5.50),
        ("equiformer_md17_dens_l2", 4.00),
        ("equiformer_md17_dens_l3", 6.35),
    ],
)
def test_v1(name, millions):
    """As the papers have them (arXiv 2206.11990, 2403.09549): with the weights of the embedding that multiply zeros."""
    config = PUBLISHED[name]
    irreps = Irreps.parse(config.irreps)
    whole, live = (
        DepthwiseProduct(inputs, irreps, irreps.lmax, odd_harmonics=False)
        for inputs in (irreps, Irreps.scalars_only(irreps.num_scalars))
    )
    dead = (whole.num_weights - live.num_weights) * (config.radial_channels + 1)
    for part, kept, out in zip(whole.outputs.parts, live.outputs.parts, irreps.parts, strict=True):
        dead += (part.multiplicity - kept.multiplicity) * out.multiplicity
    assert (count(config) + dead) / 1e6 == pytest.approx(millions, abs=0.006)
