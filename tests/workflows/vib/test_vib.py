"""Vibrations against ASE's own, springs whose frequencies are known, and what resumes, warns and refuses."""

import csv
import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import add_adsorbate, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from ase.constraints import FixAtoms, FixBondLength
from ase.io import read
from ase.vibrations import Vibrations

from equical import relax, vib
from equical.errors import InputError
from tests.workflows.vib.springs import Springs

PER_ROOT = units._hbar * units.m / np.sqrt(units._e * units._amu) / units.invcm
"""cm⁻¹ of a frequency of (1 eV/Å²/amu)^½."""

soft = pytest.mark.filterwarnings("ignore:.*below 50 cm")


def oxygen_on_copper(layers=2):
    slab = fcc111("Cu", (2, 2, layers), a=3.6, vacuum=7.0)
    add_adsorbate(slab, "O", 1.2, "fcc")
    slab.info.clear()
    slab.set_constraint(FixAtoms(range(4 * layers)))
    return relax(slab, EMT(), fmax=1e-4).atoms


def ases_own(atoms, indices, folder, displacement=0.01):
    """Frequencies in cm⁻¹ by ASE's class, imaginary ones negative."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    vibrations = Vibrations(atoms, indices=indices, delta=displacement, name=str(folder / "ase"))
    vibrations.run()
    frequencies = vibrations.get_frequencies()
    return np.sort(frequencies.real - frequencies.imag)


@pytest.mark.parametrize("name", ["N2", "NH3"])
def test_molecules_are_those_of_ase_without_translations_and_rotations(name, tmp_path):
    atoms = relax(molecule(name), EMT(), fmax=1e-4).atoms
    result = vib(atoms, EMT(), displacement=0.002)  # with larger ones ASE's vibrations mix with rotations
    theirs = ases_own(atoms, None, tmp_path, 0.002)
    assert len(result.frequencies) == {"N2": 1, "NH3": 6}[name]
    np.testing.assert_allclose(result.frequencies, theirs[-len(result.frequencies) :], atol=1e-3)
    assert np.abs(result.modes.rigid).max() < 100
    assert result.converged and not result.imaginary_modes and not result.warnings


def test_an_adsorbate_is_that_of_ase_with_the_slab_frozen(tmp_path):
    atoms = oxygen_on_copper()
    result = vib(atoms, EMT())
    np.testing.assert_allclose(result.frequencies, ases_own(atoms, [8], tmp_path), atol=1e-3)
    assert result.indices == (8,) and result.geometry is None and result.thermo.statistics == "harmonic"
    assert result.frequencies[0] == pytest.approx(result.frequencies[1], abs=0.01)  # both along a threefold surface
    assert result.zero_point_energy == pytest.approx(result.frequencies.sum() * units.invcm / 2)


def test_atoms_that_are_named_vibrate_and_no_others(tmp_path):
    atoms = oxygen_on_copper()
    atoms.set_constraint(FixAtoms([0, 1, 2, 3]))
    atoms = relax(atoms, EMT(), fmax=1e-3).atoms
    result = vib(atoms, EMT(), indices=[-1, 4])
    assert result.indices == (4, 8)
    np.testing.assert_allclose(result.frequencies, ases_own(atoms, [4, 8], tmp_path), atol=1e-3)
    assert result.modes.displacements.shape == (6, 2, 3)


def test_a_diatomic_molecule_vibrates_as_the_curvature_and_the_reduced_mass_say():
    """Morse: k = 2 ε ρ²/r₀²; a heavy isotope slows it down by the root of the reduced mass."""
    calculator = MorsePotential(epsilon=4.5, r0=0.74, rho0=1.4)
    stiffness = 2 * 4.5 * (1.4 / 0.74) ** 2
    for masses in ([1.008, 1.008], [1.008, 2.014]):
        atoms = Atoms("H2", [[0, 0, 0], [0.74, 0, 0]], masses=masses)
        reduced = masses[0] * masses[1] / sum(masses)
        result = vib(atoms, calculator, displacement=1e-3)
        assert result.frequencies == pytest.approx([np.sqrt(stiffness / reduced) * PER_ROOT], rel=1e-5)
        assert result.thermo.symmetry_number == (2 if masses[0] == masses[1] else 1)
        assert (result.modes.displacements[0] * np.array(masses)[:, None]).sum(axis=0) == pytest.approx([0, 0, 0])


@soft
def test_a_linear_molecule_stretches_twice_and_bends_twice():
    atoms = Atoms("OCO", [[0, 0, -1.2], [0, 0, 0], [0, 0, 1.2]])
    atoms.rotate(37, (1, 2, 3))
    result = vib(atoms, Springs(atoms, {("C", "O"): 80.0}), displacement=1e-3)
    carbon, oxygen = atoms.get_masses()[1], atoms.get_masses()[0]
    stretches = np.sqrt([80 / oxygen, 80 * (1 / oxygen + 2 / carbon)]) * PER_ROOT
    assert (result.geometry, result.point_group, len(result.frequencies)) == ("linear", "D∞h", 4)
    np.testing.assert_allclose(result.frequencies[2:], stretches, rtol=1e-6)
    assert (np.abs(result.frequencies[:2]) < 5).all()  # nothing resists the bend
    assert result.warnings == (
        "2 vibrations below 50 cm⁻¹, whose harmonic entropy is too large: --low-frequency-cutoff 50 raises them to it, "
        "and says so",
    )


def test_degenerate_modes_of_a_tetrahedral_molecule():
    """E, T2, T2 and A1; in the last the hydrogens alone move, ω² = (k_CH + 4 k_HH)/m_H."""
    atoms = molecule("CH4")
    result = vib(atoms, Springs(atoms, {("C", "H"): 30.0, ("H", "H"): 3.0}), displacement=1e-3)
    groups = np.split(result.frequencies, np.flatnonzero(np.diff(result.frequencies) > 1) + 1)
    assert (result.point_group, result.thermo.symmetry_number) == ("Td", 12)
    assert sorted(len(group) for group in groups) == [1, 2, 3, 3]
    (breathing,) = next(group for group in groups if len(group) == 1)
    assert breathing == pytest.approx(np.sqrt(42 / atoms.get_masses()[1]) * PER_ROOT, rel=1e-5)


def test_a_molecule_cut_by_the_boundary_of_its_box_is_the_free_one():
    free = relax(molecule("NH3"), EMT(), fmax=1e-4).atoms
    boxed = free.copy()
    boxed.set_cell([[9, 0, 0], [2, 10, 0], [0, 1, 11]])
    boxed.pbc = True
    boxed.wrap()
    assert np.ptp(boxed.positions, axis=0).max() > 5
    whole, cut = vib(free, EMT()), vib(boxed, EMT())
    assert cut.point_group == "C3v" and cut.thermo.statistics == "ideal-gas"
    np.testing.assert_allclose(cut.frequencies, whole.frequencies, atol=1e-3)
    assert cut.thermo.gibbs_energy == pytest.approx(whole.thermo.gibbs_energy, abs=1e-6)


def test_a_single_atom_is_a_gas_without_vibrations(tmp_path):
    result = vib(Atoms("O"), EMT(), spin=1.0, output=tmp_path)
    assert (len(result.frequencies), result.geometry, result.zero_point_energy) == (0, "monatomic", 0)
    per_mol = result.thermo.entropy / units.J * units.mol
    assert per_mol == pytest.approx(143.43 + 8.31446 * np.log(3), abs=0.01)  # Sackur, Tetrode; a triplet
    assert not (tmp_path / "modes.extxyz").exists()
    harmonic = vib(Atoms("O"), EMT(), statistics="harmonic")
    assert harmonic.thermo.gibbs_energy == harmonic.energy


def test_a_slab_without_frozen_atoms_keeps_no_translations():
    slab = fcc111("Cu", (1, 1, 3), a=3.6, vacuum=7.0)
    result = vib(slab, EMT(), relax_first=True)
    assert len(result.frequencies) == 6 and len(result.modes.rigid) == 3
    assert result.frequencies[0] > 20 and np.abs(result.modes.rigid).max() < 1e-3
    assert result.thermo.statistics == "harmonic"


@soft
def test_imaginary_modes_are_named_and_left_out():
    """EMT bends CO2: the linear molecule is a saddle point of second order."""
    with pytest.warns(UserWarning, match=r"2 imaginary modes: mode 1 at -62\.\d cm⁻¹ \(C0 0\.78, O. 0\.11, O. 0\.11\)"):
        result = vib(molecule("CO2"), EMT(), relax_first=True)
    first, second = result.imaginary_modes
    assert (first.number, second.number) == (1, 2) and first.frequency < 0
    assert result.zero_point_energy == pytest.approx(result.frequencies[2:].sum() * units.invcm / 2)
    assert np.isfinite(result.thermo.gibbs_energy) and result.converged


def test_forces_are_refused_relaxed_or_insisted_on(tmp_path):
    atoms = Atoms("N2", [[0, 0, 0], [0, 0, 1.2]])
    before = atoms.positions.copy()
    with pytest.raises(InputError, match=r"largest force .* is \d+\.?\d* eV/Å.*--relax-first.*--force"):
        vib(atoms, EMT(), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    relaxed = vib(atoms, EMT(), relax_first=True)
    assert relaxed.converged and relaxed.max_force < 1e-3
    np.testing.assert_array_equal(atoms.positions, before)
    with pytest.warns(UserWarning) as said:
        forced = vib(atoms, EMT(), force=True)
    assert not forced.converged
    assert any("vibrations need a structure relaxed" in str(one.message) for one in said)
    assert any("translation or rotation has a frequency" in str(one.message) for one in said)


def test_a_force_on_a_frozen_atom_does_not_matter():
    atoms = oxygen_on_copper()
    atoms.positions[0, 2] -= 0.3
    atoms = relax(atoms, EMT(), fmax=1e-3).atoms
    assert np.linalg.norm(atoms.get_forces(apply_constraint=False), axis=1).max() > 0.1
    assert vib(atoms, EMT()).converged


@pytest.mark.filterwarnings("ignore:the largest force", "ignore:a translation or rotation")
def test_noise_is_told():
    class Noisy(EMT):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            seed = int(1e6 * np.abs(self.atoms.positions).sum())
            self.results["forces"] = self.results["forces"] + np.random.default_rng(seed).normal(0, 0.1, (2, 3))

    atoms = relax(molecule("N2"), EMT(), fmax=1e-4).atoms
    with pytest.warns(UserWarning, match="differ by up to .* eV/Å² from their mirror images"):
        vib(atoms, Noisy(), force=True)


@soft
@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (Atoms("N2", [[0, 0, 0], [0, 0, 1]]), {"indices": [2]}, "no atom 2: the structure has atoms 0 to 1"),
        (Atoms("N2", [[0, 0, 0], [0, 0, 1]]), {"indices": []}, "a list of whole numbers"),
        (Atoms("N", constraint=FixAtoms([0])), {}, "all 1 atoms are frozen"),
        (Atoms("N2", [[0, 0, 0], [0, 0, 1]], constraint=FixBondLength(0, 1)), {}, "and not FixBondLengths"),
        (Atoms("N2", [[0, 0, 0], [0, 0, 1]], constraint=FixAtoms([0])), {"statistics": "ideal-gas"}, "1 of its atoms"),
        (fcc111("Cu", (1, 1, 2), vacuum=7.0), {"statistics": "ideal-gas"}, "no vacuum on all sides"),
        (Atoms(), {}, "no atoms"),
        (Atoms("N"), {"temperature": 0}, "temperature must be a positive number"),
        (Atoms("N"), {"pressure": -1}, "pressure must be a positive number"),
        (Atoms("N"), {"spin": 0.3}, "half a whole number"),
        (Atoms("N"), {"symmetry_number": 0}, "from 1 on"),
        (Atoms("N"), {"low_frequency_cutoff": -5}, "must not be negative"),
        (Atoms("N"), {"displacement": 0.5}, "not in the harmonic range"),
        (Atoms("N"), {"statistics": "quantum"}, "statistics must be one of auto, ideal-gas, harmonic"),
    ],
)
def test_mistakes(atoms, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        vib(atoms, EMT(), output=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_spin_that_does_not_fit_the_electrons_is_doubted():
    with pytest.warns(UserWarning, match=r"N has 7 electrons, which a spin of 0 .* 0\.5 for one unpaired"):
        vib(Atoms("N"), EMT())
    with pytest.warns(UserWarning, match="symmetry number given is 3; that of Kh, which was found, is 1"):
        vib(Atoms("O"), EMT(), symmetry_number=3)


def test_a_model_of_adsorption_energies_knows_no_gas():
    class Adsorption(EMT):
        energy_kind = "adsorption"

    with pytest.raises(InputError, match="predicts adsorption energies; thermochemistry of a gas needs"):
        vib(molecule("N2"), Adsorption())
    assert vib(oxygen_on_copper(), Adsorption()).converged


class Stopping(EMT):
    """Is interrupted after a number of calculations."""

    def __init__(self, left=10**9):
        super().__init__()
        self.left = left

    def calculate(self, *args, **kwargs):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().calculate(*args, **kwargs)


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("equical.workflows.common.evaluations.AT_ONCE", 4)
    atoms = relax(molecule("NH3"), EMT(), fmax=1e-4).atoms
    with pytest.raises(KeyboardInterrupt):
        vib(atoms, Stopping(11), output=tmp_path)
    assert len(list((tmp_path / "forces").iterdir())) == 9  # at rest, and two times four
    assert not (tmp_path / "result.json").exists()
    calculator = Stopping()
    resumed = vib(atoms, calculator, output=tmp_path, resume=True)
    assert 10**9 - calculator.left == 24 - 8 and resumed.num_reused == 9
    np.testing.assert_array_equal(resumed.frequencies, vib(atoms, EMT()).frequencies)
    hotter = vib(atoms, calculator, output=tmp_path, resume=True, temperature=1000, low_frequency_cutoff=300)
    assert 10**9 - calculator.left == 24 - 8 and hotter.thermo.num_raised == 3
    with pytest.raises(InputError, match="displacement was 0.01"):
        vib(atoms, Stopping(), output=tmp_path, resume=True, displacement=0.02)


@pytest.mark.drawn
def test_files(tmp_path):
    result = vib(oxygen_on_copper(), EMT(), output=tmp_path)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["frequencies"] == result.frequencies.tolist()
    assert written["thermochemistry"]["statistics"] == "harmonic" and written["units"]["gibbs_energy"].startswith("eV")
    assert written["stable"] is True and written["num_displacements"] == 6
    with (tmp_path / "vibrations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["frequency_per_cm"]) for row in rows] == result.frequencies.tolist()
    assert {row["moves"] for row in rows} == {"O8 1.00"}
    frames = read(tmp_path / "modes.extxyz", ":")
    assert [frame.info["mode"] for frame in frames] == [mode for mode in (1, 2, 3) for _ in range(16)]
    moved = np.array([frame.positions - result.structure.positions for frame in frames[32:]])
    assert np.abs(moved[:, :8]).max() < 1e-7  # the slab stays
    assert moved[4, 8, 2] == pytest.approx(-moved[12, 8, 2]) and abs(moved[4, 8, 2]) == pytest.approx(0.3)
    assert (tmp_path / "spectrum.png").read_bytes().startswith(b"\x89PNG")
    assert read(tmp_path / "structure.extxyz").get_potential_energy() == pytest.approx(result.energy)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of forces and imaginary modes: the model has random weights
def test_a_calculator_that_takes_batches_gives_the_same(tiny_calculator):
    class OneByOne(EMT):
        """The same numbers, without a method ``batch``."""

        def calculate(self, atoms=None, *args, **kwargs):
            self.results = {
                "energy": tiny_calculator.get_potential_energy(atoms),
                "forces": tiny_calculator.get_forces(atoms),
            }

    atoms = Atoms("OH", [[0, 0, 0], [0, 0, 1.0]], constraint=FixAtoms([0]))
    batched, single = (vib(atoms, one, force=True) for one in (tiny_calculator, OneByOne()))
    assert tiny_calculator.stats.evaluations < 40
    np.testing.assert_allclose(batched.hessian.matrix, single.hessian.matrix, atol=1e-7)
