"""The list of all keys."""

from click.testing import CliRunner

from equical.cli import main
from equical.training.config import TrainConfig
from equical.training.config.keys import as_markdown, config_keys


def test_every_key_is_explained():
    keys = config_keys()
    assert {key.path[0] for key in keys} == set(TrainConfig.model_fields)
    assert all(key.meaning for key in keys)
    assert all(key.block or (key.default and key.kind) for key in keys)


def test_defaults_are_those_of_a_run():
    defaults = {key.path: key.default for key in config_keys()}
    assert defaults["training", "limits", "max_epochs"] == "100"  # not that of a block that stands alone
    assert defaults["data", "paths"] == "required"
    assert defaults["training", "optimizer", "learning_rate"] == "0.001"
    assert defaults["model", "attention_eps"] == "1.0e-16"


def test_values_are_told_in_words():
    kinds = {key.path: key.kind for key in config_keys()}
    assert kinds["training", "loss", "energy", "kind"] == "l1 or huber"
    assert kinds["training", "denoising", "ratio"] == "number > 0 and ≤ 1 or null"
    assert kinds["data", "paths"] == "list of path"
    assert kinds["model", "channels"] == "integer ≥ 1"


def test_the_command_lists_them_without_a_file():
    done = CliRunner().invoke(main, ["train", "--help-config"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 100
    for key in config_keys():
        name = "  " * (len(key.path) - 1) + key.path[-1]
        assert any(line.startswith((f"{name} ", f"{name}:")) for line in lines), key.path


def test_the_page_has_a_table_for_each_block():
    page = as_markdown()
    blocks = [key.path for key in config_keys() if key.block]
    assert all(f"### `{'.'.join(block)}`" in page for block in blocks)
    assert page.count("| key | default | values | meaning |") == len(blocks) + 1
