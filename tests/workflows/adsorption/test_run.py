"""Adsorption energies from start to end, with ASE's EMT as an exact and fast calculator."""

import csv
import json
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS

from equical.errors import InputError
from equical.workflows.adsorption import SlabFromBulk, adsorption_energy, configurations, files
from equical.workflows.adsorption.report import format_summary, format_table
from equical.workflows.common.notes import WorkflowWarning


@pytest.fixture
def slab():
    return fcc111("Pt", (2, 2, 3), a=3.92, vacuum=8)


class CountingEMT(EMT):
    """EMT that counts its calculations and fails when ``refuse`` says so."""

    def __init__(self, refuse=lambda atoms: False):
        super().__init__()
        self.calls, self.refuse = 0, refuse

    def calculate(self, atoms=None, *args, **options):
        self.calls += 1
        if self.refuse(atoms):
            raise RuntimeError("SCF\nhas not converged")
        super().calculate(atoms, *args, **options)


@pytest.fixture
def without_plots(monkeypatch):
    """Pictures take longer than the relaxations of these small cells."""
    for name in ("plot_sites", "plot_energies", "plot_structure"):
        monkeypatch.setattr(files, name, lambda result, path: None)


def minimised(atoms, filter=None):
    atoms.calc = EMT()
    assert BFGS(filter(atoms) if filter else atoms, logfile=None).run(fmax=0.002, steps=500)
    return atoms.get_potential_energy()


def test_oxygen_on_platinum_as_by_hand():
    """The script that everyone writes with ASE gives the same energies, from the lattice constant on."""
    crystal = bulk("Pt", cubic=True)
    minimised(crystal, FrechetCellFilter)
    slab = fcc111("Pt", (2, 2, 4), a=crystal.cell[0, 0], vacuum=7.5)
    slab.set_constraint(FixAtoms(mask=slab.get_tags() > 2))
    clean = slab.copy()
    energy_slab = minimised(clean)
    energy = {}
    for site in ("fcc", "hcp"):
        covered = clean.copy()
        add_adsorbate(covered, "O", 1.5, site)
        energy[site] = minimised(covered)
    gas = minimised(molecule("H2O")) - minimised(molecule("H2"))

    result = adsorption_energy(SlabFromBulk("Pt", (1, 1, 1), layers=4, size=(2, 2)), "O", EMT(), fmax=0.002)
    found = {c.name: c.adsorption_energy for c in result.configurations}
    assert found["fcc-Pt3"] == pytest.approx(energy["fcc"] - energy_slab - gas, abs=1e-3)
    assert found["hcp-Pt3"] == pytest.approx(energy["hcp"] - energy_slab - gas, abs=1e-3)
    assert result.bulk.cell[0, 0] == pytest.approx(crystal.cell[0, 0], abs=1e-3)
    assert result.slab_energy == pytest.approx(energy_slab, abs=2e-3)
    assert result.best.site in ("fcc-Pt3", "hcp-Pt3")


def test_energies_are_differences_of_what_is_reported(slab):
    result = adsorption_energy(slab, "CO", EMT(), sites=["top", "fcc"])
    assert result.equation == "E_ads = E(slab + CO) − E(slab) − E(CO)"
    assert [reference.name for reference in result.references] == ["CO"]
    for c in result.configurations:
        expected = c.energy - result.slab_energy - result.references[0].energy
        assert c.adsorption_energy == pytest.approx(expected)
        assert c.atoms.get_potential_energy() == c.energy
        np.testing.assert_allclose(EMT().get_forces(c.atoms)[-2:], c.atoms.get_forces()[-2:], atol=1e-8)
        assert c.converged
        assert c.max_force <= 0.03
    assert [c.rank for c in result.configurations] == [1, 2]
    assert result.converged


