"""Equiformer (V1): converted checkpoints predict what the published network does; files that do not fit are refused."""

import numpy as np
import pytest
import torch

from equical import EquiCalc, InputError, convert, load_checkpoint
from equical.conversion.layouts import parse_layout
from equical.conversion.v1 import v1_config
from equical.model import ForceEncoding
from equical.model.v1.irreps import Irreps
from equical.model.v1.presets import PUBLISHED
from tests.published_v1 import NAMES, checkpoint, expected, structure

ABSOLUTE = 1e-10
"""float64: weights of order one make outputs of order ten."""

SCALE, MEAN = 3.0, -70.0


def convert_content(content, folder, **options):
    torch.save(content, folder / "checkpoint.pt")
    options = {"energy_scale": SCALE, "energy_mean": MEAN} | options
    return convert(folder / "checkpoint.pt", folder / "model", **options)


def refusal(content, folder, **options):
    with pytest.raises(InputError) as caught:
        convert_content(content, folder, **options)
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_energy_and_forces_are_those_of_the_published_network(tmp_path, name):
    content = checkpoint(name)
    convert_content(content, tmp_path)
    atoms, wanted = structure(), expected(name)
    atoms.calc = EquiCalc(load_checkpoint(tmp_path / "model", dtype=torch.float64), device="cpu", dtype="float64")
    assert atoms.get_potential_energy() == pytest.approx(SCALE * wanted["energy"] + MEAN, abs=ABSOLUTE)
    np.testing.assert_allclose(atoms.get_forces(), SCALE * np.array(wanted["forces"]), rtol=0, atol=ABSOLUTE)


def test_corrupted_pass_of_dens(tmp_path):
    convert_content(checkpoint("md17_dens"), tmp_path)
    potential, wanted = load_checkpoint(tmp_path / "model", dtype=torch.float64).potential, expected("md17_dens")
    forces, mask = torch.tensor(wanted["input_forces"], dtype=torch.float64), torch.tensor(wanted["mask"])
    found = potential.predict(potential.graph(structure()), encoding=ForceEncoding(forces, mask))
    assert found.energy.item() == pytest.approx(SCALE * wanted["corrupted_energy"] + MEAN, abs=ABSOLUTE)
    np.testing.assert_allclose(found.noise.detach(), wanted["noise"], rtol=0, atol=ABSOLUTE)


def weights_alone(preset):
    """A file of weights that are zero, of a published size, under the names of a tiny network of its kind."""
    config, tiny = PUBLISHED[preset], checkpoint("md17_exp")["state_dict"]
    state = dict(tiny)
    for name, irreps in (("blocks.0.norm_1", config.irreps), ("norm", config.feature_irreps)):
        state[f"{name}.affine_weight"] = torch.ones(Irreps.parse(irreps).count)
    return {"state_dict": state}


def test_architecture_of_weights_alone_is_the_published_one_of_their_size(tmp_path):
    for preset in ("graph_attention_transformer_nonlinear_exp_l3_md17", "equiformer_md17_dens_l2"):
        config, _ = v1_config(parse_layout(weights_alone(preset), tmp_path))
        for key in ("irreps", "head_irreps", "ffn_irreps", "feature_irreps", "num_heads"):
            assert getattr(config, key) == getattr(PUBLISHED[preset], key)
        assert not config.smooth


def test_mistakes_are_told_in_one_line(tmp_path):
    content = checkpoint("md17_exp")
    state = content["state_dict"]
    assert "give both in eV" in refusal(content, tmp_path, energy_scale=None, energy_mean=None)
    assert "make no energies" in refusal(content, tmp_path, energy_scale=-1.0)
    assert "none has as many" in refusal({"state_dict": state}, tmp_path)
    lost = {name: value for name, value in state.items() if name != "blocks.1.ga.alpha_dot"}
    assert "missing: blocks.1.ga.alpha_dot" in refusal(content | {"state_dict": lost}, tmp_path)
    longer = state | {"blocks.1.ga.proj.tp.weight": torch.zeros(7)}
    assert "blocks.1.ga.proj.tp.weight" in refusal(content | {"state_dict": longer}, tmp_path)
    tagged = state | {"tag_embed.atom_type_lin.tp.weight": torch.zeros(18)}
    assert "tags" in refusal(content | {"state_dict": tagged}, tmp_path)


def test_models_of_qm9_know_its_elements(tmp_path):
    assert convert_content(checkpoint("qm9_bessel"), tmp_path).elements == (1, 6, 7, 8, 9)
    assert "6x0e+4x1e+2x2e" in (tmp_path / "model" / "README.md").read_text()
