"""Folders that were made to do harm, or came to harm: one sentence, and nothing read or allocated before."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import equical.checkpoint as module
from equical import weights
from equical.checkpoint import CONFIG_FILE, WEIGHTS_FILE, Checkpoint, load_checkpoint, save_checkpoint
from equical.errors import InputError
from equical.model import EquiformerV2Config
from equical.weights import Unfilled
from tests.conftest import TINY, random_potential
from tests.damage import edit, refusal

LARGEST = TINY.model_dump() | {
    "channels": 10_000, "ffn_hidden": 10_000, "edge_channels": 10_000, "attention_hidden": 10_000, "num_heads": 100,
    "alpha_channels": 10_000, "value_channels": 10_000, "num_radial": 10_000, "max_elements": 200, "lmax": 8, "mmax": 8,
}  # fmt: skip


@pytest.fixture
def folder(tiny_checkpoint, tmp_path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


@pytest.fixture
def nothing_is_made(monkeypatch) -> None:
    """Reading the weights, or making a network with memory, is an error."""

    def forbidden(*args):
        raise AssertionError("allocated before the header was judged")

    monkeypatch.setattr(module, "read_whole", lambda path, most, whole=module.read_whole: (
        whole(path, most) if path.name == CONFIG_FILE else forbidden()))  # fmt: skip
    monkeypatch.setattr(module, "_build", forbidden)


def store(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace the weights, and say so in the configuration."""
    save_file(tensors, folder / WEIGHTS_FILE)
    edit(folder, weights_sha256=hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest())


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_layers": 200}, ["num_layers is 200", "weights of 2 blocks"]),
        (LARGEST | {"num_layers": 200}, ["num_layers is 200"]),
        (LARGEST, ["missing", "wrong shape"]),
        ({"channels": 10_000}, ["wrong shape", "10000"]),
        ({"num_layers": 10**9}, ["num_layers", "less than or equal to 200"]),
        ({"channels": 10**30}, ["channels", "less than or equal"]),
        ({"edge_grid": [10**6, 10**6]}, ["edge_grid", "less than or equal"]),
        ({"node_grid": [0, 0]}, ["node_grid", "greater than or equal"]),
        ({"num_heads": 10_000}, ["num_heads", "less than or equal"]),
        ({"avg_degree": 1e-300}, ["avg_degree"]),
    ],
    ids=str,
)
def test_small_files_do_not_ask_for_large_networks(folder, changes, words):
    edit(folder, architecture=TINY.model_dump() | changes)
    refusal(folder, *words)


@pytest.mark.usefixtures("nothing_is_made")
def test_grids_that_would_fill_the_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr(weights, "MOST_CONSTANTS", 1 << 20)
    edit(folder, architecture=TINY.model_dump() | {"edge_grid": [100, 100], "node_grid": [100, 100]})
    refusal(folder, "grids and tables", "edge_grid")


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_files_that_are_no_files_are_not_read(folder, name, kind):
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(name)
    message = refusal(folder, "Cannot read", name)
    assert message.count("Cannot read") == 1


@pytest.mark.usefixtures("nothing_is_made")
def test_files_that_are_too_large_are_not_read(folder, monkeypatch):
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        with open(folder / name, "r+b") as file:
            file.truncate(5 << 30)  # takes no room on the disk
        refusal(folder, name, "too large")


def rewrite_header(folder: Path, change) -> None:
    """Let ``change`` work on the header of the weights."""
    content = (folder / WEIGHTS_FILE).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: tensor.update(shape=[2**40, 2**40]),
        lambda tensor: tensor.update(shape=[-1]),
        lambda tensor: tensor.update(data_offsets=[0, 2**60]),
        lambda tensor: tensor.update(data_offsets=[100, 0]),
        lambda tensor: tensor.update(dtype="F1024"),
        lambda tensor: tensor.clear(),
    ],
)
def test_headers_that_contradict_themselves_are_refused(folder, change):
    rewrite_header(folder, lambda header: change(header["network.atom_embedding.table.weight"]))
    refusal(folder, WEIGHTS_FILE, "damaged or no safetensors file")


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("length", [2**63 - 1, 2**64 - 1, 10**8])
def test_headers_of_impossible_length_are_refused(folder, length):
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", length) + content[8:])
    refusal(folder, "damaged or no safetensors file", str(length))


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int32, torch.bool, torch.complex64])
def test_weights_of_another_type_than_described_are_refused(folder, dtype):
    weights_of_it = {name: tensor.to(dtype) for name, tensor in load_file(folder / WEIGHTS_FILE).items()}
    try:
        store(folder, weights_of_it)
    except KeyError:
        pytest.skip(f"this release of safetensors cannot store {dtype}")
    refusal(folder, "wrong type", "instead of F32")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, value):
    tensors = load_file(folder / WEIGHTS_FILE)
    tensors["network.norm.weight"][1, 2] = value
    store(folder, tensors)
    refusal(folder, "no numbers", "network.norm.weight")


def test_weights_that_overflow_in_the_type_computed_in_are_refused(tmp_path):
    large = random_potential()
    with torch.no_grad():
        large.network.norm.weight[0, 0] = 1e200
    save_checkpoint(tmp_path / "model", large, {})
    assert load_checkpoint(tmp_path / "model", dtype=torch.float64)
    refusal(tmp_path / "model", "no numbers", "network.norm.weight")


@pytest.mark.parametrize("name", ["", "nowhere", "loop"])
def test_names_of_nothing_are_told_once(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    message = refusal(name, "There is no model", repr(name))
    assert "damaged" not in message


# Whatever stands in the configuration

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_change_of_the_configuration_ends_in_a_model_or_in_one_sentence(tiny_checkpoint, data):
    config = json.loads((tiny_checkpoint / CONFIG_FILE).read_text("utf-8"))
    for _ in range(data.draw(st.integers(1, 2))):
        parts = [part for part in config.values() if isinstance(part, dict)]
        place = data.draw(st.sampled_from([config, *parts]))
        name = data.draw(st.sampled_from([*place, "extra"]) | st.text(max_size=5))
        if data.draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = data.draw(JSON)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, CONFIG_FILE).write_text(json.dumps(config))
        shutil.copy(tiny_checkpoint / WEIGHTS_FILE, folder)
        try:
            found = load_checkpoint(folder)
        except InputError as error:
            assert "\n" not in str(error) and str(error)
        else:
            assert isinstance(found, Checkpoint)


# What this costs


@pytest.mark.parametrize("config", [TINY, EquiformerV2Config(num_layers=1, channels=4)])
def test_networks_without_numbers_leave_random_numbers_alone(config):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with torch.device("meta"), Unfilled():
        network = weights.build_network(config)
    assert all(parameter.is_meta for parameter in network.parameters())
    assert torch.equal(torch.rand(3), expected)


def test_loading_does_not_import_what_only_tracing_needs():
    """Arithmetic on the meta device does, which takes seconds."""
    script = (
        "import sys, torch\n"
        "before = 'sympy' in sys.modules\n"
        "from equical.checkpoint import load_checkpoint\n"
        "load_checkpoint('metals-pbe')\n"
        "assert ('sympy' in sys.modules) == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
