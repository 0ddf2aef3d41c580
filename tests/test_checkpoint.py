"""Models on disk: what is saved comes back, whole or not at all, and damage is named."""

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file

import equical.checkpoint as module
from equical import files
from equical.checkpoint import CONFIG_FILE, WEIGHTS_FILE, load_checkpoint, save_checkpoint, shipped_models
from equical.errors import InputError
from equical.model import Potential
from equical.model.scales import Scales
from equical.model.v2.config import EquiformerV2Config
from tests.conftest import TINY, TINY_ELEMENTS, TINY_REFERENCES, make_structures, random_potential
from tests.damage import edit, refusal

SHIPPED = sorted(shipped_models())
TINY_BY_SYMBOL = {symbol: TINY_REFERENCES[z] for symbol, z in TINY_ELEMENTS.items()}


def predict(potential: Potential):
    return potential.predict(potential.graph(make_structures()["crystal"]), stress=True)


def assert_same_predictions(one: Potential, other: Potential):
    for ours, theirs in zip(vars(predict(one)).values(), vars(predict(other)).values(), strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)


@pytest.fixture
def folder(tiny_checkpoint, tmp_path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


# Round trips


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_saved_comes_back_bit_for_bit(dtype, tmp_path):
    options = {
        "reference_energies": {1: -13.6057, 29: -3.7, 3: 0.1},
        "scale": Scales.uniform(1 / 3),
        "energy_kind": "adsorption",
    }
    saved = random_potential(TINY.model_copy(update={"repulsion": "zbl"}), **options).to(dtype)
    metadata = {"data": {"structures": 12}, "level_of_theory": "PBE/520 eV", "note": "Å"}
    save_checkpoint(tmp_path / "deep" / "model", saved, metadata)
    loaded = load_checkpoint(tmp_path / "deep" / "model", dtype=dtype)
    assert_same_predictions(loaded.potential, saved)
    assert loaded.potential.config == saved.config
    assert loaded.potential.elements == saved.elements
    assert loaded.potential.scales == saved.scales
    assert loaded.potential.energy_kind == "adsorption"
    assert torch.equal(loaded.potential.reference_energies, saved.reference_energies)
    assert (loaded.metadata, loaded.name, loaded.folder) == (metadata, "model", tmp_path / "deep" / "model")
    assert not loaded.potential.training


def test_networks_of_the_second_generation_come_back_too(tmp_path):
    config = EquiformerV2Config(
        cutoff=4.0, max_neighbors=8, num_layers=1, channels=8, lmax=2, attention_hidden=8, num_heads=2,
        alpha_channels=4, value_channels=4, ffn_hidden=8, edge_channels=8, num_radial=6,
        edge_grid=(8, 8), node_grid=(8, 8),
    )  # fmt: skip
    saved = random_potential(config)
    save_checkpoint(tmp_path / "v2", saved, {})
    assert_same_predictions(load_checkpoint(tmp_path / "v2", dtype=torch.float64).potential, saved)


def test_computing_type_may_differ_from_the_stored_one(tiny_checkpoint, tiny_potential):
    """The weights of the fixture fit into float32, so a float64 copy of them is the float64 model itself."""
    loaded = load_checkpoint(tiny_checkpoint, dtype=torch.float64).potential
    assert loaded.dtype == torch.float64
    assert_same_predictions(loaded, tiny_potential)


def test_loaded_model_can_be_trained_further(tiny_checkpoint):
    loaded = load_checkpoint(tiny_checkpoint).potential
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_configuration_is_readable_without_equical(tiny_checkpoint):
    config = json.loads((tiny_checkpoint / CONFIG_FILE).read_text())
    assert config["schema_version"] == 1
    assert config["elements"][:3] == ["H", "C", "O"]
    assert config["cutoff"] == config["architecture"]["cutoff"] == 4.0
    assert config["energy_kind"] == "total"
    assert config["reference_energies"]["Cu"] == TINY_REFERENCES[29]
    assert config["scales"]["energy"] == 20.0
    assert config["units"] == {"length": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³"}
    assert config["dtype"] == "float32"
    assert config["metadata"] == {"level_of_theory": "random numbers"}
    assert set(load_file(tiny_checkpoint / WEIGHTS_FILE)) == set(random_potential().state_dict())


def test_numbers_that_are_not_numbers_become_null_in_the_metadata(tiny_potential, tmp_path):
    """A validation error of a run without stresses must not cost the model."""
    save_checkpoint(tmp_path / "model", tiny_potential, {"stress_mae": float("nan")})
    assert load_checkpoint(tmp_path / "model").metadata == {"stress_mae": None}


def test_hash_is_that_of_the_weights_file(tiny_checkpoint):
    expected = hashlib.sha256((tiny_checkpoint / WEIGHTS_FILE).read_bytes()).hexdigest()
    assert load_checkpoint(tiny_checkpoint).sha256 == expected


def test_loading_leaves_the_state_of_torch_alone(tiny_checkpoint):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    try:
        torch.set_default_dtype(torch.float64)
        loaded = load_checkpoint(tiny_checkpoint).potential
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.rand(3), expected)
    assert_same_predictions(loaded, load_checkpoint(tiny_checkpoint).potential)


# Saving over something


def test_a_second_model_replaces_the_first_and_keeps_its_neighbours(folder):
    (folder / "README.md").write_text("card")
    other = random_potential(seed=2)
    save_checkpoint(folder, other, {"run": 2})
    assert (folder / "README.md").read_text() == "card"
    assert_same_predictions(load_checkpoint(folder, dtype=torch.float64).potential, other)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_debris_of_a_process_with_the_same_number_is_no_obstacle(tiny_potential, tmp_path):
    debris = tmp_path / f".model.{os.getpid()}.new"
    debris.mkdir()
    (debris / "half").write_text("")
    for _ in range(2):
        save_checkpoint(tmp_path / "model", tiny_potential, {})
    assert not debris.exists()
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "model.safetensors"]


