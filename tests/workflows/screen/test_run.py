"""A screening from start to end, in this process."""

import json
from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.db import connect
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from equical.errors import InputError, ModelChoice
from equical.workflows.adsorption import SlabFromBulk, adsorption_energy
from equical.workflows.common.notes import WorkflowWarning
from equical.workflows.screen import screen
from tests.workflows.screen.conftest import TABLE


def minimised(atoms, filter=None):
    atoms.calc = EMT()
    assert BFGS(filter(atoms) if filter else atoms, logfile=None).run(fmax=0.002, steps=500)
    return atoms.get_potential_energy()


def test_all_is_as_in_a_script_of_ase(run):
    """Two metals and two adsorbates, each step by hand, from the lattice constant on."""
    by_hand = {}
    hydrogen, water = minimised(molecule("H2")), minimised(molecule("H2O"))
    gas = {"H": hydrogen / 2, "O": water - hydrogen}
    for metal in ("Pt", "Cu"):
        crystal = bulk(metal, cubic=True)
        minimised(crystal, FrechetCellFilter)
        slab = fcc111(metal, (1, 1, 4), a=crystal.cell[0, 0], vacuum=7.5)
        slab.set_constraint(FixAtoms(mask=slab.get_tags() > 2))
        clean = minimised(slab)
        for species in ("O", "H"):
            energies = {}
            for site in ("fcc", "hcp"):
                covered = slab.copy()
                add_adsorbate(covered, species, 1.2, site)
                energies[f"{site}-{metal}3"] = minimised(covered) - clean - gas[species]
            by_hand[metal, species] = energies
    table = [{"bulk": "Pt; Cu", "facets": "1 1 1", "adsorbates": "O H", "size": "1x1", "layers": 4}]
    result = run(table, fmax=0.002, sites=["hollow"])
    rows = list(connect(result.output / "screen.db").select(kind="adsorption"))
    for (metal, species), energies in by_hand.items():
        for site, energy in energies.items():
            found = [r for r in rows if (r.adsorbate, r.site) == (species, site)]
            assert [r.adsorption_energy for r in found] == [pytest.approx(energy, abs=2e-3)], (metal, species, site)
        best = next(one for one in result.adsorptions if (one.surface[:2], one.adsorbate) == (metal, species))
        assert best.adsorption_energy == pytest.approx(min(energies.values()), abs=2e-3)
    assert result.converged and not result.failures


@pytest.mark.filterwarnings("ignore::equical.workflows.common.notes.WorkflowWarning")
def test_it_finds_what_adsorb_finds(run):
    result = run()
    alone = adsorption_energy(SlabFromBulk("Pt", (1, 1, 1), layers=2, size=(1, 1)), "H", EMT(), fmax=0.05)
    rows = list(connect(result.output / "screen.db").select(kind="adsorption"))
    assert {r.configuration: r.adsorption_energy for r in rows} == {
        c.name: pytest.approx(c.adsorption_energy, abs=1e-6) for c in alone.configurations
    }
    found = {r.configuration: r.anomalies for r in rows}
    assert found == {c.name: "; ".join(c.anomalies) or "none" for c in alone.configurations}
    assert result.adsorptions[0].configuration == alone.best.name


def test_what_is_shared_is_relaxed_once(run, emt):
    table = [
        TABLE[0] | {"adsorbates": "H OH"},
        TABLE[0] | {"adsorbates": ["OH"]},  # once more
        TABLE[0] | {"facets": "100", "reference": "1/2 H2"},
    ]
    result = run(table, emt)
    kinds = Counter(row.kind for row in connect(result.output / "screen.db").select())
    assert kinds["bulk"] == 1 and kinds["gas"] == 2 and kinds["slab"] == 2
    assert len({row.task for row in connect(result.output / "screen.db").select()}) == kinds.total()
    assert [(one.surface, one.adsorbate) for one in result.adsorptions] == [
        ("Pt (1 1 1) 1x1 layers 2", "H"),
        ("Pt (1 1 1) 1x1 layers 2", "OH"),
        ("Pt (1 0 0) 1x1 layers 2", "H"),
    ]


def test_a_finished_run_does_nothing_again_and_a_longer_table_only_what_is_new(run, emt):
    first = run(calculator=emt)
    before = [(row.id, row.mtime) for row in connect(first.output / "screen.db").select()]
    emt.started.clear()
    again = run(calculator=emt, resume=True)
    assert emt.started == []
    assert [(row.id, row.mtime) for row in connect(first.output / "screen.db").select()] == before
    assert (again.reused, again.adsorptions) == (first.relaxations["done"], first.adsorptions)
    longer = run([*TABLE, TABLE[0] | {"adsorbates": "N"}], emt, resume=True)
    assert set(emt.started) == {"N2", "NPt2"}
    assert [one.adsorbate for one in longer.adsorptions] == ["H", "N"]
    shorter = run(TABLE, emt, resume=True)
    assert [one.adsorbate for one in shorter.adsorptions] == ["H"]


