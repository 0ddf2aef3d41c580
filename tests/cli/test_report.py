"""``equical report`` and ``--report`` as their users meet them."""

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical`` in a folder with a structure, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu", cubic=True))
    return lambda *args: CliRunner().invoke(main, list(args))


def test_a_run_writes_its_page_where_it_is_wanted(run, tmp_path):
    page = tmp_path / "relax-cu" / "report.html"
    assert run("relax", "cu.cif").exit_code == 0
    assert not page.exists()
    result = run("relax", "cu.cif", "--overwrite", "--report")
    assert result.exit_code == 0, result.stderr
    assert f"page to look at: {page.relative_to(tmp_path)}" in result.stdout
    assert "Relaxation of Cu4" in page.read_text("utf-8")


def test_a_page_goes_with_the_result_it_is_about(run, tmp_path):
    page = tmp_path / "relax-cu" / "report.html"
    assert run("relax", "cu.cif", "--report", "--quiet").output == ""
    assert page.exists()
    assert run("relax", "cu.cif", "--resume").exit_code == 0
    assert not page.exists()
    assert run("report", "relax-cu").exit_code == 0
    assert page.exists()
    assert run("relax", "cu.cif", "--overwrite").exit_code == 0
    assert not page.exists()


def test_pages_of_runs_that_are_over(run, tmp_path):
    run("relax", "cu.cif")
    run("eos", "cu.cif")
    result = run("report", "relax-cu", "eos-cu")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == ["relax-cu/report.html", "eos-cu/report.html"]
    assert (tmp_path / "eos-cu" / "report.html").exists()
    assert run("report", "relax-cu", "--quiet").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "Missing argument"), (["none"], "none is no folder"), (["."], "no result.json")],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run("report", *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1 and message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cu.cif"]