def test_systems_that_cannot_swap_folders_replace_as_well(folder, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    test_a_second_model_replaces_the_first_and_keeps_its_neighbours(folder)


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_what_was_there(folder, monkeypatch, exists):
    def fail(path):
        if path.name == CONFIG_FILE:
            raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    target = folder if exists else folder.with_name("new")
    monkeypatch.setattr(files, "sync", fail)
    with pytest.raises(InputError, match="No space left on device"):
        save_checkpoint(target, random_potential(seed=2), {})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_failing_rename_puts_the_old_model_back(folder, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    rename = files.os.replace

    def fail(source, target):
        if str(source).endswith(".new"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(InputError, match="Input/output error"):
        save_checkpoint(folder, random_potential(seed=2), {})
    assert_same_predictions(load_checkpoint(folder, dtype=torch.float64).potential, random_potential())
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


SAVE_FOREVER = """
import sys
from equical.checkpoint import save_checkpoint
from tests.conftest import random_potential

potentials = [random_potential(seed=seed) for seed in (1, 2)]
while True:
    for potential in potentials:
        save_checkpoint(sys.argv[1], potential, {})
        print("saved", flush=True)
"""


def test_a_killed_process_leaves_a_whole_model(folder):
    repository = Path(module.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SAVE_FOREVER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=repository
    )
    with process:
        for _ in range(5):
            assert process.stdout.readline() == "saved\n"
        process.send_signal(signal.SIGKILL)
    loaded = load_checkpoint(folder, dtype=torch.float64).potential
    either = [predict(random_potential(seed=seed)).energy.item() for seed in (1, 2)]
    assert predict(loaded).energy.item() in either


@pytest.mark.parametrize("name", ["notes.txt", "notes"])
def test_other_things_are_not_overwritten(tmp_path, tiny_potential, name):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("years of work")
    (tmp_path / "notes.txt").write_text("more of it")
    with pytest.raises(InputError, match="is no model"):
        save_checkpoint(tmp_path / name, tiny_potential, {})
    assert (tmp_path / "notes" / "thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "notes.txt"]


def test_folder_that_cannot_be_made_is_an_input_error(tmp_path, tiny_potential):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot save the model"):
        save_checkpoint(tmp_path / "file" / "model", tiny_potential, {})


# Finding models


def test_shipped_models_are_found_by_name(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(module, "shipped_models", lambda: {"small": tiny_checkpoint, "other": tiny_checkpoint})
    assert load_checkpoint("small").folder == tiny_checkpoint
    refusal("large", "no model 'large'", "small, other")
    with pytest.raises(InputError, match="no model"):
        load_checkpoint(Path("small"))  # a path is never a name


def test_shipped_name_comes_before_a_folder_of_that_name(folder, tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(module, "shipped_models", lambda: {"model": tiny_checkpoint})
    monkeypatch.chdir(folder.parent)
    assert load_checkpoint("model").folder == tiny_checkpoint
    assert load_checkpoint("./model").folder == Path("model")
    assert load_checkpoint("./model").name == "model"


def test_models_lie_in_an_installed_package_or_beside_it_in_a_checkout(folder, tmp_path, monkeypatch):
    package = tmp_path / "site" / "equical"
    package.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(package / "checkpoint.py"))
    assert shipped_models() == {}
    shutil.copytree(folder, tmp_path / "site" / "models" / "beside")
    assert shipped_models() == {}  # a folder called "models" among installed packages may be anybody's
    (tmp_path / "site" / "pyproject.toml").write_text("")
    (tmp_path / "site" / "models" / "README.md").write_text("no model")
    assert shipped_models() == {"beside": tmp_path / "site" / "models" / "beside"}
    shutil.copytree(folder, package / "shipped_models" / "inside")
    assert shipped_models() == {"inside": package / "shipped_models" / "inside"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_loads(name):
    checkpoint = load_checkpoint(name)
    assert checkpoint.name == name
    assert (checkpoint.folder / "README.md").is_file()
    pictures = {path for path in checkpoint.folder.iterdir() if path.suffix == ".png"}
    assert sum(path.stat().st_size for path in pictures) < 2e5
    size = sum(path.stat().st_size for path in checkpoint.folder.iterdir() if path not in pictures)
    assert size < (3e6 if name == "universal-mini" else 2.5e6)


# Refusing damage


def test_missing_files_are_named(folder, tmp_path):
    refusal(tmp_path / "nowhere", "no model", "nowhere", "shipped model")
    refusal(folder / WEIGHTS_FILE, "is a file")
    weights = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).unlink()
    refusal(folder, "Cannot read", WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).write_bytes(weights)
    (folder / CONFIG_FILE).unlink()
    assert refusal(folder, CONFIG_FILE).startswith("Cannot read")  # one sentence, not a sentence in a sentence
    (folder / CONFIG_FILE).mkdir()
    assert refusal(folder, "Is a directory").startswith("Cannot read")


@pytest.mark.parametrize("name", ["", "loop"])
def test_names_of_nothing_are_no_models(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    refusal(name, f"There is no model {name!r}")


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_truncated_weights_are_refused(folder, kept):
    content = (folder / WEIGHTS_FILE).read_bytes()
    size = int(len(content) * kept) if isinstance(kept, float) else kept
    (folder / WEIGHTS_FILE).write_bytes(content[:size])
    refusal(folder, "damaged", WEIGHTS_FILE)


def test_a_single_flipped_bit_is_noticed(folder):
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-1000] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(content)
    refusal(folder, "damaged", "describes")


def test_weights_of_another_run_are_noticed(folder, tmp_path):
    save_checkpoint(tmp_path / "other", random_potential(seed=2).float(), {})
    shutil.copy(tmp_path / "other" / WEIGHTS_FILE, folder)
    refusal(folder, "not the file that config.json beside it describes")


def test_pickles_are_never_opened(folder, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    (folder / WEIGHTS_FILE).write_bytes(pickle.dumps(Bomb()))
    refusal(folder, "no safetensors file")
    torch.save({"weights": Bomb()}, folder / WEIGHTS_FILE)
    refusal(folder, "no safetensors file")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"schema_version": 1', b"\xff\xfe\x00", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"]
)
def test_broken_json_is_refused(folder, text):
    (folder / CONFIG_FILE).write_bytes(text)
    refusal(folder, CONFIG_FILE, "not valid JSON")


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"model_type": "bert"}'])
def test_json_of_something_else_is_refused(folder, text):
    (folder / CONFIG_FILE).write_text(text)
    refusal(folder, "does not describe an equical model")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 99}, ["schema version 99", "reads version 1"]),
        ({"elements": None}, ["elements", "required"]),
        ({"elements": []}, ["elements"]),
        ({"elements": ["Cu", "Xq"]}, ["Xq", "no chemical symbol"]),
        ({"reference_energies": {"Cu": "low"}}, ["reference_energies.Cu"]),
        ({"energy_kind": "free"}, ["energy_kind"]),
        ({"colour": "red"}, ["colour"]),
        ({"cutoff": 5.0}, ["cutoff 5.0"]),
        ({"scales": {"energies": 1.0}}, ["scales", "there is no scale energies"]),
        ({"scales": {"energy": 1.0}}, ["scales", "energy_mean", "is missing"]),
        ({"scales": vars(Scales(energy=1e300))}, ["scales.energy", "less than"]),
        ({"reference_energies": {"Cu": -3.7}}, ["reference_energies: H, C, O, Na"]),
        ({"reference_energies": TINY_BY_SYMBOL | {"Cu": 1e308}}, ["reference_energies.Cu"]),
        ({"elements": ["Cu", "X"]}, ["X is no chemical symbol"]),
        ({"elements": ["Cu", "Cu"]}, ["listed twice"]),
        ({"elements": ["Cu"] * 1000}, ["elements", "at most 118"]),
        ({"units": {"length": "bohr", "energy": "Ha"}}, ["units", "stored in Å, eV"]),
        ({"dtype": "int8"}, ["dtype", "'float32'"]),
        ({"schema_version": True}, ["schema version True"]),
        ({"architecture": {"generation": "v9"}}, ["architecture", "v9"]),
        ({"architecture": {"lmax": 2, "depth": 3}}, ["depth"]),
        ({"architecture": TINY.model_dump() | {"max_elements": 20}}, ["max_elements (20)"]),
    ],
    ids=lambda value: next(iter(value)),
)
def test_invalid_configurations_are_refused_by_field(folder, changes, words):
    edit(folder, **changes)
    refusal(folder, CONFIG_FILE, *words)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_neither_loaded_nor_saved(folder, tmp_path, value):
    """They load elsewhere, and everything that is computed with them is no number either."""
    potential = random_potential()
    name, parameter = next(iter(potential.named_parameters()))
    with torch.no_grad():
        parameter.view(-1)[0] = value
    with pytest.raises(InputError, match=f"weights of .* are no numbers .*: {name};"):
        save_checkpoint(tmp_path / "new", potential, {})
    assert not (tmp_path / "new").exists()
    weights = save(potential.float().state_dict())
    (folder / WEIGHTS_FILE).write_bytes(weights)
    edit(folder, weights_sha256=hashlib.sha256(weights).hexdigest())
    refusal(folder, "are no numbers", name)


def test_tensors_that_do_not_fit_are_listed(folder):
    tensors = load_file(folder / WEIGHTS_FILE)
    names = sorted(tensors)
    del tensors[names[0]]
    tensors["extra"] = torch.zeros(1)
    tensors[names[1]] = torch.zeros(7, 7)
    save_file(tensors, folder / WEIGHTS_FILE)
    refusal(folder, f"missing: {names[0]}", "unexpected: extra", f"wrong shape: {names[1]} ([7, 7] instead of")
    edit(folder, architecture=TINY.model_dump() | {"channels": 16})
    refusal(folder, "wrong shape", "and", "more")
    edit(folder, architecture=TINY.model_dump() | {"num_layers": 3})
    refusal(folder, "num_layers is 3", "2 blocks", "missing")