def test_a_failure_stops_no_other_and_is_tried_again_on_request(run, emt):
    emt.refuse = staticmethod(lambda atoms: "N" in atoms.symbols or "Cu" in atoms.symbols)
    table = [TABLE[0] | {"adsorbates": "H N"}, TABLE[0] | {"bulk": "Cu"}]
    result = run(table, emt)
    assert {failure.name for failure in result.failures} == {"gas N2", "bulk Cu4"}
    assert all("SCF has not converged" in failure.reason for failure in result.failures)
    assert result.blocked == ("N on Pt (1 1 1) 1x1 layers 2", "H on Cu (1 1 1) 1x1 layers 2")
    assert [one.adsorbate for one in result.adsorptions] == ["H"] and not result.converged
    emt.refuse = staticmethod(lambda atoms: False)
    emt.started.clear()
    again = run(table, emt, resume=True)
    assert (emt.started, again.failures) == ([], result.failures)
    mended = run(table, emt, retry_failed=True)
    assert (mended.failures, mended.blocked, len(mended.adsorptions)) == ((), (), 3)
    assert not [f for f in emt.started if f.startswith("HPt") or f in ("Pt4", "Pt2")]


def test_configurations_that_fail_are_listed_with_their_reason(run, emt):
    def on_top(atoms):
        return len(atoms) == 3 and np.linalg.norm(atoms.get_distance(1, 2, mic=True, vector=True)[:2]) < 0.2

    emt.refuse = staticmethod(on_top)
    result = run(calculator=emt)
    assert [failure.name for failure in result.failures] == ["H on Pt (1 1 1) 1x1 layers 2, top-Pt"]
    assert result.adsorptions[0].configurations == 3 and not result.converged
    rows = list(connect(result.output / "screen.db").select(status="failed"))
    assert {row.reason for row in rows} == {"SCF has not converged"}
    assert all(len(row.toatoms()) == 3 for row in rows)


def test_adsorptions_are_relaxed_side_by_side_where_the_calculator_takes_batches(run, emt, emt_in_batches, tmp_path):
    def on_top(atoms):
        return len(atoms) == 3 and np.linalg.norm(atoms.get_distance(1, 2, mic=True, vector=True)[:2]) < 0.2

    emt.refuse = emt_in_batches.refuse = staticmethod(on_top)
    alone = run(calculator=emt, output=tmp_path / "alone")
    rows = list(connect(alone.output / "screen.db").select(kind="adsorption"))
    together = run(calculator=emt_in_batches)
    assert emt_in_batches.sizes[0] == len(rows) == 4
    assert together.failures == alone.failures
    found = {row.configuration: row for row in connect(together.output / "screen.db").select(kind="adsorption")}
    for row in (row for row in rows if row.status == "done"):
        assert found[row.configuration].adsorption_energy == pytest.approx(row.adsorption_energy, abs=1e-6)
        assert (found[row.configuration].steps, found[row.configuration].anomalies) == (row.steps, row.anomalies)


def test_of_many_adsorptions_no_more_than_eight_go_together(run, emt_in_batches):
    result = run([TABLE[0] | {"adsorbates": "OH"}], emt_in_batches, steps=1, azimuths=[0, 45, 90])
    assert result.adsorptions[0].configurations > 8
    assert max(emt_in_batches.sizes) == 8


def test_an_adsorbate_without_room_is_a_failure(run):
    table = [*TABLE, TABLE[0] | {"adsorbates": "CH3OH"}]
    result = run(table)
    assert [failure.name for failure in result.failures] == ["CH3OH on Pt (1 1 1) 1x1 layers 2"]
    assert "the cell is too small" in result.failures[0].reason
    assert run(table, retry_failed=True).failures == result.failures


