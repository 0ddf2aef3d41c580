"""ASE finds the calculator by name, where it looks for any."""

import sys
import tomllib
from importlib import import_module, reload
from pathlib import Path

import pytest

from equical.calculator import EquiCalc
from equical.interfaces import ase_plugin

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_entry_point_leads_to_the_calculator():
    plugins = pytest.importorskip("ase._4.plugins")
    targets = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["entry-points"]["ase.plugins"]
    found = plugins.PluginCollection(import_module(targets["equical"]).__ase_plugins__)
    (plugin,) = found.calculators
    assert plugin.name == "equical"
    assert plugin() is EquiCalc


def test_releases_of_ase_without_plugins_do_not_mind(monkeypatch):
    for name in ("ase._4", "ase._4.plugins", "ase._4.plugins.plugin"):
        monkeypatch.setitem(sys.modules, name, None)
    try:
        assert reload(ase_plugin).__ase_plugins__ == set()
    finally:
        monkeypatch.undo()
        reload(ase_plugin)
