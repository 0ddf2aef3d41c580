"""``equical models``, and commands that choose a model by the structure."""

import json

import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [*map(str, args)])


def test_models_are_listed_with_what_decides(run, shelf):
    result = run("models")
    assert result.exit_code == 0, result.stderr
    heads = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [head.split()[0] for head in heads] == ["metals", "surfaces", "everything"]
    for text in ("MB)", "elements  Ni, Cu", "made for  bulk or slab of Cu, Ni, one at a time", "level     PBE"):
        assert text in result.stdout


def test_card_of_a_model_is_printed_by_name(run, shelf):
    assert run("models", "metals").stdout.startswith("# metals")
    wrong = run("models", "nonsense")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "there is no shipped model 'nonsense', only metals, surfaces, everything" in wrong.stderr
    both = run("models", "metals", "--for", "cu.xyz")
    assert both.exit_code == 1
    assert "not both" in both.stderr


def test_models_say_which_structures_of_a_file_they_cover(run, shelf):
    slab = Atoms("Pt3", fcc111("Pt", (1, 1, 3)).positions, cell=[2.8, 2.8, 25], pbc=True)
    write("two.extxyz", [bulk("Cu"), slab])
    result = run("models", "--for", "two.extxyz")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:2] == ["metals: covers 1 of 2", "  1 not: slab Pt3: knows no Pt"]
    assert lines[-1] == "everything: covers 2 of 2"
    shelf.pop("everything")
    assert run("models", "--for", "two.extxyz").exit_code == 2
    write("cu.extxyz", bulk("Cu"))
    assert "metals: covers it" in run("models", "--for", "cu.extxyz").stdout
    missing = run("models", "--for", "none.cif")
    assert missing.exit_code == 1
    assert missing.stderr.count("\n") == 1


def test_commands_choose_say_so_in_one_line_and_record_the_model(run, shelf, tmp_path):
    copper = bulk("Cu", a=3.7, cubic=True)
    copper.rattle(0.1, seed=1)
    write("cu.extxyz", copper)
    command = ("relax", "cu.extxyz", "--steps", 1, "--output", "cu")
    result = run(*command)
    assert result.exit_code == 2, result.stderr
    lines = result.stderr.splitlines()
    assert [line for line in lines if line.startswith("equical: model ")] == [
        "equical: model metals for bulk Cu4: made for bulk or slab of Cu, Ni, one at a time, level PBE; "
        "less specialised: everything"
    ]
    for name in ("run.json", "result.json"):
        assert json.loads((tmp_path / "cu" / name).read_text("utf-8"))["model"]["name"] == "metals"
    assert "model " not in run(*command, "--overwrite", "--quiet").stderr
    shelf["special"] = shelf.pop("metals").parent / "surfaces"  # another model would be taken now
    resumed = run("relax", "cu.extxyz", "--steps", 2, "--output", "cu", "--resume")
    assert resumed.exit_code == 1
    assert "model was metals" in resumed.stderr


def test_many_structures_share_the_model_that_covers_the_most(run, shelf):
    shelf.pop("everything")
    write("many.extxyz", [bulk("Cu", a=3.7), bulk("Ni"), bulk("Fe")])
    result = run("relax", "many.extxyz", "--steps", 0, "--output", "many")
    assert "equical: model metals for 2 of 3 structures" in result.stderr
    assert "structure 2 (Fe): The model metals does not cover Fe" in result.stderr


def test_what_no_model_is_made_for_is_refused_with_ways_on(run, shelf, tmp_path):
    shelf.pop("everything")
    write("fe.extxyz", bulk("Fe"))
    result = run("relax", "fe.extxyz")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "metals knows no Fe; surfaces knows no Fe" in result.stderr
    assert "equical convert" in result.stderr and "equical finetune" in result.stderr
    assert not (tmp_path / "relax-fe").exists()


@pytest.mark.parametrize(
    "command", [("check", "--quick", "--only", "supercell"), ("bench", "--sizes", 2, "--steps", 1)]
)
def test_without_a_structure_the_most_general_model_is_examined(run, shelf, tmp_path, command):
    result = run(*command)
    assert "equical: model everything: no structure is given" in result.stderr
    assert (tmp_path / f"{command[0]}-everything" / "result.json").is_file(), result.stderr
