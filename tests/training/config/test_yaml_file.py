"""Whatever a YAML file holds, the answer is a configuration or a sentence."""

import json
from itertools import pairwise

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from equical import InputError
from equical.training.config import TrainConfig, described, load_config
from equical.training.config.keys import config_keys
from tests.training.labelled import MODEL

PATHS = [key.path for key in config_keys()]

NASTY = [
    "2026-13-45", "2026-11-28", "9" * 5000, "-" + "9" * 5000, "18446744073709551616", "9223372036854775808", "1e400",
    ".inf", "-.inf", ".nan", "0x1F", "0o17", "1_000", "~", "", "''", "!!python/object:os.system x", "!!binary x",
    "[" * 200 + "]" * 200, '"\\0"', '"\\ud800"', "{1: 2}", "{[1]: 2}", "? [1, 2]", "*missing", "&a [*a]", "1000000000",
    "!!set {a, b}", "2001-12-14t21:59:43.10-05:00", "on", "yes", "=", "<<", "!!timestamp 'x'", "!!int ''", "!!bool x",
]  # fmt: skip
"""Values that readers of YAML, or what checks their values, have stumbled over."""

LAUGHS = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (i, i, i - 1, i - 1) for i in range(98, 123))
"""A list of 2^26 entries in a kilobyte."""

POWERS = "[&a [x], " + ", ".join(f"&{y} [{', '.join(['*' + x] * 10)}]" for x, y in pairwise("abcdefgh")) + "]"
"""Lists of 10, 100, … 10^7 entries, written in a line."""

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("yaml") / "run.yaml"


def complaint(path):
    """The sentence; empty where there is a configuration that can be used."""
    try:
        config = load_config(path)
    except InputError as error:
        assert str(error).startswith((str(path), "no training configuration", "cannot read"))
        assert "\n" not in str(error) and len(str(error)) < 2000
        str(error).encode()
        return str(error)
    assert isinstance(config, TrainConfig)
    json.dumps(described(config))
    assert config.plan
    return ""


def at(place, text):
    """A small configuration with ``text`` at one key."""
    config = {"model": dict(MODEL), "data": [{"paths": "a.xyz"}]}
    inside = config
    for name in place[:-1]:
        inside = config["data"][0] if name == "data" and inside is config else inside.setdefault(name, {})
    inside[place[-1]] = "HERE"
    return yaml.safe_dump(config).replace("HERE", text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PATHS), value=values)
@example(place=("seed",), value=2**64)
@example(place=("model", "channels"), value=10**9)
@example(place=("model", "num_layers"), value=10**9)
@example(place=("threads",), value=10**30)
@example(place=("training", "optimizer", "learning_rate"), value=float("inf"))
@example(place=("output", "directory"), value="a\0b")
def test_any_value_at_any_key(path, place, value):
    path.write_text(at(place, yaml.safe_dump(value, default_flow_style=True).replace("\n...\n", "").strip()))
    complaint(path)


@pytest.mark.parametrize("text", NASTY)
def test_values_that_are_none(path, text):
    for place in (("seed",), ("start_from",), ("model", "channels"), ("training", "limits", "max_steps"), ("stages",)):
        path.write_text(at(place, text))
        complaint(path)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@example(content=b"[" * 5000)
@example(content=b"a: " * 5000)
@example(content=b"\xff\xfe")
@example(content=LAUGHS)
def test_any_bytes(path, content):
    path.write_bytes(content)
    assert complaint(path)


@pytest.mark.parametrize(
    ("place", "text", "sentence"),
    [
        (("seed",), "2026-13-45", "is not readable as YAML: a date or number in it is none (month must be in 1..12)"),
        (("seed",), "9" * 5000, "a date or number in it is none (Exceeds the limit"),
        (("training", "optimizer", "learning_rate"), ".inf", "learning_rate: Input should be a finite number"),
        (("model", "cutoff"), ".inf", "model.cutoff: Input should be a finite number"),
        (("seed",), "18446744073709551616", "seed: Input should be less than 9223372036854775808"),
        (("model", "channels"), "1000000000", "model.channels: Input should be less than or equal to 10000"),
        (("stages",), "[" * 5000 + "]" * 5000, "its lists and mappings lie too deep in each other"),
        (("stages",), "[" * 60 + "]" * 60, "its lists and mappings lie too deep in each other"),
        (("stages",), "&a [*a]", "its lists and mappings lie too deep in each other"),
        (("stages",), POWERS, "it holds more than 100,000 values"),
        (("output", "directory"), '"a\\0b"', "it holds characters that are no text"),
        (("start_from",), '"\\ud800"', "it holds characters that are no text"),
    ],
)
def test_what_was_unexpected_is_a_sentence(path, place, text, sentence):
    path.write_text(at(place, text))
    assert sentence in complaint(path)
