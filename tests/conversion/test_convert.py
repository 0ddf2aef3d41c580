"""Layouts, weights and units: what a checkpoint file may look like, and how one that does not fit itself is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from equical import EquiCalc, InputError, convert, load_checkpoint
from tests.published import NAMES, checkpoint, physical, structures, write_checkpoint

PREFIXES = ("", "module.", "module.module.", "_orig_mod.", "module._orig_mod.module.")


def convert_content(content: dict, folder: Path, **options):
    return convert(write_checkpoint(folder / "checkpoint.pt", content), folder / "model", **options)


def renamed(content: dict, change) -> dict:
    return content | {"state_dict": {change(name): tensor for name, tensor in content["state_dict"].items()}}


def bare(name: str) -> str:
    return name.replace("module.", "")


def with_prefix(content: dict, prefix: str) -> dict:
    return renamed(content, lambda name: prefix + bare(name))


def refusal(content: dict, folder: Path, **options) -> str:
    """The one line with which a checkpoint is refused; nothing may be left behind."""
    with pytest.raises(InputError) as caught:
        convert_content(content, folder, **options)
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_wrappers_are_stripped(tmp_path, prefix):
    convert_content(with_prefix(checkpoint("v3_grad"), prefix), tmp_path)
    convert_content(checkpoint("v3_grad"), tmp_path, overwrite=True)
    assert load_checkpoint(tmp_path / "model").potential.config.generation == "v3"


def test_overwriting_replaces_the_model_and_keeps_what_is_not_its_own(tmp_path):
    convert_content(checkpoint("v3_grad"), tmp_path)
    (tmp_path / "model" / "NOTES.md").write_text("mine")
    (tmp_path / "model" / "README.md").write_text("old")
    convert_content(checkpoint("v3_grad"), tmp_path, overwrite=True)
    assert (tmp_path / "model" / "NOTES.md").read_text() == "mine"
    assert (tmp_path / "model" / "README.md").read_text() != "old"
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "model"}


@pytest.mark.parametrize(
    ("name", "count"),
    [("v2_oc20", 171_202), ("v2_hydra", 174_314), ("v3_direct", 194_011), ("v3_grad", 148_497), ("v3_dens", 234_692)],
)
def test_every_weight_arrives_and_no_derived_buffer(tmp_path, name, count):
    found = convert_content(checkpoint(name), tmp_path)
    assert found.num_parameters == count
    stored = load_file(tmp_path / "model" / "model.safetensors")
    assert sum(tensor.numel() for tensor in stored.values()) == count
    assert all(tensor.isfinite().all() for tensor in stored.values())


@pytest.mark.parametrize("name", NAMES)
def test_conversion_is_described(tmp_path, name):
    found = convert_content(checkpoint(name), tmp_path)
    metadata = load_checkpoint(tmp_path / "model").metadata
    assert metadata["source"]["model"] == found.model
    assert metadata["training"]["epoch"] == 1
    assert metadata["notes"] == list(found.warnings)
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"{found.num_parameters:,}" in card
    for note in found.warnings:
        assert note in card


def test_hydra_heads_may_have_any_name(tmp_path):
    content = renamed(checkpoint("v2_hydra"), lambda name: name.replace("output_heads.energy.", "output_heads.toten."))
    heads = content["config"]["model"]["heads"]
    heads["toten"] = heads.pop("energy")
    convert_content(content, tmp_path)
    hea = next(atoms for atoms in structures("v2_hydra") if atoms.info["name"] == "cupt_bulk")
    hea.calc = EquiCalc(tmp_path / "model", device="cpu", dtype="float64")
    assert hea.get_potential_energy() == pytest.approx(physical("v2_hydra", hea)["energy"], rel=1e-12)


def test_dens_hydra_names_its_blocks_otherwise(tmp_path):
    """DeNS heads in the hydra layout: scalar_block, vector_block and denoising_pos_block, and a force embedding."""
    content = checkpoint("v2_hydra")
    state = content["state_dict"]
    prefix = "module.output_heads.forces."
    noise = {
        name.replace(f"{prefix}force_block", f"{prefix}denoising_pos_block"): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    embedding = {"weight": torch.rand(5, 16, 1), "bias": torch.rand(16)}
    state |= noise | {f"module.backbone.force_embedding.{name}": tensor for name, tensor in embedding.items()}
    content = renamed(
        content,
        lambda name: name.replace(".energy_block.", ".scalar_block.").replace(".force_block.", ".vector_block."),
    )
    content["config"]["model"]["backbone"]["model"] = (
        "fairchem.core.models.equiformer_v2.equiformer_v2_dens.EqV2DeNSBackbone"
    )
    content["normalizers"]["denoising_pos_target"] = {"mean": torch.tensor(0.0), "rmsd": torch.tensor(0.1)}
    convert_content(content, tmp_path)
    potential = load_checkpoint(tmp_path / "model").potential
    assert potential.config.denoising
    assert potential.scales.noise == pytest.approx(0.1)
    assert torch.equal(potential.network.force_embedding.linear.bias, embedding["bias"])
    ours = potential.network.noise_head.attention.alpha_dot
    assert torch.equal(ours, state[f"{prefix}force_block.alpha_dot"].reshape(ours.shape))


def test_in_model_references_of_oc22(tmp_path):
    """They are in units of the energy scale, and added before it is applied."""
    content = checkpoint("v2_oc20")
    references = torch.linspace(-3, -1, 90)
    content["state_dict"]["module.module.energy_lin_ref"] = references
    content["config"]["model_attributes"] |= {"use_energy_lin_ref": True, "load_energy_lin_ref": True}
    found = convert_content(content, tmp_path)
    assert found.energy_kind == "total"
    scale = float(content["normalizers"]["target"]["std"])
    calculator = EquiCalc(tmp_path / "model", device="cpu", dtype="float64")
    for atoms in structures("v2_oc20"):
        wanted = physical("v2_oc20", atoms)["energy"] + scale * references.double()[atoms.numbers].sum().item()
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(wanted, rel=1e-12)


def test_unused_in_model_references_are_left_out(tmp_path):
    content = checkpoint("v2_oc20")
    content["state_dict"]["module.module.energy_lin_ref"] = torch.ones(90)
    convert_content(content, tmp_path)
    assert not load_checkpoint(tmp_path / "model").potential.reference_energies.any()


def test_garbage_references_mark_elements_that_were_never_trained(tmp_path):
    content = checkpoint("v3_grad")
    references = content["elementrefs"]["energy"]["element_references"]
    references[2], references[10], references[36] = 4e11, 0.0, torch.nan
    found = convert_content(content, tmp_path)
    assert {2, 10, 36}.isdisjoint(found.elements)
    assert {1, 6, 8, 29, 78} <= set(found.elements)
    potential = load_checkpoint(tmp_path / "model").potential
    assert potential.reference_energies.abs().max() < 10


def test_elements_are_as_asked_for(tmp_path):
    assert convert_content(checkpoint("v2_oc20"), tmp_path, elements=["Cu", "Pt", 1]).elements == (1, 29, 78)


def test_references_from_a_file(tmp_path):
    content = checkpoint("v3_dens")  # has none of its own
    (tmp_path / "references.json").write_text(json.dumps({"Cu": -3.5, "Pt": -6.0}))
    found = convert_content(content, tmp_path, references=tmp_path / "references.json")
    assert found.elements == (29, 78)
    coefficients = np.zeros(100)
    coefficients[[29, 78]] = -3.5, -6.0
    np.savez(tmp_path / "references.npz", coeff=coefficients)
    again = convert_content(content, tmp_path, references=tmp_path / "references.npz", overwrite=True)
    assert again.elements == (29, 78)
    assert load_checkpoint(tmp_path / "model").potential.reference_energies[78].item() == -6.0


def test_moving_average(tmp_path):
    content = checkpoint("v2_oc20")
    names = [name for name in content["state_dict"] if content["state_dict"][name].isfinite().all()]
    content["state_dict"]["module.module.energy_lin_ref"] = torch.zeros(90)  # has no gradient, so no average
    content["ema"] = {"decay": 0.999, "shadow_params": [2 * content["state_dict"][name] for name in names]}
    plain = convert_content(content, tmp_path)
    assert any("--ema" in note for note in plain.warnings)
    raw = load_file(tmp_path / "model" / "model.safetensors")
    convert_content(content, tmp_path, ema=True, overwrite=True)
    averaged = load_file(tmp_path / "model" / "model.safetensors")
    assert raw.keys() == averaged.keys()
    for name, tensor in raw.items():
        assert torch.equal(averaged[name], 2 * tensor)
    assert "moving average" in (tmp_path / "model" / "README.md").read_text()


def test_moving_average_that_does_not_fit(tmp_path):
    content = checkpoint("v3_grad") | {"ema": {"shadow_params": [torch.zeros(3)]}}
    assert "a moving average of 1 tensors" in refusal(content, tmp_path, ema=True)


def test_missing_moving_average(tmp_path):
    assert "holds no moving average" in refusal(checkpoint("v3_grad"), tmp_path, ema=True)


@pytest.mark.parametrize("architecture", ["gemnet_oc", "scn", "escn", "painn", "MACE", "graph_attention_transformer"])
@pytest.mark.parametrize("name", ["v2_oc20", "v2_hydra"])
def test_other_architectures_are_named(tmp_path, architecture, name):
    content = checkpoint(name)
    if name == "v2_hydra":
        content["config"]["model"]["backbone"]["model"] = architecture
    else:
        content["config"]["model"] = architecture
    assert f"architecture {architecture!r}" in refusal(content, tmp_path)


def test_all_mismatches_of_weights_in_one_message(tmp_path):
    content = checkpoint("v3_grad")
    state = content["state_dict"]
    del state["module.norm.affine_bias"]
    del state["module.blocks.1.ga.alpha_dot"]
    state["module.blocks.0.ga.extra.weight"] = torch.zeros(3)
    state["module.sphere_embedding.weight"] = torch.zeros(90, 16)
    message = refusal(content, tmp_path)
    assert "missing: blocks.1.ga.alpha_dot, norm.affine_bias" in message
    assert "unexpected: module.blocks.0.ga.extra.weight" in message
    assert "module.sphere_embedding.weight ([90, 16] where the config means [128, 16])" in message


def test_config_is_held_against_the_weights(tmp_path):
    content = checkpoint("v2_oc20")
    content["config"]["model_attributes"]["num_layers"] = 3
    assert "missing: blocks.2." in refusal(content, tmp_path)


@pytest.mark.parametrize(
    ("name", "block", "what"),
    [
        ("v3_grad", "energy_block", "energy"),
        ("v3_direct", "force_block", "force"),
        ("v2_oc20", "force_block", "force"),
        ("v2_hydra", "energy_block", "energy"),
    ],
)
def test_missing_head(tmp_path, name, block, what):
    content = checkpoint(name)
    content["state_dict"] = {key: value for key, value in content["state_dict"].items() if block not in key}
    assert f"has no {what} head ({block})" in refusal(content, tmp_path)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("v2_oc20", "norm_type", "rms_norm_sh"),
        ("v2_oc20", "use_m_share_rad", True),
        ("v2_oc20", "use_grid_mlp", None),
        ("v2_oc20", "lmax_list", [4, 2]),
        ("v3_grad", "norm_type", "sep_layer_norm"),
        ("v3_grad", "attn_activation", "sep_s2"),
        ("v3_grad", "softcap", 30.0),
        ("v3_grad", "use_envelope", False),
        ("v3_grad", "use_add_merge", True),
        ("v3_grad", "alpha_drop", 0.1),
        ("v3_direct", "use_gate_force_head", False),
    ],
)
def test_unpublished_options_are_refused_by_name(tmp_path, name, option, value):
    content = checkpoint(name)
    key = "model_attributes" if name == "v2_oc20" else "model"
    content["config"][key][option] = value
    assert option in refusal(content, tmp_path)


def test_options_without_meaning_do_not_matter(tmp_path):
    content = checkpoint("v3_grad")
    content["config"]["model"] |= {"use_gate_force_head": False, "attn_activation": "sep-merge_gates2_swiglu_mem"}
    found = convert_content(content, tmp_path)
    assert not any("ignored" in note for note in found.warnings)


def test_unknown_options_are_reported(tmp_path):
    content = checkpoint("v3_grad")
    content["config"]["model"]["secret_sauce"] = 3
    assert any("secret_sauce = 3" in note for note in convert_content(content, tmp_path).warnings)


def test_published_grids_are_kept_where_they_do_not_resolve_products(tmp_path):
    content = checkpoint("v3_grad")
    content["config"]["model"]["attn_grid_resolution_list"] = [12, 8]
    convert_content(content, tmp_path)
    config = load_checkpoint(tmp_path / "model").potential.config
    assert config.edge_grid == (12, 8)
    assert config.node_grid is None


def test_defaults_of_old_configs(tmp_path):
    """Averages absent or null fall back to the published ones, and neighbours are cut strictly."""
    content = checkpoint("v2_oc20")
    content["config"]["model_attributes"]["avg_degree"] = None
    convert_content(content, tmp_path)
    config = load_checkpoint(tmp_path / "model").potential.config
    assert config.avg_num_nodes == 77.81317
    assert config.avg_degree == 23.395238876342773
    assert config.strict_neighbors


@pytest.mark.parametrize("key", ["dataset", "transforms"])
def test_normalizers_from_the_config(tmp_path, key):
    content = checkpoint("v2_oc20") | {"normalizers": {}}
    dataset = content["config"]["dataset"]
    if key == "transforms":
        stated = {
            "energy": {"mean": -0.7554450631141663, "stdev": 2.887317180633545},
            "forces": {"mean": 0, "stdev": 2.9},
        }
        content["config"]["dataset"] = {"train": {"transforms": {"normalizer": stated}}}
    else:
        content["config"]["dataset"] = [dataset, {"src": "validation"}]
    convert_content(content, tmp_path)
    scales = load_checkpoint(tmp_path / "model").potential.scales
    assert scales.energy == 2.887317180633545
    assert scales.energy_mean == -0.7554450631141663
    assert scales.forces == (2.9 if key == "transforms" else 2.887317180633545)


def test_gradient_forces_need_the_scale_of_the_energy(tmp_path):
    content = checkpoint("v3_grad")
    content["normalizers"]["forces"]["rmsd"] *= 2
    assert "contradicts itself: forces derive from the energy" in refusal(content, tmp_path)


def test_impossible_normalizer(tmp_path):
    content = checkpoint("v3_grad")
    content["normalizers"]["energy"]["rmsd"] *= torch.nan
    assert "a normalizer 'energy' with mean 0.0 and scale nan" in refusal(content, tmp_path)


def test_energy_kind_is_inferred_or_given(tmp_path):
    content = checkpoint("v2_oc20")
    assert convert_content(content, tmp_path).energy_kind == "adsorption"
    assert convert_content(content, tmp_path, energy_kind="total", overwrite=True).energy_kind == "total"
    content["config"]["dataset"]["format"] = "oc22_lmdb"
    assert convert_content(content, tmp_path, overwrite=True).energy_kind == "total"


def test_bare_weights_and_missing_config(tmp_path):
    content = checkpoint("v3_grad")
    assert "only bare weights" in refusal(content["state_dict"], tmp_path)
    assert "has no 'config'" in refusal(content | {"config": None}, tmp_path)
    assert "it holds metrics" in refusal({"metrics": {"mae": 1.0}}, tmp_path)


def test_output_is_never_overwritten_silently(tmp_path):
    path = write_checkpoint(tmp_path / "checkpoint.pt", "v3_grad")
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("x")
    with pytest.raises(InputError, match="thesis is not empty; choose another folder"):
        convert(path, other)
    with pytest.raises(InputError, match="thesis holds something other than a model"):
        convert(path, other, overwrite=True)
    with pytest.raises(InputError, match="is a file; give a folder"):
        convert(path, path)
    assert (other / "chapter.tex").read_text() == "x"


def test_failed_conversion_leaves_an_old_model_alone(tmp_path):
    convert_content(checkpoint("v3_grad"), tmp_path)
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    content = checkpoint("v3_grad")
    del content["state_dict"]["module.norm.affine_bias"]
    with pytest.raises(InputError, match="missing"):
        convert_content(content, tmp_path, overwrite=True)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "model"]


def test_random_numbers_of_the_caller_stay_put(tmp_path):
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    convert_content(checkpoint("v3_grad"), tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_energy_head_must_sum(tmp_path):
    content = checkpoint("v2_hydra")
    content["config"]["model"]["heads"]["energy"]["reduce"] = "mean"
    assert "reduce = 'mean'" in refusal(content, tmp_path)
