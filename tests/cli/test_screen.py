"""``equical screen`` as its users meet it."""

import errno
import json
import sqlite3

import pytest
from ase.io import read
from click.testing import CliRunner

from equical.cli import main

TABLE = "bulk,facets,adsorbates,size,layers\nPt,111,H,1x1,2\nPt,11,H,1x1,2\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical screen`` in a folder with a table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "good.csv").write_text(TABLE.replace("Pt,11,H,1x1,2\n", ""))
    (tmp_path / "bad.csv").write_text(TABLE.replace("Pt,111,", "Xq,111,"))
    (tmp_path / "iron.csv").write_text(TABLE.replace("Pt,", "Fe,"))
    (tmp_path / "empty").mkdir()
    return lambda *args: CliRunner().invoke(main, ["screen", *map(str, args)])


HERE = ("--calculator", "emt", "--workers", 0, "--fmax", 0.05)


def test_prints_energies_and_leaves_files_that_can_be_asked_for_more(run, tmp_path):
    result = run("good.csv", *HERE)
    assert result.exit_code == 0, result.stderr
    first, head, row, last = result.stdout.splitlines()
    assert first.startswith("7 relaxations done, 0 failed (")
    assert head.split() == ["surface", "adsorbate", "E_ads", "(eV)", "site", "reference"]
    assert row.startswith("Pt (1 1 1) 1x1 layers 2  H              -0.") and row.endswith("½ H2")
    assert last == "results in screen-good"
    names = {path.name for path in (tmp_path / "screen-good").iterdir()}
    assert names == {"run.json", "result.json", "screen.db", "screen.csv", "best.extxyz", "screen.png"}
    assert read("screen-good/best.extxyz").info["adsorbate"] == "H"

    status = run("--status", "screen-good")
    assert status.exit_code == 0 and status.stdout.startswith("7 of about 7 relaxations (100 %)\n")
    assert "  adsorption     4     0       0\n" in status.stdout
    for kind in ("csv", "extxyz"):
        exported = run("--export", kind, "screen-good")
        assert exported.stdout == f"written screen-good/configurations.{kind}\n"
    assert len(read("screen-good/configurations.extxyz", ":")) == 4
    header, *lines = (tmp_path / "screen-good" / "configurations.csv").read_text().splitlines()
    assert header.startswith("status,surface,adsorbate,reference,configuration,site,final_site,adsorption_energy_eV")
    assert [line.split(",")[4] for line in lines] == ["top-Pt", "bridge-Pt2", "fcc-Pt3", "hcp-Pt3"]
    again = run("good.csv", *HERE, "--resume", "--quiet")
    assert (again.exit_code, again.output) == (0, "")


def test_what_is_not_done_is_told(run, tmp_path):
    result = run("table.csv", *HERE)
    assert result.exit_code == 2
    assert "equical: warning: line 3 of the table is left out: a facet has three or four Miller" in result.stderr
    assert all(line.startswith("equical: warning: ") for line in result.stderr.splitlines())
    assert json.loads((tmp_path / "screen-table" / "result.json").read_text())["converged"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'TABLE|DIR'"),
        (["none.csv"], "cannot read the table none.csv: No such file"),
        (["bad.csv"], "the table asks for nothing that can be calculated: line 2 of the table"),
        (["good.csv", "--fmax", -1], "fmax must be a positive number"),
        (["good.csv", "--workers", -2], "workers must be a whole number"),
        (["good.csv", "--scheduler", "tcp://x:1"], "are up to the cluster"),
        (["good.csv", "--resume", "--overwrite"], "give one of the two"),
        (["good.csv", "--calculator", "nonsense"], "there is no calculator 'nonsense'"),
        (["good.csv", "--dtype", "float64"], "--dtype is about models"),
        (["--status", "empty"], "empty is no folder of a screening: it has no screen.db"),
        (["--export", "csv", "nowhere"], "nowhere is no folder of a screening"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    given = [str(argument) for argument in arguments]
    common = [] if not given or given[0].startswith("--") or "nonsense" in given else HERE
    result = run(*common, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"empty"}


def test_where_nothing_could_be_calculated_the_first_reason_is_told(run, tmp_path):
    result = run("iron.csv", *HERE)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(
        "equical: error: nothing could be calculated; the first failure is bulk Fe2: "
    )
    status = run("--status", "screen-iron")
    assert "failed: bulk Fe2: No EMT-potential for Fe" in status.stdout


def test_a_disk_that_is_full_in_the_end_is_one_line_and_nothing_is_lost(run, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("equical.workflows.screen.files.write_structures", full)
        result = run("good.csv", *HERE)
    assert result.exit_code == 1 and "No space left on device" in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].startswith("equical: error: ") and "unexpected" not in result.stderr
    again = run("good.csv", *HERE, "--resume")
    assert again.exit_code == 0 and again.stdout.startswith("7 relaxations done, 7 of them before, 0 failed")


@pytest.mark.parametrize("pages", [2, 6, 17])  # of 19 that it would take: tables are still missing, or their first rows
def test_a_full_disk_is_one_line_and_nothing_is_lost(run, tmp_path, monkeypatch, pages):
    connect, small = sqlite3.connect, [True]

    def limited(*args, **options):
        connection = connect(*args, **options)
        if small[0]:
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr("ase.db.sqlite.sqlite3.connect", limited)
    result = run("good.csv", *HERE)
    assert result.exit_code == 1
    assert "cannot use the database screen-good/screen.db: database or disk is full" in result.stderr
    assert "equical: error: " in result.stderr and "go on with --resume" in result.stderr
    small[0] = False
    if pages < 17:
        assert not list((tmp_path / "screen-good").glob("*screen.db*"))
    else:
        assert not run("--status", "screen-good").stdout.startswith("0 of ")
    assert run("good.csv", *HERE, "--resume").exit_code == 0
