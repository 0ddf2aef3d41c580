"""The configurations of the universal recipe: what they describe, and that they run on labels made by the recipe."""

import pytest
import torch
import yaml
from ase.calculators.emt import EMT

from equical.model import Potential
from equical.training.config import load_config, parse_config
from equical.training.loop.trainer import Trainer
from equical.training.start.prepare import prepare
from tests.conftest import TINY
from tests.recipes.conftest import ELEMENTS, RECIPE, labelled

LARGEST = 3e6
"""Bytes of the weights that may be shipped."""

KINDS = {"crystals": 4, "large": 1, "elements": 4, "scans": 3, "vibrations": 2, "slabs": 3, "defects": 2}
KINDS |= {"molecules": 4, "dimers": 6, "atoms": len(ELEMENTS)}
"""How many of each make a tiny training set."""


def test_the_model_is_small_enough_and_has_a_row_for_every_element(universal):
    config = load_config(RECIPE / "train.yaml").model
    elements = universal("sources").ELEMENTS
    assert len(elements) == 89 and max(elements) < config.max_elements
    potential = Potential(config, elements, dict.fromkeys(elements, 0.0), 1.0, "total", torch.float32)
    assert sum(weights.nbytes for weights in potential.state_dict().values()) <= LARGEST
    assert config.mirror and config.repulsion == "zbl" and config.conservative


def test_a_continued_training_has_the_same_data_and_what_the_model_came_through():
    first, second = (load_config(RECIPE / f"{name}.yaml") for name in ("train", "continue"))
    files = [{path for data in config.data for path in data.paths} for config in (first, second)]
    assert {path.name for path in files[1] - files[0]} == {"visited.extxyz.gz"} and files[0] <= files[1]
    assert first.validation == second.validation
    never = {"real-held-out.extxyz.gz", "unseen-crystals.extxyz.gz", "unseen-numbers.extxyz.gz"}
    assert never.isdisjoint(path.name for path in files[1])


@pytest.fixture
def data(universal, alloys, tmp_path):
    """The files that train.yaml names, with EMT for the teacher."""
    folder = tmp_path / "universal-data"
    folder.mkdir()
    sources = universal("sources").Sources(tuple(alloys), ELEMENTS)
    label, structure = universal("label"), universal("structures").structure
    write_frames = universal("frames").write_frames
    for kind, count in KINDS.items():
        frames = list(label.usable((structure(kind, number, sources) for number in range(count)), EMT()))
        write_frames(folder / f"{kind}.extxyz.gz", frames)
        if kind == "crystals":
            write_frames(folder / "validation.extxyz.gz", frames)
    write_frames(folder / "real.extxyz.gz", [labelled(atoms) for atoms in alloys[:3]])
    write_frames(folder / "visited.extxyz.gz", [labelled(alloys[3])])
    return folder


def tiny_run(name, folder, **changes):
    """A few steps of a configuration with a tiny model, and what is left in its folder."""
    values = yaml.safe_load((RECIPE / f"{name}.yaml").read_text(encoding="utf-8"))
    small = TINY.model_dump(include={"cutoff", "channels", "ffn_hidden", "edge_channels", "num_layers"})
    if "model" in values:
        values["model"] |= small | {"message_channels": 8, "attention_hidden": 8, "max_elements": 80}
    for stage in [values["training"], *values.get("stages", [])]:
        if "limits" in stage:
            stage["limits"] = {"max_steps": 2}
            stage["schedule"]["warmup_steps"] = 1
    config = parse_config(values | changes, folder=folder.parent)
    output = folder.parent / name
    output.mkdir()
    Trainer(config, prepare(config, report=lambda line: None), output).run()
    return output / "model"


@pytest.mark.slow
def test_the_stages_run_one_after_the_other_on_the_recipes_own_labels(data):
    model = tiny_run("train", data)
    again = tiny_run("continue", data, start_from=str(model))
    assert (again / "model.safetensors").is_file()
