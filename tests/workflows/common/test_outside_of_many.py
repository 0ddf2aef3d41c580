"""Of many structures, those outside what the model knows are marked, with the reason, and one line says how many."""

import csv
import json
import warnings

import pytest
from ase.build import fcc111
from ase.calculators.emt import EMT
from ase.db import connect

import equical.workflows.adsorption.files as adsorption_files
import equical.workflows.screen.files as screen_files
import equical.workflows.search.files as search_files
from equical import adsorption_energies, adsorption_energy, screen, search
from equical.cli.screen import _print as print_screen
from equical.cli.search import _print as print_search
from equical.uncertainty import Uncertainty
from equical.workflows.adsorption.report import format_series, format_table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.report.run import page_of

REASON = "Pt-X were never neighbours in its data"

WORDS = "outside what the model knows"


class Pure(EMT):
    """EMT that knows pure substances and nothing else."""

    implemented_properties = (*EMT.implemented_properties, "energy_std")

    def uncertainty(self, atoms):
        return Uncertainty(1.0, None, (REASON,) if len(set(atoms.numbers)) > 1 else ())


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Without warnings, and without pictures, which take longer than the rest."""
    for module, *names in (
        (adsorption_files, "plot_sites", "plot_energies", "plot_structure"),
        (search_files, "plot_energies", "plot_hull"),
        (screen_files, "plot_screen"),
    ):
        for name in names:
            monkeypatch.setattr(module, name, lambda result, path: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def told(result):
    assert json.loads((result.output / "result.json").read_text("utf-8"))["warnings"] == list(result.warnings)
    return [line for line in result.warnings if WORDS in line]


def stored(result, name):
    return json.loads((result.output / "result.json").read_text("utf-8"))[name]


def shown(result):
    """First and last cell of each row of the first table of the page, and the name of its last column."""
    table = page_of(FinishedRun.read(result.output)).tables[0]
    return [(row[0], row[-1]) for row in table.rows], table.columns[-1].name


def cells(path, name):
    return [row["outside"] for row in csv.DictReader((path / name).read_text("utf-8").splitlines())]


def test_structures_of_a_search(tmp_path, capsys):
    result = search("Cu=0:1,Au=0:1", Pure(), structures=3, operations=48, steps=2, window=9.0, output=tmp_path / "run")
    expected = [REASON if one.formula == "AuCu" else None for one in result.found]
    assert expected.count(REASON) == 1
    assert [one.outside for one in result.found] == [one["outside"] for one in stored(result, "found")] == expected
    rank = 1 + expected.index(REASON)
    (line,) = told(result)
    assert line.startswith(f"1 of 3 distinct structures lies {WORDS}, the first is rank {rank} (AuCu): {REASON}; ")
    assert shown(result) == ([(i, reason) for i, reason in enumerate(expected, 1)], WORDS)
    assert cells(result.output, "ranking.csv") == [reason or "" for reason in expected]
    print_search(result)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.endswith(WORDS)] == ["AuCu"]


def test_configurations_of_an_adsorbate(tmp_path):
    slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6)
    run = {"sites": ["fcc", "top"], "steps": 2, "output": tmp_path / "run"}
    result = adsorption_energy(slab, "O", Pure(), **run)
    assert [one["outside"] for one in stored(result, "configurations")] == [REASON, REASON]
    first = result.configurations[0].name
    assert told(result)[-1].startswith(f"2 of 2 configurations of O lie {WORDS}, the first is {first}: {REASON}; ")
    assert all(line.endswith(WORDS) for line in format_table(result).splitlines()[1:])
    assert all(remark.endswith(f"{WORDS}: {REASON}") for _, remark in shown(result)[0])
    assert cells(result.output, "adsorption.csv") == [REASON, REASON]
    again = adsorption_energy(slab, "O", Pure(), resume=True, **run)
    assert told(again)[-1] == result.warnings[-1]  # although nothing was relaxed


def test_a_series_of_adsorbates(tmp_path):
    slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6)
    series = adsorption_energies(slab, ["H", "O"], Pure(), sites=["top"], fmax=1.0, output=tmp_path / "run")
    counted = [line.split(" lies ")[0] for line in told(series) if " configurations " in line]
    assert counted == ["1 of 1 configurations of H", "1 of 1 configurations of O"]
    assert [row["outside"] for row in stored(series, "results")] == [REASON, REASON]
    assert cells(series.output, "adsorption.csv") == [REASON, REASON]
    assert sum(line.endswith(WORDS) for line in format_series(series).splitlines()) == 2


def test_rows_of_a_screening(tmp_path, capsys):
    table = [{"bulk": "Pt", "facets": "111", "adsorbates": "H", "size": "1x1", "layers": 2, "keep_bulk": True}]
    result = screen(table, Pure, sites=["top"], workers=0, fmax=0.2, output=tmp_path / "run")
    assert [one["outside"] for one in stored(result, "adsorptions")] == [REASON]
    (line,) = told(result)
    place = result.adsorptions[0].configuration
    assert line.startswith(f"1 of 3 relaxed structures lies {WORDS}, the first is H on Pt (1 1 1) 1x1 layers 2")
    assert f", {place}: {REASON}; " in line
    assert [row.outside for row in connect(result.output / "screen.db").select("outside")] == [REASON]
    assert shown(result)[1] == WORDS and cells(result.output, "screen.csv") == [REASON]
    print_screen(result)
    assert sum(line.endswith(WORDS) for line in capsys.readouterr().out.splitlines()) == 1


def test_calculators_that_do_not_tell_say_nothing(tmp_path):
    result = search("Cu", EMT(), structures=1, operations=48, output=tmp_path / "run")
    assert told(result) == [] and stored(result, "found")[0]["outside"] is None
    assert shown(result)[1] != WORDS
