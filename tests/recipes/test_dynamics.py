"""The table of dynamics: what it says of motion that is known, and that its crystals are what they are called."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT


@pytest.fixture
def dynamics(universal):
    return universal("dynamics")


@pytest.mark.parametrize(
    ("name", "formula", "shortest"),
    [
        ("MgO", "MgO", 2.12), ("NaCl", "NaCl", 2.85), ("ZnS", "ZnS", 2.36), ("SrTiO3", "SrTiO3", 1.96),
        ("Fe2VAl", "VFe2Al", 2.47), ("Li3OCl", "Li3OCl", 1.95), ("MgH2", "MgH2", 1.94), ("WC", "WC", 2.20),
        ("ice XI", "H2O", 0.98), ("GaAs", "GaAs", 2.49), ("W", "W", 2.76), ("LaNi5", "LaNi5", 2.47),
    ],
)  # fmt: skip
def test_crystals_have_their_composition_and_their_shortest_bond(dynamics, name, formula, shortest):
    atoms = dynamics.MATERIALS[name].make()
    counts = atoms.symbols.formula.reduce()[0].count()
    assert counts == type(atoms.symbols.formula)(formula).count()
    assert dynamics.neighbours(atoms)[2].min() == pytest.approx(shortest, abs=0.05)


def shaken(atoms, width, drift=0.0, count=40):
    rng = np.random.default_rng(0)
    frames = []
    for number in range(count):
        frame = atoms.copy()
        frame.positions += rng.normal(0, width, (len(atoms), 3)) + drift * number
        frames.append(frame)
    return frames


def test_atoms_on_their_sites_keep_their_neighbours_however_the_crystal_drifts(dynamics):
    crystal = bulk("Cu", cubic=True) * 3
    frames = shaken(crystal, 0.1, drift=0.05)
    assert dynamics.kept(crystal, frames) == 1.0
    nearest = dynamics.neighbours(crystal)[2].min()
    assert dynamics.excursion(frames, nearest) == pytest.approx(0.1 * 3**0.5 / nearest, rel=0.05)


def test_a_liquid_has_lost_them(dynamics):
    crystal = bulk("Cu", cubic=True) * 3
    assert dynamics.kept(crystal, shaken(crystal, 0.1)[:1]) == 1.0
    rng = np.random.default_rng(1)
    liquid = crystal.copy()
    liquid.positions = rng.uniform(0, crystal.cell.lengths(), (len(crystal), 3))
    assert dynamics.kept(crystal, [liquid]) < 0.3


def test_a_run_is_judged_once(dynamics, monkeypatch, tmp_path):
    copper = dynamics.Material("metal", lambda: bulk("Cu", cubic=True) * 2, 1358)
    monkeypatch.setattr(dynamics, "MATERIALS", {"Cu": copper})
    with pytest.warns(UserWarning, match="not equilibrated"):
        row = dynamics.run("Cu", 300.0, EMT(), tmp_path, 0.1)
    assert row["finished"]
    assert row["neighbours_kept"] == 1.0
    assert dynamics.verdict(row) == "held"
    monkeypatch.setattr(dynamics, "relax", None)
    assert dynamics.run("Cu", 300.0, EMT(), tmp_path, 0.1) == row


def test_what_changes_is_named_by_its_melting_point(dynamics):
    row = {"finished": True, "neighbours_kept": 0.4, "volume_ratio": 1.3, "temperature": 1000.0, "solid_up_to": 600}
    assert dynamics.verdict(row) == "changed, as it should"
    assert dynamics.verdict(row | {"solid_up_to": 3000}) == "changed, and ought not"
    assert dynamics.verdict(row | {"finished": False}) == "flew apart"
