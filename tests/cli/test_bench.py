"""``equical bench`` as its users meet it."""

import json
import time

import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_model):
    """Run ``equical bench`` with a tiny model in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, ["bench", "--model", tiny_model, "--steps", "1", *map(str, args)])


def test_prints_a_table_and_leaves_its_files(run, tmp_path):
    result = run("--sizes", "4,8", "--executions", "eager,static", "--timestep", 2)
    assert result.exit_code == 0, result.stderr
    first, head, *rows, last = result.stdout.splitlines()
    assert first.startswith("Cu on ") and first.endswith("time step 2 fs")
    names = ["atoms", "edges", "execution", "s/step", "ms/atom", "atoms/s", "ns/day", "MB"]
    assert head.split() == [*names, "neighbors", "inputs", "network", "other"]
    assert [row.split()[0] for row in rows] == ["4", "4", "8", "8"]
    assert [row.split()[2] for row in rows] == ["eager", "static"] * 2
    assert {len(row) for row in rows} == {len(head)}
    assert last == "results in bench-tiny"
    assert {path.name for path in (tmp_path / "bench-tiny").iterdir()} == {
        "run.json",
        "parts.json",
        "result.json",
        "bench.png",
    }


def test_skipped_cells_stand_in_the_table(run, monkeypatch):
    monkeypatch.setattr("equical.workflows.bench.measure._timed", lambda calculator, atoms: time.sleep(3600))
    result = run("--sizes", "4,8", "--time-limit", 0.1)
    assert result.exit_code == 2
    _, _, *rows, _ = result.stdout.splitlines()
    assert [row.split(maxsplit=2) for row in rows] == [
        ["4", "auto", "(nothing measured in 0.1 s)"],
        ["8", "auto", "(too slow at fewer atoms)"],
    ]
    assert result.stderr == "equical: warning: auto skipped at 4, 8 atoms: no step within 0.1 s (--time-limit)\n"


def test_json_is_all_there_is_on_standard_output(run, tmp_path):
    write(tmp_path / "ni.cif", bulk("Ni"))
    result = run("ni.cif", "--sizes", "1", "--json", "--output", "out")
    data = json.loads(result.stdout)
    assert data == json.loads((tmp_path / "out" / "result.json").read_text())
    assert data["formula"] == "Ni" and data["rows"][0]["num_atoms"] == 1
    assert run("--sizes", "1", "--quiet").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "many"], "not a list of whole numbers"),
        (["--time-limit", "0"], "time_limit must be a positive number"),
        (["--executions", "eager,warp"], "and not warp"),
        (["missing.cif"], "no such file"),
        (["--model", "nothing"], "no model 'nothing'"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
