import pytest

from equical import InputError
from equical.training.config import load_config, parse_config
from tests.training.labelled import MODEL, values

DATA = [{"paths": "data.extxyz"}]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"modle": {}}, "unknown key `modle`; did you mean `model`?"),
        ({"training": {"batch": {"max_atom": 3}}}, "training.batch: unknown key `max_atom`; did you mean `max_atoms`?"),
        ({"model": {"chanels": 8}}, "model: unknown key `chanels`; did you mean `channels`?"),
        ({"model": {"generation": "v1", "irrep": "4x0e"}}, "model: unknown key `irrep`; did you mean `irreps`?"),
        ({"model": {"generation": "v1", "irreps": "4x1e"}}, "model.irreps: '4x1e' must begin with scalars"),
        ({"model": {"generation": "v2"}}, "model: generation: new models are v3, or v1"),
        ({"model": {"generation": "v1"}, "stages": [{"model": {"lmax": 3}}]}, "model: unknown key `lmax`"),
        ({"stages": [{"modle": {}}]}, "did you mean `model`?"),
        ({"stages": [{"loss": {"force": {"weight": 1}}}]}, "loss: unknown key `force`; did you mean `forces`?"),
        ({"stages": [{"model": {"forcess": "direct"}}]}, "unknown key `forcess`; did you mean `forces`?"),
        ({"training": {"limits": {}}}, "training.limits: give at least one of max_steps, max_epochs, max_minutes"),
        ({"validation": {"best_by": "errors"}}, "validation.best_by: errors needs start_from"),
        ({"start_from": "metals-pbe"}, "give exactly one of `model` (a new network) and `start_from`"),
        ({"data": [*DATA, *DATA]}, "two data sets have the same name"),
        ({"data": [{"paths": ["a.xyz", "b.xyz", "a.xyz"]}]}, "a.xyz is listed more than once"),
        ({"data": []}, "data: List should have at least 1 item"),
        ({"data": [{**DATA[0], "references": "base"}]}, "references: base needs start_from"),
        ({"training": {"denoising": {"sigma": [0.1, 0.01]}}}, "sigma must be positive, or [low, high]"),
        ({"dtype": "float16"}, "dtype: Input should be 'float32', 'float64' or 'bfloat16'"),
    ],
)
def test_mistakes_are_named_with_a_suggestion(wrong, complaint):
    with pytest.raises(InputError) as error:
        parse_config({"model": MODEL, "data": DATA} | wrong, name="run.yaml")
    assert str(error.value).startswith("run.yaml: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_stage_is_the_common_settings_with_its_own_changes():
    training = {"loss": {"forces": {"weight": 7}}, "limits": {"max_steps": 5}, "optimizer": {"learning_rate": 0.1}}
    stages = [
        {"name": "direct", "model": {"forces": "direct"}},
        {"loss": {"energy": {"weight": 3}}, "optimizer": {"clip_norm": 1}},
    ]
    config = parse_config({"model": MODEL, "data": DATA, "training": training, "stages": stages})
    first, second = config.plan
    assert (first.name, first.model, first.limits.max_steps) == ("direct", {"forces": "direct"}, 5)
    assert (second.name, second.model) == ("stage2", {})
    assert (second.loss.energy.weight, second.loss.forces.weight) == (3, 7)
    assert (second.optimizer.clip_norm, second.optimizer.learning_rate) == (1, 0.1)


def test_without_stages_there_is_one():
    config = parse_config({"model": MODEL, "data": DATA, "training": {"limits": {"max_epochs": 2}}})
    assert [stage.limits.max_epochs for stage in config.plan] == [2]


def test_relative_paths_start_at_the_yaml_file(tmp_path):
    (tmp_path / "start").mkdir()
    (tmp_path / "run.yaml").write_text(
        "start_from: start\ndata: [{paths: a.xyz}]\nvalidation: {data: [{paths: b.xyz}]}\noutput: {directory: out}\n"
    )
    config = load_config(tmp_path / "run.yaml")
    assert config.data[0].paths == [tmp_path / "a.xyz"]
    assert config.validation.data[0].paths == [tmp_path / "b.xyz"]
    assert config.output.directory == tmp_path / "out"
    assert config.start_from == str(tmp_path / "start")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "no training configuration"),
        ("{", "not readable as YAML"),
        ("- 1", "must hold `key: value` lines"),
        ("seed: 1\nridge: 0.1\nseed: 2\n", "'seed' stands here twice.*line 3"),
        ("training: {batch: {max_atoms: 8, max_atoms: 9}}\n", "'max_atoms' stands here twice"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, text, complaint):
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        load_config(path)


def test_numbers_without_a_dot_are_numbers(tmp_path):
    """YAML reads 1e-3 as a string."""
    config = parse_config(values(tmp_path / "a", training={"optimizer": {"learning_rate": "1e-3"}}))
    assert config.training.optimizer.learning_rate == 1e-3
