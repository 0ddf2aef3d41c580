"""``equical convert`` as its users meet it: a summary, or one line for each mistake and nothing left behind."""

import os
import subprocess
import sys

import pytest
import torch
from ase.build import add_adsorbate, fcc111
from click.testing import CliRunner

from equical import EquiCalc
from equical.cli import main
from tests.published import checkpoint, write_checkpoint


def run(*args):
    return CliRunner().invoke(main, ["convert", *map(str, args)])


class Foreign:
    """What no checkpoint should hold."""

    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A checkpoint file in an otherwise empty working directory."""
    monkeypatch.chdir(tmp_path)
    return write_checkpoint(tmp_path / "v2_oc20.pt", "v2_oc20")


def test_summary(published):
    result = run("v2_oc20.pt", "model", "--elements", "Cu, Pt,H")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "equiformer_v2 (monolithic layout), 171,202 parameters -> model"
    assert lines[1] == "adsorption energies, 3 elements"
    assert all(line.startswith("note: ") for line in lines[2:])
    assert sorted(path.name for path in (published.parent / "model").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip


def test_quiet(published):
    result = run("v2_oc20.pt", "model", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_converted_in_a_process_of_its_own_and_used(published):
    """As a user would: convert on the command line, then give the folder to a calculator."""
    command = [sys.executable, "-m", "equical", "convert", "v2_oc20.pt", "model"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    slab = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(slab, "H", 1.5)
    slab.calc = EquiCalc("model", device="cpu")
    assert slab.get_forces().shape == (9, 3)
    assert slab.calc.energy_kind == "adsorption"


def broken(tmp_path) -> dict[str, tuple[list[str], str]]:
    """Files that cannot be converted, and what the one line must say."""
    (tmp_path / "text.pt").write_text("not a checkpoint\n" * 20)
    content = checkpoint("v3_grad")
    torch.save({"state_dict": Foreign(), "config": {}}, tmp_path / "foreign.pt")
    config = {"model": "gemnet_oc", "model_attributes": {}}
    write_checkpoint(tmp_path / "gemnet.pt", content | {"config": config})
    state = {name: tensor for name, tensor in content["state_dict"].items() if "energy_block" not in name}
    write_checkpoint(tmp_path / "headless.pt", content | {"state_dict": state})
    whole = write_checkpoint(tmp_path / "whole.pt", content).read_bytes()
    (tmp_path / "truncated.pt").write_bytes(whole[: len(whole) // 2])
    return {
        "text.pt": ([], "text.pt is no PyTorch checkpoint"),
        "missing.pt": ([], "missing.pt is missing"),
        "foreign.pt": ([], "foreign.pt holds a foreign object, posix.system"),
        "gemnet.pt": ([], "architecture 'gemnet_oc'"),
        "headless.pt": ([], "has no energy head"),
        "truncated.pt": ([], "truncated.pt is truncated or damaged"),
        "whole.pt": (["--ema"], "holds no moving average"),
        "./whole.pt": (["--elements", "Cu,Xx"], "Not an element: Xx"),
    }


def test_every_mistake_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (options, message) in broken(tmp_path).items():
        before = sorted(tmp_path.iterdir())
        result = run(name, "model", *options)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("equical: error: ") and message in line
        assert sorted(tmp_path.iterdir()) == before


def test_existing_model_is_kept_without_overwrite(published):
    assert run("v2_oc20.pt", "model", "--quiet").exit_code == 0
    again = run("v2_oc20.pt", "model")
    assert again.exit_code == 1
    assert "model is not empty; choose another folder, or overwrite it" in again.stderr
    assert run("v2_oc20.pt", "model", "--overwrite").exit_code == 0
