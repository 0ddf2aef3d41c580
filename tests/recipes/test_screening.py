"""The benchmark of screenings does the same work each way, and says what each took."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "examples" / "recipes" / "benchmarks"


def test_both_ways_find_the_same_and_are_tabulated(monkeypatch, capsys, tmp_path):
    pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import screening

    monkeypatch.setattr(screening, "STEPS", 60)
    arguments = [
        "--metals",
        "Pt",
        "--adsorbates",
        "O",
        "--size",
        "1",
        "--cores",
        "1",
        "--json",
        tmp_path / "found.json",
    ]
    monkeypatch.setattr(sys, "argv", ["screening.py", *map(str, arguments)])
    screening.main()
    found = json.loads((tmp_path / "found.json").read_text())["measured"]
    assert [one["what"].split()[0] for one in found] == ["4", "4", "4", "4", "plain", "equical"]
    assert all(one["seconds"] > 0 and one["cpu_seconds"] > 0 and one["relaxations"] == 4 for one in found)
    said = capsys.readouterr().out.splitlines()
    assert float(said[-1].split(": ")[1].removesuffix(" meV")) < 5
