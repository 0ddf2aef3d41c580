"""Several adsorbates at once: what they share is calculated once, and each is what it is alone."""

import csv
import json

import pytest
from ase.build import fcc111
from ase.calculators.emt import EMT

from equical import InputError, adsorption_energies, adsorption_energy
from equical.workflows.adsorption import SlabFromBulk, files
from equical.workflows.adsorption.report import format_series

SETTINGS = {"sites": ["top", "fcc"], "azimuths": [0]}


@pytest.fixture(autouse=True)
def without_plots(monkeypatch):
    for name in ("plot_sites", "plot_energies", "plot_structure"):
        monkeypatch.setattr(files, name, lambda result, path: None)


@pytest.fixture
def slab():
    return fcc111("Pt", (2, 2, 3), a=3.92, vacuum=8)


def shown(series):
    return {
        name: [(c.name, c.rank, c.adsorption_energy) for c in result.configurations]
        for name, result in series.results.items()
    }


def test_each_is_what_it_is_alone_and_what_they_share_is_calculated_once(slab, calls):
    series = adsorption_energies(slab, ["O", "H"], EMT(), **SETTINGS)
    together = {formula: calls.count(formula) for formula in ("Pt12", "H2", "H2O")}
    calls.clear()
    alone = {name: adsorption_energy(slab, name, EMT(), **SETTINGS) for name in ("O", "H")}
    for name, result in series.results.items():
        for one, other in zip(result.configurations, alone[name].configurations, strict=True):
            assert (one.name, one.rank, one.anomalies) == (other.name, other.rank, other.anomalies)
            assert one.adsorption_energy == pytest.approx(other.adsorption_energy, abs=1e-9)
    assert calls.count("Pt12") == 2 * together["Pt12"] > 0
    assert calls.count("H2") == 2 * together["H2"] > 0
    assert calls.count("H2O") == together["H2O"] > 0


def test_bulk_is_relaxed_once(calls):
    recipe = SlabFromBulk("Pt", layers=3, size=(2, 2))
    series = adsorption_energies(recipe, ["O", "N"], EMT(), sites=["fcc"])
    crystals = calls.count("Pt4")
    adsorption_energy(recipe, "O", EMT(), sites=["fcc"])
    assert calls.count("Pt4") == 2 * crystals > 0
    assert series.results["O"].bulk is series.results["N"].bulk is not None


def test_files(slab, tmp_path):
    folder = tmp_path / "run"
    series = adsorption_energies(slab, ["O", "N"], EMT(), output=folder, references={"O": "1/2 O2"}, **SETTINGS)
    assert {path.name for path in folder.iterdir()} == {"run.json", "result.json", "adsorption.csv", "steps", "O", "N"}
    assert {path.stem for path in (folder / "steps").iterdir()} == {"slab", "gas-O2", "gas-N2"}
    stored = json.loads((folder / "result.json").read_text())
    assert stored["references"].keys() == {"O2", "N2"}
    rows = list(csv.DictReader((folder / "adsorption.csv").read_text().splitlines()))
    for name, row, entry in zip(("O", "N"), rows, stored["results"], strict=True):
        best = series.results[name].best
        assert (row["name"], row["configuration"]) == (entry["name"], entry["best"]) == (name, best.name)
        assert float(row["adsorption_energy_eV"]) == entry["adsorption_energy"] == best.adsorption_energy
        assert json.loads((folder / name / "result.json").read_text())["best"] == best.name
        assert f"{best.adsorption_energy:.3f}" in format_series(series)
    assert [entry["reference"] for entry in stored["results"]] == ["½ O2", "½ N2"]
    assert [entry["coverage"] for entry in stored["results"]] == [0.25, 0.25]


