"""Searches with EMT: known crystals come out lowest; runs grow, go on and keep their word."""

import csv
import json
from contextlib import suppress

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import read

import equical.workflows.search.files as files
from equical import InputError, search
from equical.errors import ModelChoice
from tests.workflows.test_contract import the_world, without_unit

pytestmark = pytest.mark.filterwarnings("ignore:the lowest structure of .* was found only once")


@pytest.fixture(scope="module")
def copper(tmp_path_factory):
    """A search for the crystal of copper, with what it changed in the world."""
    folder, before = tmp_path_factory.mktemp("search") / "copper", the_world()
    return search("Cu", EMT(), operations=(2, 4), structures=4, window=0.05, output=folder), before, the_world()


def test_copper_is_fcc(copper):
    result, before, after = copper
    assert result.converged and result.best.space_group == "Fm-3m (225)" and result.best.formula == "Cu"
    assert result.best.energy_per_atom == pytest.approx(-0.007, abs=1e-3)
    assert result.best.volume_per_atom == pytest.approx(11.56, abs=0.1)
    assert len(result.best.numbers) >= 2
    heights = [one.above_lowest for one in result.found]
    assert heights == sorted(heights) and heights[0] == 0 and max(heights) < 0.05 + 0.01
    assert sum(len(one.numbers) for one in result.found) + len(result.dropped) + len(result.failures) == 4
    assert [name for name in before if before[name] != after[name]] == []


def test_the_folder_holds_what_was_found(copper):
    result, folder = copper[0], copper[0].output
    stored = json.loads((folder / "result.json").read_text("utf-8"))
    assert stored["found"][0]["space_group"] == "Fm-3m (225)" and stored["model"]["calculator"] == "EMT"
    units = stored.pop("units")
    assert list(without_unit(stored, units)) == []
    ranked = read(folder / "structures.extxyz", ":")
    assert [atoms.info["rank"] for atoms in ranked] == list(range(1, len(result.found) + 1))
    assert ranked[0].get_potential_energy() / len(ranked[0]) == pytest.approx(result.best.energy_per_atom)
    rows = list(csv.DictReader((folder / "ranking.csv").read_text("utf-8").splitlines()))
    assert rows[0]["rank"] == "1" and rows[0]["numbers"].split() == [str(n) for n in result.best.numbers]
    assert len(list((folder / "rough").iterdir())) == 4
    assert (folder / "search.png").exists() and not (folder / "hull.png").exists()


def test_a_search_grows_and_computes_nothing_twice(tmp_path, calls):
    def run(number, **options):
        return search("Cu", EMT(), structures=number, operations=(12, 48), output=tmp_path / "run", **options)

    first = run(2)
    calls.clear()
    again = run(2, resume=True)
    assert len(calls) <= 1 and again.to_json()["found"] == first.to_json()["found"]
    grown = run(3, resume=True)
    whole = search("Cu", EMT(), structures=3, operations=(12, 48))
    assert grown.to_json()["found"] == whole.to_json()["found"]
    with pytest.raises(InputError, match="seed was 0"):
        run(3, resume=True, seed=1)
    with pytest.raises(InputError, match="not empty"):
        run(3)


