"""A model grows by a degree without a change of what it says, and is stored in half the bytes."""

import pytest
import torch
from click.testing import CliRunner

from equical import EquiCalc, InputError
from equical.checkpoint import load_checkpoint, save_checkpoint
from equical.model import Potential
from equical.model.v3.norm import MergedLayerNorm
from tests.conftest import TINY, random_potential

NARROW = TINY.model_copy(update={"message_channels": 4, "merge": "add", "mirror": True, "edge_activation": "gate"})


def without_epsilons(potential: Potential) -> Potential:
    """The mean squares that norms divide by, and nothing beside them."""
    for module in potential.network.modules():
        if isinstance(module, MergedLayerNorm):
            module.eps = 0.0
    return potential


def test_a_grown_model_says_what_it_said_before(universal, structure):
    small = random_potential(NARROW)
    grown = universal("grow").grow(small)
    assert grown.config.lmax == small.config.lmax + 1
    before, after = (without_epsilons(p).predict(p.graph(structure)) for p in (small, grown))
    torch.testing.assert_close(after.energy, before.energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(after.forces, before.forces, rtol=0, atol=1e-8)


def test_gradients_reach_the_new_degree(universal, copper):
    """Else it would never be learnt."""
    grown = universal("grow").grow(random_potential(NARROW))
    grown.predict(grown.graph(copper), create_graph=True).energy.sum().backward()
    for block in grown.network.blocks:
        for writes in (block.attention.projection, block.feedforward.so3_linear_2):
            assert writes.weight[-1].abs().max() == 0
    first = grown.network.blocks[0]
    assert first.feedforward.so3_linear_2.weight.grad[-1].abs().max() > 0
    assert first.attention.so2_linear_2.linear_m0.weight.grad[:, -NARROW.attention_hidden :].abs().max() > 0


@pytest.mark.parametrize("change", [{"mirror": False}, {"edge_activation": "swiglu_s2"}, {"forces": "direct"}])
def test_other_architectures_do_not_grow(universal, change):
    with pytest.raises(InputError, match=r"Only .* can grow"):
        universal("grow").grow(random_potential(NARROW.model_copy(update=change)))


@pytest.mark.parametrize("script", ["grow", "store"])
def test_a_folder_becomes_another_that_computes(universal, script, copper, tmp_path):
    """But for the epsilons of norms, or for the rounding."""
    save_checkpoint(tmp_path / "small", random_potential(NARROW), {"note": "kept"})
    arguments = [str(tmp_path / "small"), str(tmp_path / "new")]
    result = CliRunner().invoke(universal(script).main, arguments)
    assert result.exit_code == 0, result.output
    assert load_checkpoint(tmp_path / "new").metadata["note"] == "kept"
    energies = []
    for name in ("small", "new"):
        copper.calc = EquiCalc(tmp_path / name)
        energies.append(copper.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1], abs=0.01)


def test_what_is_stored_takes_half_the_bytes(universal, tmp_path):
    save_checkpoint(tmp_path / "small", random_potential(NARROW).to(torch.float32), {})
    CliRunner().invoke(universal("store").main, [str(tmp_path / "small"), str(tmp_path / "new")])
    before, after = ((tmp_path / name / "model.safetensors").stat().st_size for name in ("small", "new"))
    assert after < 0.6 * before  # the header with the names stays
    stored = load_checkpoint(tmp_path / "new", dtype=torch.float64).potential.state_dict()
    for name, weight in load_checkpoint(tmp_path / "small", dtype=torch.float64).potential.state_dict().items():
        assert (stored[name] - weight).abs().max() <= 2**-11 * weight.abs().max()
