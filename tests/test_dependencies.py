"""What pyproject.toml declares is what is tested: the oldest releases, and those of constraints.txt."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TESTED_EXTRAS = ("screen", "test", "train")
"""What `.ci/run oldest` has beside what everyone has."""


def declared(*extras):
    """Requirements of the package and some of its extras, by name, without the package itself."""
    texts = PROJECT["dependencies"] + [text for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    found = {canonicalize_name(one.name): one.specifier for one in map(Requirement, texts)}
    return {name: specifier for name, specifier in found.items() if name != "equical"}


def pinned(name):
    lines = [line for line in (ROOT / ".ci" / name).read_text("utf-8").splitlines() if not line.startswith("#")]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): Version(next(iter(one.specifier)).version) for one in found}


def test_the_oldest_releases_that_are_declared_are_tested():
    lowest = {
        name: min(Version(one.version) for one in specifier if one.operator == ">=")
        for name, specifier in declared(*TESTED_EXTRAS).items()
    }
    tested = pinned("oldest.txt")
    assert {name: tested.get(name) for name in lowest} == lowest


def test_what_was_tested_together_is_allowed():
    tested = pinned("constraints.txt")
    for name, specifier in declared(*PROJECT["optional-dependencies"]).items():
        if name != "torch-cluster":  # has no wheels
            assert name in tested and specifier.contains(tested[name]), name