def test_mixtures_make_a_hull(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(files, "plot_hull", lambda result, path: drawn.append(path.name))
    result = search("Cu=0:1,Au=0:1", EMT(), structures=3, steps=30, window=9.0, output=tmp_path / "run")
    assert result.formulas == ["Au", "AuCu", "Cu"] and drawn == ["hull.png"]
    by_formula = {one.formula: one for one in result.found}
    assert by_formula["Cu"].formation_energy == by_formula["Cu"].above_hull == 0.0
    ends = by_formula["Cu"].energy_per_atom + by_formula["Au"].energy_per_atom
    mixed = by_formula["AuCu"]
    assert mixed.formation_energy == pytest.approx(mixed.energy_per_atom - ends / 2)
    assert mixed.above_hull == pytest.approx(max(mixed.formation_energy, 0.0))


@pytest.mark.drawn
@pytest.mark.filterwarnings("ignore:the lowest structure of .* has not converged")
def test_pictures_are_drawn(tmp_path):
    from equical.workflows.search.plots import plot_energies, plot_hull

    result = search("Ni=0:1,Al=0:1", EMT(), structures=3, steps=5, operations=48, window=9.0)
    for plot, path in ((plot_energies, tmp_path / "search.png"), (plot_hull, tmp_path / "hull.png")):
        plot(result, path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_what_a_search_leaves_open_is_said():
    with pytest.warns(UserWarning) as told:
        result = search("Cu=1:2,Au=1", EMT(), structures=2, steps=1, window=9.0)
    messages = " | ".join(result.warnings)
    assert not result.converged and {str(one.message) for one in told} == set(result.warnings)
    assert "was found only once: more structures" in messages
    assert "has not converged in 1 steps" in messages
    assert "no structure of pure Au, Cu was found" in messages
    assert all(one.formation_energy is None for one in result.found)


def test_structures_that_fail_are_counted_and_none_left_is_an_error(monkeypatch):
    calculate = EMT.calculate

    def fails(self, atoms=None, *args, **keywords):
        if len(atoms) == 2:
            raise RuntimeError("two are\ntoo many")
        calculate(self, atoms, *args, **keywords)

    monkeypatch.setattr(EMT, "calculate", fails)
    result = search("Cu", EMT(), units=(1, 2), structures=2, seed=1, operations=48)
    assert set(result.failures.values()) == {"two are too many"} and len(result.found) == 1
    monkeypatch.setattr("equical.workflows.search.run.hopeless", lambda atoms, distances: "no use")
    with pytest.raises(InputError, match="none of the 2 structures came to anything; number 0: no use"):
        search("Cu", EMT(), structures=2)


@pytest.mark.filterwarnings("ignore:the lowest structure of Cu has not converged")
def test_a_model_gets_structures_side_by_side(tiny_calculator, monkeypatch):
    sizes, batch = [], type(tiny_calculator).batch

    def counted(self, structures, properties):
        sizes.append(len(structures))
        return batch(self, structures, properties)

    monkeypatch.setattr(type(tiny_calculator), "batch", counted)
    monkeypatch.setattr("equical.workflows.search.run.hopeless", lambda atoms, distances: None)
    search("Cu", tiny_calculator, structures=3, steps=1, window=1e3)
    assert max(sizes) == 3


@pytest.mark.parametrize(
    ("composition", "options", "message"),
    [
        ("SiO2x", {}, "is no chemical formula"),
        ("", {}, "is no chemical formula"),
        ("Xx2", {}, "is no chemical formula"),
        ("Li=0:8,Sj=1", {}, "'Sj=1' is no range of an element"),
        ("Li=3:1", {}, "ends before it begins"),
        ("Li=0:1,Li=2", {}, "Li has two ranges"),
        ("Li=0", {}, "leaves no atoms"),
        ("Li=0:999,Si=0:999", {}, "more than 10000 compositions"),
        ("Li=0:8,Si=0:4", {"units": 2}, "leave out the number of formula units"),
        ("Cu", {"units": (3, 1)}, "units must be one number from 1 on"),
        ("Cu", {"operations": 5}, "no space group has 5 to 5 operations"),
        ("Cu", {"structures": 0}, "structures must be 1 at least"),
        ("Cu", {"seed": -1}, "seed must not be negative"),
        ("Cu", {"steps": 0}, "steps must be 1 at least"),
        ("Cu", {"volume": -1.0}, "volume must be a positive number"),
        ("Cu", {"window": np.nan}, "window must be a positive number"),
        ("Cu", {"distances": {"Cu-O": 2.0}}, "'Cu-O' is no pair of Cu; write Cu-Cu"),
        ("Cu", {"distances": {"Cu-Cu": 0.0}}, "the distance of Cu-Cu must be a positive number"),
        ("Cu", {"volume": 1.0}, "no room for Cu"),
        ("Cu", {"calculator": "no such model"}, "no such model"),
        ("Cu", {"calculator": LennardJones(epsilon=np.nan)}, "not numbers for a random structure"),
    ],
)
def test_mistakes_are_refused_and_leave_nothing(composition, options, message, tmp_path, monkeypatch):
    monkeypatch.setattr("equical.workflows.search.generate.ATTEMPTS", 3)
    with pytest.raises(InputError, match=message):
        search(composition, **{"calculator": EMT(), "output": tmp_path / "run"} | options)
    assert not (tmp_path / "run").exists()


def test_a_calculator_without_stress_is_refused():
    class Blind(EMT):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012 (how ASE's calculators tell)

    with pytest.raises(InputError, match="Blind computes no stress"):
        search("Cu", Blind())


@pytest.mark.filterwarnings("ignore::equical.workflows.common.notes.WorkflowWarning")
def test_the_model_is_chosen_by_the_composition(shelf, tmp_path):
    shelf.pop("everything")
    with pytest.warns(ModelChoice, match="model metals for bulk Cu"), suppress(InputError):  # random weights may fail
        search("Cu", structures=1, units=1, steps=1, output=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["model"]["name"] == "metals"
