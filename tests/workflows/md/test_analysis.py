"""What is read off a trajectory, against brute force and against answers known beforehand."""

import numpy as np
import pytest
from ase.build import bulk
from scipy.integrate import trapezoid

from equical.workflows.md.analysis import block_error, drift, radial_distribution, spectrum

EVERYTHING = np.ones(8, dtype=bool)


def test_ideal_gas_has_a_flat_radial_distribution():
    rng = np.random.default_rng(0)
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [1.0, -1.0, 10.0]])
    frames = rng.random((200, 40, 3)) @ cell
    symbols = np.array(["Ar"] * 10 + ["Ne"] * 30)
    rdf = radial_distribution(frames, np.broadcast_to(cell, (200, 3, 3)), symbols)
    assert rdf.distance[-1] < 4.0
    far = rdf.distance > 2
    # About 200 pairs of argon in a bin: 7 % each, and below 2 % on average.
    for values in (rdf.total, *rdf.partial.values()):
        assert values[far].mean() == pytest.approx(1, abs=0.02)
    assert list(rdf.partial) == ["Ar-Ar", "Ar-Ne", "Ne-Ne"]


def test_fcc_has_twelve_neighbours_and_partials_add_up():
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.symbols[::3] = "Au"
    symbols = np.array(atoms.get_chemical_symbols())
    # The cell of the second frame is larger: g(r) must refer each frame to its own density.
    cells = np.array([atoms.cell.array, 1.001 * atoms.cell.array])
    positions = np.array([atoms.positions, 1.001 * atoms.positions])
    rdf = radial_distribution(positions, cells, symbols)
    assert rdf.coordination[rdf.distance < 3.0][-1] == pytest.approx(12, rel=1e-2)
    gold = (symbols == "Au").mean()
    share = {"Au-Au": gold**2, "Au-Cu": 2 * gold * (1 - gold), "Cu-Cu": (1 - gold) ** 2}
    mixed = sum(share[name] * values for name, values in rdf.partial.items())
    peak = rdf.total.argmax()
    # The partials count N-1 partners of the same element.
    assert mixed[peak] == pytest.approx(rdf.total[peak], rel=0.03)


def test_autocorrelation_equals_the_double_loop():
    velocities = np.random.default_rng(3).standard_normal((40, 8, 3))
    result = spectrum(velocities, 0.01, np.array(["Cu"] * 8), np.full(8, 60.0), EVERYTHING)
    direct = np.array([(velocities[lag:] * velocities[: 40 - lag]).sum(axis=2).mean() for lag in range(20)])
    assert np.allclose(result.vacf["Cu"], direct / direct[0])


def test_spectrum_peaks_at_the_frequencies_of_the_elements_and_weighs_them_by_kinetic_energy():
    rng = np.random.default_rng(4)
    interval = 0.005
    time = interval * np.arange(2000)[:, None, None]
    frequencies = np.array([30.0] * 2 + [4.0] * 6)  # THz
    masses = np.array([1.0] * 2 + [16.0] * 6)
    phases = rng.uniform(0, 2 * np.pi, (8, 3))
    velocities = np.cos(2 * np.pi * frequencies[:, None] * time + phases) / np.sqrt(masses[:, None])
    symbols = np.array(["H"] * 2 + ["O"] * 6)
    result = spectrum(velocities, interval, symbols, masses, EVERYTHING)
    assert result.frequency[-1] == pytest.approx(100)
    assert result.frequency[result.dos["H"].argmax()] == pytest.approx(30, abs=0.2)
    assert result.frequency[result.dos["O"].argmax()] == pytest.approx(4, abs=0.2)
    share = {name: trapezoid(values, result.frequency) for name, values in result.dos.items()}
    assert share["H"] == pytest.approx(2 / 8, abs=0.01)
    assert share["H"] + share["O"] == pytest.approx(1)


def test_free_flight_correlates_forever():
    velocities = np.broadcast_to(np.arange(24.0).reshape(8, 3), (64, 8, 3))
    result = spectrum(velocities, 0.1, np.array(["He"] * 8), np.full(8, 4.0), EVERYTHING)
    assert np.allclose(result.vacf["He"], 1)
    assert result.dos["He"].argmax() == 0


def test_drift_is_the_slope_and_undefined_without_a_conserved_energy():
    time = np.linspace(0, 2, 50)
    assert drift(time, 1e4 + 0.003 * time) == pytest.approx(0.003)
    assert np.isnan(drift(time, np.full(50, np.nan)))
    assert np.isnan(drift(time[:2], time[:2]))


def test_block_error_sees_correlations():
    rng = np.random.default_rng(6)
    noise = rng.standard_normal(2000)
    assert block_error(noise) == pytest.approx(1 / np.sqrt(2000), rel=0.6)
    assert block_error(np.repeat(noise[:200], 10)) == pytest.approx(1 / np.sqrt(200), rel=0.6)
    assert np.isnan(block_error(noise[:10]))
