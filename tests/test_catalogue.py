"""Which shipped model is taken for a structure."""

import json

import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111

from equical.catalogue import catalogue, choose_model, model_to_start_from, models_for, named_model
from equical.checkpoint import shipped_models
from equical.domain import DOMAIN_FILE, Domain
from equical.errors import InputError, ModelChoice
from tests.conftest import put_on_shelf


def oxygen_on(symbol: str) -> Atoms:
    slab = fcc111(symbol, (2, 2, 3), vacuum=6, periodic=True)
    add_adsorbate(slab, "O", 1.2, "fcc")
    return slab


def oxide_slab() -> Atoms:
    slab = fcc111("Pt", (1, 1, 2), vacuum=6, periodic=True)
    add_adsorbate(slab, "O", 1.2, "fcc")
    return slab


@pytest.mark.parametrize(
    ("atoms", "names"),
    [
        (bulk("Cu"), ["metals", "everything"]),
        (fcc111("Cu", (1, 1, 3), vacuum=8), ["metals", "surfaces", "everything"]),
        (oxygen_on("Cu"), ["surfaces", "everything"]),
        (oxide_slab(), ["everything"]),  # a third of it is oxygen
        (bulk("CuNi", "cesiumchloride", a=3.0), ["everything"]),
        (Atoms("Cu"), ["everything"]),
        (bulk("Fe"), []),
    ],
)
def test_models_made_for_a_structure_come_most_specialised_first(shelf, atoms, names):
    assert [model.name for model in models_for(atoms)] == names
    if names:
        choice = choose_model(atoms)
        assert choice.name == names[0]
        assert choice.reason.startswith(f"model {names[0]} for ")
        assert all(name in choice.reason for name in names)
        assert "\n" not in choice.reason


def test_one_model_must_do_for_all_structures_unless_the_most_will_do(shelf):
    assert choose_model([bulk("Cu"), bulk("NaCl", "rocksalt", a=5.6)]).name == "everything"
    shelf.pop("everything")
    images = [bulk("Cu"), bulk("Ni"), oxygen_on("Pt")]
    with pytest.raises(InputError, match="no shipped model covers all 3 structures, each covers some"):
        choose_model(images)
    assert choose_model(images, partly=True).name == "metals"
    with pytest.raises(InputError, match="no shipped model is made for bulk Fe"):
        choose_model([bulk("Fe")], partly=True)


def test_a_refusal_says_why_not_of_each_model_and_names_the_ways_on(shelf):
    shelf.pop("everything")
    with pytest.raises(InputError) as caught:
        choose_model(bulk("CuNi", "cesiumchloride", a=3.0))
    message = str(caught.value)
    for part in ("bulk CuNi", "metals is made for bulk or slab of Cu, Ni, one at a time", "surfaces knows no Ni"):
        assert part in message
    for way in ("equical convert", "equical finetune"):
        assert way in message
    shelf.clear()
    with pytest.raises(InputError, match="no shipped models"):
        choose_model(bulk("Cu"))


def test_adsorption_energies_are_never_chosen(shelf, tmp_path):
    shelf.pop("everything")
    put_on_shelf(tmp_path / "relative", (29,), energy_kind="adsorption")
    shelf["relative"] = tmp_path / "relative"
    assert choose_model(bulk("Cu")).name == "metals"
    assert model_to_start_from(["Cu"]) == "surfaces"


def test_a_name_stands_and_auto_is_told(shelf):
    assert named_model("metals", [oxygen_on("Pt")]) == "metals"
    with pytest.warns(ModelChoice, match="model surfaces for slab OPt12: made for slab of Cu, Pt with some H, O"):
        assert named_model("auto", [oxygen_on("Pt")]) == "surfaces"
    with pytest.warns(ModelChoice, match="knows the most elements"):
        assert named_model("auto", []) == "everything"


def test_training_starts_from_the_most_general_model(shelf):
    assert model_to_start_from(["Cu"]) == "everything"
    shelf.pop("everything")
    assert model_to_start_from(["Pt"]) == "surfaces"
    with pytest.raises(InputError, match="no shipped model .*metals, surfaces.* knows all of Fe.*--new-elements"):
        model_to_start_from(["Fe"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covers": []}, "covers"),
        ({"level": None}, "level"),
        ({"covers": [{"kinds": ["bulk"], "elements": ["Xx"]}]}, "Xx is no chemical symbol"),
        ({"covers": [{"kinds": ["film"], "elements": ["Cu"]}]}, "covers.0.kinds"),
        ({"temperature": 300}, "temperature"),
    ],
)
def test_a_domain_that_is_not_valid_is_refused_in_one_line(tmp_path, change, message):
    file = tmp_path / DOMAIN_FILE
    declared = {"level": "PBE", "errors": "none", "covers": [{"kinds": ["bulk"], "elements": ["Cu"]}]}
    file.write_text(json.dumps(declared | change), "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        Domain.read(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_domains_of_shipped_models_are_of_their_elements(name):
    model = next(model for model in catalogue() if model.name == name)
    for one in model.domain.covers:
        assert {*one.elements, *one.minor} <= set(model.elements)
    assert model.size == (model.folder / "model.safetensors").stat().st_size


def test_shipped_models_are_chosen_for_what_their_cards_say():
    for atoms, name in ((bulk("Cu"), "metals-pbe"), (oxygen_on("Pt"), "catalysis-rpbe")):
        assert choose_model(atoms).name == name
    assert "metals-pbe" not in [model.name for model in models_for(bulk("CuNi", "cesiumchloride", a=3.0))]