def test_lines_that_cannot_be_used_are_named_and_the_rest_goes_on(tmp_path):
    molecule("CH3OH").write(tmp_path / "methanol.xyz")
    (tmp_path / "table.csv").write_text(
        "bulk,slab,adsorbates,size,layers,freeze\n"
        "Pt,,H,1x1,2\n"
        "Xq,,H,1x1,2\n"
        "Pt,,unobtainium,1x1,2\n"
        ",none.cif,H,,\n"
        "Pt,,,1x1,2\n"
        "Pt,slab.cif,H,1x1,2\n"
        "Pt,,H,1x1,2,9\n"
        "Pt,,methanol.xyz,1x1,2\n"
    )
    with pytest.warns(WorkflowWarning) as told:
        result = screen(tmp_path / "table.csv", EMT, workers=0, fmax=0.05)
    assert [text.split(" of the table")[0] for text in result.unreadable] == [f"line {n}" for n in range(3, 10)]
    for text, words in zip(
        result.unreadable,
        [
            "not 'Xq'",
            "unknown adsorbate 'unobtainium'",
            "no such file",
            "names no adsorbates",
            "either bulk or slab",
            "cannot freeze 9 layers",
            "which atom of methanol binds",
        ],
        strict=True,
    ):
        assert words in text
    assert set(result.unreadable) <= {str(warning.message) for warning in told}
    assert len(result.adsorptions) == 1 and not result.converged


def test_a_table_without_a_usable_line_leaves_nothing_behind(run, tmp_path):
    with pytest.raises(InputError, match=r"nothing that can be calculated: entry 1 .* \(and 1 more lines\)"):
        run([{"bulk": "Xq", "adsorbates": "O"}, {"adsorbates": "O"}])
    assert not (tmp_path / "run").exists()


def test_slabs_from_structures_keep_their_constraints(run):
    slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=8)
    slab.set_constraint(FixAtoms([0]))
    result = run([{"slab": slab, "adsorbates": "H"}])
    row = next(connect(result.output / "screen.db").select(kind="slab"))
    assert [c.get_indices().tolist() for c in row.toatoms().constraints] == [[0]]
    assert result.adsorptions[0].surface == "Pt3"


def test_different_slabs_of_one_formula_have_different_names(run):
    slabs = [fcc111("Pt", (1, 1, 2), a=a, vacuum=8) for a in (3.9, 4.0)]
    result = run([{"slab": slab, "adsorbates": "H"} for slab in slabs])
    assert [one.surface for one in result.adsorptions] == ["Pt2", "Pt2 #2"]


def test_a_model_of_adsorption_energies_needs_no_references(run, emt):
    emt.energy_kind = "adsorption"
    result = run([TABLE[0] | {"keep_bulk": "yes"}, *TABLE], emt)
    kinds = Counter(row.kind for row in connect(result.output / "screen.db").select())
    assert kinds == {"slab": 1, "adsorption": 4}
    assert set(emt.started) == {"HPt2"}
    assert "cannot relax a bulk crystal" in result.unreadable[0]
    best = result.adsorptions[0]
    assert best.reference == "of the model"
    assert best.adsorption_energy == best.atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fmax": 0.04}, "fmax was 0.05"),
        ({"calculator": "another"}, "model was Counting"),
    ],
)
def test_another_run_is_refused(run, emt, options, words):
    run(calculator=emt)
    if "calculator" in options:
        options = {"calculator": EMT}
    with pytest.raises(InputError, match=words):
        run(**{"calculator": emt} | options, resume=True)


def test_the_database_of_another_run_is_refused(run, tmp_path):
    run()
    run(output=tmp_path / "other", fmax=0.06)
    (tmp_path / "other" / "screen.db").replace(tmp_path / "run" / "screen.db")
    with pytest.raises(InputError, match=r"run.screen\.db is the database of another run \(fmax was 0\.06\)"):
        run(resume=True)
    connect(tmp_path / "run" / "mine.db").write(Atoms("H"))
    (tmp_path / "run" / "mine.db").replace(tmp_path / "run" / "screen.db")
    with pytest.raises(InputError, match="is no database of a screening"):
        run(resume=True)
    (tmp_path / "run" / "screen.db").write_text("not a database at all, but some text")
    with pytest.raises(InputError, match="is damaged, or no database of a screening"):
        run(resume=True)


def test_the_result_says_all(run):
    result = run()
    stored = json.loads((result.output / "result.json").read_text("utf-8"))
    assert stored["relaxations"] == {"done": 7} and stored["failures"] == []
    assert stored["adsorptions"][0]["adsorption_energy"] == result.adsorptions[0].adsorption_energy
    assert any("periodic images" in warning for warning in stored["warnings"])
    assert run(resume=True).warnings == result.warnings


def test_the_model_is_chosen_by_what_the_table_asks_for(run, tmp_path):
    with pytest.warns(ModelChoice, match="catalysis-rpbe"):
        run([TABLE[0] | {"layers": 4, "keep_bulk": True}], None, steps=1, sites=["top"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model"]["name"] == "catalysis-rpbe"