def test_another_reference_shifts_all_energies_alike(slab):
    water = adsorption_energy(slab, "O", EMT(), sites=["fcc"])
    oxygen = adsorption_energy(slab, "O", EMT(), sites=["fcc"], reference="1/2 O2")
    assert water.stoichiometry == "H2O − H2"
    assert oxygen.stoichiometry == "½ O2"
    shift = minimised(molecule("H2O")) - minimised(molecule("H2")) - minimised(molecule("O2")) / 2
    difference = oxygen.best.adsorption_energy - water.best.adsorption_energy
    assert difference == pytest.approx(shift, abs=2e-3)
    assert "− [E(H2O) − E(H2)]" in water.equation
    assert oxygen.equation.endswith("− ½ E(O2)")


def test_frozen_layers_stay_and_input_is_left_alone(slab):
    before = slab.copy()
    result = adsorption_energy(slab, "O", EMT(), sites=["fcc"], freeze=2)
    assert slab == before
    assert slab.calc is None
    moved = np.abs(result.best.atoms.positions[:12] - before.positions).max(axis=1) > 1e-6
    assert moved.tolist() == [False] * 8 + [True] * 4


@pytest.mark.drawn
def test_files(slab, tmp_path):
    folder = tmp_path / "run"
    result = adsorption_energy(slab, "O", EMT(), output=folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "adsorption.csv", "best.extxyz", "best.png", "configurations.extxyz", "energies.png", "references.extxyz",
        "result.json", "run.json", "sites.png", "slab.extxyz", "starts.extxyz", "steps",
    }  # fmt: skip
    assert all((folder / f"{name}.png").stat().st_size > 10_000 for name in ("best", "sites", "energies"))
    data = json.loads((folder / "result.json").read_text())
    assert data["best"] == result.best.name
    assert data["equation"] == result.equation
    assert [r["number"] for r in data["references"]] == ["1", "-1"]
    assert (data["settings"]["fmax"], data["settings"]["steps"]) == (0.03, 300)
    assert data["model"] == {"calculator": "EMT"}
    assert data["units"]["adsorption_energy"].startswith("eV")
    assert data["wall_time_s"] > 0
    rows = list(csv.DictReader((folder / "adsorption.csv").read_text().splitlines()))
    assert [row["configuration"] for row in rows] == [c.name for c in result.configurations]
    assert float(rows[0]["adsorption_energy_eV"]) == pytest.approx(result.best.adsorption_energy)
    images = read(folder / "configurations.extxyz", ":")
    assert [image.info["configuration"] for image in images] == [c.name for c in result.configurations]
    assert images[0].get_potential_energy() == pytest.approx(result.best.energy)
    assert len(images[0].constraints[0].index) == 4
    assert read(folder / "slab.extxyz").get_potential_energy() == pytest.approx(result.slab_energy)


def test_table_and_summary(slab):
    result = adsorption_energy(slab, "O", EMT(), sites=["fcc", "top"])
    table = format_table(result).splitlines()
    assert table[0].split()[:2] == ["rank", "configuration"]
    assert table[1].split()[:2] == ["1", "fcc-Pt3"]
    assert table[1].split()[2] == f"{result.best.adsorption_energy:.3f}"
    summary = format_summary(result)
    assert f"E(H2O) = {result.references[0].energy:.4f} eV" in summary
    assert result.equation in summary
    assert "3 layers, 4 atoms frozen, one O per 4 surface atoms" in summary


def test_one_failure_does_not_stop_the_rest(slab, tmp_path, without_plots):
    def on_top(atoms):
        if len(atoms) != 13:
            return False
        return (atoms.get_distances(12, range(12), mic=True) < 2.5).sum() == 1

    calculator = CountingEMT(on_top)
    result = adsorption_energy(slab, "O", calculator, output=tmp_path / "run")
    assert [c.name for c in result.configurations if c.error] == ["top-Pt"]
    failed = result.configurations[-1]
    assert (failed.name, failed.rank, failed.anomalies) == ("top-Pt", None, ("failed",))
    assert failed.error == "SCF has not converged"
    assert result.best is not None
    assert not result.converged
    assert "failed: SCF has not converged" in format_table(result)
    data = json.loads((tmp_path / "run" / "result.json").read_text())
    assert data["configurations"][-1]["adsorption_energy"] is None
    # What failed is tried again, and nothing else.
    calculator.refuse, calculator.calls = lambda atoms: False, 0
    again = adsorption_energy(slab, "O", calculator, output=tmp_path / "run", resume=True)
    assert again.converged
    assert calculator.calls <= again.configurations[-1].steps + 3


