"""The recipe of the universal model with a handful of alloys for parents, which ASE's EMT can label."""

import importlib
import sys
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

RECIPE = Path(__file__).parents[2] / "examples" / "recipes" / "universal"

METALS = (13, 28, 29, 46, 47, 78, 79)

ELEMENTS = (1, 6, 7, 8, *METALS)
"""What EMT knows."""


def pytest_collection_modifyitems(items):
    """Tests of recipes are asked for by ``-m recipe``."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.recipe)


@pytest.fixture
def universal(monkeypatch):
    """Import a script of the recipe by its name, as the scripts import each other."""
    monkeypatch.syspath_prepend(str(RECIPE))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if RECIPE in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]


@pytest.fixture
def alloys() -> list[Atoms]:
    """Ordered alloys, one of them with 32 atoms, and two elements."""
    made = []
    for number, (host, guest) in enumerate([("Cu", "Au"), ("Ni", "Pt"), ("Pd", "Ag"), ("Al", "Ni"), ("Au", "Pd")]):
        atoms = bulk(host, "fcc", a=3.9, cubic=True)
        atoms.symbols[0] = guest
        atoms.info = {"parent": f"mp-{number}"}
        made.append(atoms)
    for number, symbol in enumerate(["Cu", "Pt"]):
        atoms = bulk(symbol, "fcc")
        atoms.info = {"parent": f"mp-1{number}"}
        made.append(atoms)
    large = made[0].repeat(2)
    large.info = {"parent": "mp-20"}
    return [*made, large]


@pytest.fixture
def alloys_file(alloys, tmp_path) -> Path:
    """The same as a file."""
    path = tmp_path / "parents.extxyz"
    write(path, alloys)
    return path


def labelled(atoms, kind="perturbed", parent="mp-0", number=0):
    """A structure with EMT's labels, as label.py leaves it."""
    atoms = atoms.copy()
    atoms.info = {"kind": kind, "parent": parent, "number": number}
    atoms.calc = EMT()
    labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    if atoms.pbc.all():
        labels["stress"] = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms
