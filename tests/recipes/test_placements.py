"""The benchmark of random placements runs, and counts chances as they are."""

import sys
from pathlib import Path

import pytest
from ase.build import fcc111

BENCHMARKS = Path(__file__).parents[2] / "examples" / "recipes" / "benchmarks"


def test_the_chance_of_random_placements_is_tabulated(monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import placements

    monkeypatch.setitem(placements.SURFACES, "Pt(211)", fcc111("Pt", (2, 2, 2), vacuum=8))
    arguments = ["placements.py", "--draws", "2", "--surfaces", "Pt(211)", "--adsorbates", "N2"]
    monkeypatch.setattr(sys, "argv", arguments)
    placements.main()
    header, row, *means = capsys.readouterr().out.splitlines()
    assert header.split()[-3:] == ["0", "1", "2"]
    assert row.startswith("N2 on Pt(211)") and row.split()[-3] == "0%"
    alone, beside = (int(mean.split()[-3].rstrip("%")) for mean in means)
    assert alone == 0 and beside in (0, 100)


@pytest.mark.parametrize(("hits", "chance"), [(0, 0.0), (1, 0.5), (3, 1.0), (4, 1.0)])
def test_chances_are_those_of_drawing_without_putting_back(monkeypatch, hits, chance):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from types import SimpleNamespace

    import placements

    def configuration(energy, random):
        return SimpleNamespace(energy=energy, random=random, anomalies=())

    found = [configuration(-1.0 - SMALL, True)] * hits + [configuration(0.0, True)] * (4 - hits)
    result = SimpleNamespace(best=configuration(-1.0, False), configurations=[*found, configuration(0.0, False)])
    alone, beside = placements.chances(result, 4)
    assert alone[2] == pytest.approx(chance)
    assert beside == alone


SMALL = 0.01