def test_anomalies_are_not_ranked(slab):
    """EMT knows no O–H bond: OH falls apart."""
    with pytest.warns(WorkflowWarning) as said:
        result = adsorption_energy(slab, "OH", EMT(), sites=["fcc"], azimuths=[90], steps=100)
    assert result.best is None
    assert "dissociated" in result.configurations[0].anomalies
    assert [str(one.message) for one in said] == list(result.warnings)
    assert "within 4." in result.warnings[0] and "of its periodic images" in result.warnings[0]
    assert result.warnings[-1] == "no configuration is free of anomalies, so none is ranked"
    assert not result.converged


def test_not_converged_is_said(slab):
    with pytest.warns(WorkflowWarning) as said:
        result = adsorption_energy(slab, "O", EMT(), sites=["fcc"], steps=1)
    assert result.configurations[0].anomalies == ("not converged",)
    assert not result.configurations[0].converged
    assert [str(one.message) for one in said] == list(result.warnings)
    assert any("bare slab" in note for note in result.warnings)
    assert any("H2O did not converge" in note for note in result.warnings)


def test_small_cells_and_thin_slabs_are_remarked():
    thin = fcc111("Pt", (1, 1, 2), vacuum=3.2, periodic=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WorkflowWarning)
        result = adsorption_energy(thin, "O", EMT(), sites=["fcc"], freeze=0)
    text = "\n".join(result.warnings)
    for phrase in (
        "within 2.8 Å of its periodic images",
        "of vacuum above",
        "Å thick",
        "no atom of the slab is frozen",
    ):
        assert phrase in text


def test_terminations_to_choose_from_are_remarked():
    alloy = Atoms("AuCu3", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)], cell=[3.75] * 3)
    alloy.pbc = True
    recipe = SlabFromBulk(alloy, (1, 0, 0), layers=4, termination=1, relax=False)
    with pytest.warns(WorkflowWarning) as caught:
        result = adsorption_energy(recipe, "O", EMT(), sites=["hollow"], steps=1)
    said = "(1 0 0) of AuCu3 can end with different layers (0 Cu2, 1 AuCu); this slab has termination 1"
    assert result.warnings[0].startswith(said)
    assert str(caught[0].message) == result.warnings[0]
    pure = adsorption_energy(SlabFromBulk("Pt", layers=3, size=(2, 2)), "O", EMT(), sites=["fcc"])
    assert pure.warnings == ()


def test_uncovered_elements_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot calculate the bare slab \(Fe12\): No EMT-potential for Fe"):
        adsorption_energy(fcc111("Fe", (2, 2, 3), a=3.6, vacuum=8), "O", EMT(), output=tmp_path / "run")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"reference molecule H2S \(H2S\): No EMT-potential for S"):
        adsorption_energy(fcc111("Pt", (2, 2, 3), vacuum=8), "S", EMT())


def test_nothing_that_works_is_an_error(slab):
    with pytest.raises(InputError, match="no configuration could be calculated.*SCF has not converged"):
        adsorption_energy(slab, "O", CountingEMT(lambda atoms: len(atoms) == 13))


def test_settings_out_of_range(slab):
    with pytest.raises(InputError, match="^fmax must be a positive number"):
        adsorption_energy(slab, "O", EMT(), fmax=0)


def test_slab_from_a_file(slab, tmp_path):
    slab.info.clear()
    write(tmp_path / "slab.extxyz", slab)
    from_file = adsorption_energy(tmp_path / "slab.extxyz", "O", EMT(), sites=["fcc"])
    given = adsorption_energy(slab, "O", EMT(), sites=["fcc"])
    assert from_file.best.energy == pytest.approx(given.best.energy, abs=1e-6)
    slab.calc = EMT()
    assert adsorption_energy(slab, "O", sites=["fcc"]).best.energy == given.best.energy


class AdsorptionModel(CountingEMT):
    """Stands for a model that predicts adsorption energies."""

    energy_kind = "adsorption"


def test_models_of_adsorption_energies(slab):
    calculator = AdsorptionModel()
    result = adsorption_energy(slab, "O", calculator, sites=["fcc"])
    assert result.best.adsorption_energy == result.best.energy
    assert result.references == ()
    assert result.slab_energy is None
    np.testing.assert_allclose(result.slab.positions, slab.positions)  # the bare slab is not relaxed
    assert "predicts adsorption energies" in result.equation
    assert "E(slab)" not in format_summary(result)


def test_what_models_of_adsorption_energies_cannot_do(slab):
    with pytest.raises(InputError, match="own references: leave out --reference"):
        adsorption_energy(slab, "O", AdsorptionModel(), reference="1/2 O2")
    with pytest.raises(InputError, match="cannot relax a bulk crystal: give a relaxed slab"):
        adsorption_energy(SlabFromBulk("Pt"), "O", AdsorptionModel())
    kept = SlabFromBulk("Pt", layers=3, size=(2, 2), relax=False)
    assert adsorption_energy(kept, "O", AdsorptionModel(), sites=["fcc"]).bulk is None


def test_resume_refuses_another_run(slab, tmp_path, without_plots):
    adsorption_energy(slab, "O", EMT(), sites=["fcc"], output=tmp_path)
    with pytest.raises(InputError, match="not empty"):
        adsorption_energy(slab, "O", EMT(), sites=["fcc"], output=tmp_path)
    with pytest.raises(InputError, match="another structure, model or setting"):
        adsorption_energy(slab, "O", EMT(), sites=["fcc"], output=tmp_path, resume=True, fmax=0.05)
    slab.set_constraint(FixAtoms([0]))
    with pytest.raises(InputError, match="another structure, model or setting"):
        adsorption_energy(slab, "O", EMT(), sites=["fcc"], output=tmp_path, resume=True)


HANGING_RUN = """
import sys, time
from pathlib import Path
from ase.build import fcc111
from ase.calculators.emt import EMT
from equical.workflows.adsorption import adsorption_energy

folder = Path(sys.argv[1])

class Hanging(EMT):
    name = "emt"
    def calculate(self, *args, **options):
        if (folder / "steps" / "bridge-Pt2.npz").exists():
            (folder.parent / "hangs").touch()
            time.sleep(600)
        super().calculate(*args, **options)

Hanging.__name__ = "EMT"  # the run is taken up with the very calculator
adsorption_energy(fcc111("Pt", (2, 2, 3), a=3.92, vacuum=8), "O", Hanging(), output=folder)
"""


def test_a_killed_run_goes_on_and_ends_the_same(slab, tmp_path, without_plots):
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", HANGING_RUN, str(folder)], stderr=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "hangs").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()
        process.stderr.close()
    assert not (folder / "result.json").exists()
    done = {path.name for path in (folder / "steps").glob("*-Pt*.npz")}
    assert done == {"top-Pt.npz", "bridge-Pt2.npz"}

    calculator = EMT()
    resumed = adsorption_energy(slab, "O", calculator, output=folder, resume=True)
    fresh = adsorption_energy(slab, "O", EMT(), output=tmp_path / "fresh")
    for one, other in zip(resumed.configurations, fresh.configurations, strict=True):
        assert one.name == other.name
        assert one.energy == other.energy
        np.testing.assert_array_equal(one.atoms.positions, other.atoms.positions)
    assert (folder / "adsorption.csv").read_text() == (tmp_path / "fresh" / "adsorption.csv").read_text()


def test_a_finished_run_is_read_back_without_a_calculation(slab, tmp_path, without_plots):
    first = adsorption_energy(slab, "O", CountingEMT(), sites=["fcc"], output=tmp_path)
    calculator = CountingEMT()
    again = adsorption_energy(slab, "O", calculator, sites=["fcc"], output=tmp_path, resume=True)
    assert calculator.calls == 0
    assert again.best.energy == first.best.energy


def test_adsorbate_without_binding_atom_is_refused(slab):
    with pytest.raises(InputError, match="which atom of CHO binds"):
        adsorption_energy(slab, Atoms("CHO", np.eye(3)), EMT())


class Batching(CountingEMT):
    """EMT that is asked for several structures at once."""

    largest = 0

    def batch(self, structures, properties):
        self.largest = max(self.largest, len(structures))
        return [Evaluated({name: self.get_property(name, atoms) for name in properties}) for atoms in structures]


class Evaluated:
    error = None

    def __init__(self, results):
        self.results = results


def test_random_placements_are_relaxed_beside_the_sites(slab):
    result = adsorption_energy(slab, "O", EMT(), sites=["top"], configurations=12)
    random = [c for c in result.configurations if c.random]
    assert 3 < len(random) < 12
    assert result.best.random  # a hollow, which was not among the sites
    assert result.best.final_site in ("fcc-Pt3", "hcp-Pt3")
    everywhere = adsorption_energy(slab, "O", EMT())
    assert result.best.adsorption_energy == pytest.approx(everywhere.best.adsorption_energy, abs=0.02)
    numbered = [c for c in result.configurations if c.rank]
    assert all("migrated" not in c.anomalies for c in random)
    assert {c.same_as for c in random} - {None} <= {c.name for c in numbered}
    assert f"{len(random)} at random" in format_summary(result)


def test_together_and_one_after_the_other_are_the_same(slab):
    alone = adsorption_energy(slab, "O", EMT(), configurations=4)
    calculator = Batching()
    together = adsorption_energy(slab, "O", calculator, configurations=4)
    assert calculator.largest > 2
    for one, other in zip(alone.configurations, together.configurations, strict=True):
        assert (one.name, one.steps, one.anomalies) == (other.name, other.steps, other.anomalies)
        assert one.energy == pytest.approx(other.energy, abs=1e-9)


def test_more_random_placements_later(slab, tmp_path, without_plots):
    run = {"sites": ["top"], "output": tmp_path}
    few = adsorption_energy(slab, "O", CountingEMT(), configurations=2, **run)
    calculator = CountingEMT()
    more = adsorption_energy(slab, "O", calculator, configurations=4, resume=True, **run)
    by_name = {c.name: c for c in more.configurations}
    assert all(by_name[c.name].energy == c.energy for c in few.configurations)
    new = [c for c in more.configurations if c.name not in {c.name for c in few.configurations}]
    assert calculator.calls == sum(c.steps + 1 for c in new) > 0


def test_the_given_up_are_told_apart(slab):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WorkflowWarning)
        result = adsorption_energy(slab, "CO", EMT(), sites=["fcc"], configurations=8, steps=30)
    given_up = [c for c in result.configurations if c.given_up]
    assert all("given up" in c.anomalies and c.rank is None and not c.converged for c in given_up)
    assert given_up
    assert f"given up: {given_up[0].given_up}" in format_table(result)
    assert result.converged == all(c.converged or c.given_up for c in result.configurations)


def test_what_has_come_to_rest_is_not_given_up(slab, monkeypatch):
    monkeypatch.setattr(configurations, "GivingUp", lambda species, best: lambda atoms: "no hope")
    result = adsorption_energy(slab, "O", EMT(), sites=["fcc"], configurations=2, fmax=1000)
    assert [(c.converged, c.given_up) for c in result.configurations if c.random] == [(True, None)] * 2


def test_numbers_of_random_placements_that_make_no_sense(slab):
    for wrong in ({"configurations": -1}, {"seed": 0.5}):
        with pytest.raises(InputError, match="must be a whole number from 0 on"):
            adsorption_energy(slab, "O", EMT(), **wrong)
