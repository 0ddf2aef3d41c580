"""Adsorption at a temperature, against ASE's own thermochemistry."""

import json

import numpy as np
import pytest
from ase import units
from ase.build import fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from ase.thermochemistry import HarmonicThermo, IdealGasThermo
from ase.vibrations import Vibrations

from equical import InputError, adsorption_energy
from equical.workflows.adsorption import files
from equical.workflows.adsorption.report import format_summary

TEMPERATURE, PRESSURE = 400.0, 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("thermo") / "run"


def nitrogen(folder=None, **options):
    slab = fcc111("Pt", (2, 2, 2), a=3.92, vacuum=8)
    settings = {"sites": ["fcc"], "azimuths": [0], "fmax": 0.01, "thermo": (TEMPERATURE, PRESSURE)} | options
    return adsorption_energy(slab, "N", EMT(), output=folder, **settings)


@pytest.fixture(scope="module")
def result(folder):
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning):  # a thin slab is enough here
        for name in ("plot_sites", "plot_energies", "plot_structure"):
            patch.setattr(files, name, lambda result, path: None)
        return nitrogen(folder)


def modes_of_ase(atoms, indices, where):
    """eV, of atoms relaxed further while the others stay, by ASE alone."""
    atoms = atoms.copy()
    atoms.set_constraint()
    atoms.set_constraint(FixAtoms([i for i in range(len(atoms)) if i not in indices]))
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=1e-4)
    vibrations = Vibrations(atoms, indices=indices, name=str(where), delta=0.01)
    vibrations.run()
    return atoms, np.array(vibrations.get_energies())


def test_energies_are_those_of_ase(result, tmp_path):
    best, thermo = result.best, result.thermo
    _, modes = modes_of_ase(best.atoms, [len(best.atoms) - 1], tmp_path / "adsorbed")
    modes = np.maximum(modes.real, 50 * units.invcm)
    adsorbed = HarmonicThermo(modes)
    gas, stretch = modes_of_ase(molecule("N2"), [0, 1], tmp_path / "gas")
    ideal = IdealGasThermo(stretch[-1:].real, "linear", atoms=gas, symmetrynumber=2, spin=0, vib_selection="all")
    free = ideal.get_gibbs_energy(TEMPERATURE, PRESSURE * 1e5, verbose=False)
    expected = best.adsorption_energy + adsorbed.get_helmholtz_energy(TEMPERATURE, verbose=False) - free / 2
    assert thermo.gibbs_energy == pytest.approx(expected, abs=2e-3)
    heat = adsorbed.get_internal_energy(TEMPERATURE, verbose=False) - ideal.get_enthalpy(TEMPERATURE, False) / 2
    assert thermo.enthalpy == pytest.approx(best.adsorption_energy + heat, abs=2e-3)
    assert thermo.zero_point_energy == pytest.approx(modes.sum() / 2 - stretch[-1].real / 4, abs=2e-3)
    assert thermo.entropy < 0  # a gas has more
    assert thermo.adsorbate.low_frequency_cutoff == 50


def test_it_is_told_and_kept(result, folder):
    assert (result.thermo.configuration, result.thermo.gases.keys()) == (result.best.name, {"N2"})
    text = format_summary(result)
    assert "at 400 K, each gas at 0.5 bar" in text
    assert f"Gibbs energy G      {result.thermo.gibbs_energy:>8.3f} eV" in text
    stored = json.loads((folder / "result.json").read_text())
    assert stored["thermochemistry"]["gibbs_energy"] == result.thermo.gibbs_energy
    assert stored["settings"]["thermo"] == [TEMPERATURE, PRESSURE]
    assert {path.name for path in (folder / "thermo").iterdir()} == {result.best.name, "gas-N2"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_another_temperature_needs_no_calculation(result, folder, monkeypatch):
    for name in ("plot_sites", "plot_energies", "plot_structure"):
        monkeypatch.setattr(files, name, lambda result, path: None)
    monkeypatch.setattr(EMT, "calculate", None)
    cooler = nitrogen(folder, resume=True, thermo=(300, PRESSURE))
    assert cooler.best.energy == result.best.energy
    assert cooler.thermo.gibbs_energy < result.thermo.gibbs_energy  # a colder gas has less to lose


@pytest.mark.parametrize("wrong", [(300.0,), (0.0, 1.0), (300.0, -1.0), (float("nan"), 1.0)])
def test_conditions_that_make_no_sense(wrong):
    with pytest.raises(InputError, match="thermo takes a temperature in K and a pressure in bar"):
        nitrogen(thermo=wrong)


def test_models_of_adsorption_energies_have_no_gases():
    class Adsorption(EMT):
        energy_kind = "adsorption"

    with pytest.raises(InputError, match="no gas molecules: leave out --thermo"):
        adsorption_energy(fcc111("Pt", (2, 2, 2), vacuum=8), "N", Adsorption(), thermo=(300, 1))