def test_gibbs_energies_share_the_gases(slab, tmp_path):
    series = adsorption_energies(
        slab, ["N", "H"], EMT(), thermo=(300, 1), output=tmp_path / "run", sites=["fcc"], azimuths=[0]
    )
    assert {path.name for path in (tmp_path / "run" / "thermo").iterdir()} == {"gas-N2", "gas-H2"}
    assert {path.name for path in (tmp_path / "run" / "N" / "thermo").iterdir()} == {series.results["N"].best.name}
    assert f"{series.results['H'].thermo.gibbs_energy:.3f}" in format_series(series)


def test_a_run_that_was_cut_short_goes_on_and_ends_the_same(slab, tmp_path, calls, monkeypatch):
    whole = adsorption_energies(slab, ["O", "N"], EMT(), output=tmp_path / "whole", **SETTINGS)
    all_calls = len(calls)
    calls.clear()

    class CutShort(EMT):
        def calculate(self, atoms, *args, **options):
            if len(calls) > 0.8 * all_calls:
                raise KeyboardInterrupt
            super().calculate(atoms, *args, **options)

    CutShort.__name__ = "EMT"
    with pytest.raises(KeyboardInterrupt):
        adsorption_energies(slab, ["O", "N"], CutShort(), output=tmp_path / "cut", **SETTINGS)
    assert not (tmp_path / "cut" / "result.json").exists()
    assert (tmp_path / "cut" / "O" / "result.json").exists()
    calls.clear()
    resumed = adsorption_energies(slab, ["O", "N"], EMT(), output=tmp_path / "cut", resume=True, **SETTINGS)
    assert shown(resumed) == shown(whole)
    assert 0 < len(calls) < 0.5 * all_calls
    calls.clear()
    again = adsorption_energies(slab, ["O", "N"], EMT(), output=tmp_path / "cut", resume=True, **SETTINGS)
    assert (shown(again), len(calls)) == (shown(whole), 0)
    with pytest.raises(InputError, match="adsorbates were"):
        adsorption_energies(slab, ["O", "H"], EMT(), output=tmp_path / "cut", resume=True, **SETTINGS)


def test_one_that_fails_stops_no_other(slab, tmp_path):
    class NoNitrogen(EMT):
        def calculate(self, atoms, *args, **options):
            if "N" in atoms.symbols and "Pt" in atoms.symbols:
                raise RuntimeError("nitrogen did not converge")
            super().calculate(atoms, *args, **options)

    series = adsorption_energies(slab, ["N", "O"], NoNitrogen(), output=tmp_path / "run", **SETTINGS)
    assert (list(series.results), series.converged) == (["O"], False)
    assert [failure.name for failure in series.failures] == ["N"]
    assert "N  " in format_series(series) and "failed: no configuration could be calculated" in format_series(series)
    assert (
        "nitrogen did not converge"
        in json.loads((tmp_path / "run" / "result.json").read_text())["failures"][0]["reason"]
    )
    with pytest.raises(InputError, match="nitrogen did not converge"):
        adsorption_energies(slab, ["N"], NoNitrogen(), **SETTINGS)


@pytest.mark.parametrize(
    ("adsorbates", "options", "message"),
    [
        ("OH", {}, "adsorbates must be a list"),
        ([], {}, "adsorbates must be a list of one or more"),
        (["O", "*O"], {}, "O is among the adsorbates 2 times"),
        (["O", "XY"], {}, "unknown adsorbate 'XY'"),
        (["O"], {"references": {"N": "1/2 N2"}}, "there is a reference for N, which is none of the adsorbates"),
        (["O"], {"references": {"O": "O2"}}, "makes O2, but the adsorbate is O"),
        (["O"], {"sites": ["hex"]}, "no site 'hex' on this surface"),
    ],
)
def test_mistakes_leave_nothing(slab, tmp_path, adsorbates, options, message):
    with pytest.raises(InputError, match=message):
        adsorption_energies(slab, adsorbates, EMT(), output=tmp_path / "run", **SETTINGS | options)
    assert not list(tmp_path.iterdir())
