"""``equical search`` as its users meet it."""

import json

import pytest
from ase.calculators.emt import EMT
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical search`` in an empty folder, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    return lambda *args: CliRunner().invoke(main, ["search", *map(str, args)])


def test_prints_the_ranking_and_leaves_its_files(run, tmp_path):
    options = ["--structures", 2, "--operations", 48, "--distance", "Cu-Cu=2.1", "--volume", 12]
    result = run("Cu", *options)
    assert result.exit_code == 0, result.stderr
    first, head, best, *_, last = result.stdout.splitlines()
    assert first.startswith("Cu: 2 structures, 0 failed, ") and " distinct (" in first
    assert head.split()[:3] == ["rank", "formula", "atoms"]
    assert best.split()[:2] == ["1", "Cu"] and "Fm-3m (225)" in best
    assert last == "  results in  search-Cu"
    names = {path.name for path in (tmp_path / "search-Cu").iterdir()}
    assert names == {"run.json", "result.json", "rough", "relaxed", "structures.extxyz", "ranking.csv", "search.png"}
    settings = json.loads((tmp_path / "search-Cu" / "result.json").read_text())["settings"]
    assert (settings["distances"], settings["volume"], settings["operations"]) == ({"Cu-Cu": 2.1}, 12, [48, 48])
    again = run("Cu", *options, "--resume", "--quiet")
    assert (again.exit_code, again.output) == (0, "")


def test_what_has_not_converged_is_told(run):
    result = run("Cu", "--structures", 1, "--units", "2", "--steps", 1, "--fmax", 1e-6)
    assert result.exit_code == 2
    assert "  NOT converged" in result.stdout
    assert "equical: warning: the lowest structure of Cu has not converged in 1 steps" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'COMPOSITION'"),
        (["Xx"], "'Xx' is no chemical formula such as SiO2"),
        (["Cu", "--units", "a:b"], "--units takes a number or a range such as 1:4, not 'a:b'"),
        (["Cu", "--operations", "5"], "no space group has 5 to 5 operations"),
        (["Cu", "--distance", "Cu-Cu"], "--distance takes a pair and a length such as Si-O=1.5"),
        (["Cu", "--distance", "Cu-O=2"], "'Cu-O' is no pair of Cu"),
        (["U", "--structures", 1], "No EMT-potential for U"),
        (["Cu", "--resume", "--overwrite"], "give one of the two"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []
