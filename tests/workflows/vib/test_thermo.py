"""Entropies of gases against tables, and harmonic oscillators against their formulas."""

import numpy as np
import pytest
from ase import units
from ase.build import molecule

from equical.workflows.vib.thermo import of_harmonic_modes, of_ideal_gas

J_PER_K_MOL = units.J / units.mol


@pytest.mark.parametrize(
    ("name", "frequencies", "number", "spin", "entropy", "enthalpy"),
    [  # frequencies of NIST's webbook; S° and H°(298.15 K) − H°(0 K) of CODATA
        ("N2", [2359], 2, 0, 191.61, 8.670),
        ("O2", [1580], 2, 1, 205.15, 8.683),
        ("CO", [2170], 1, 0, 197.66, 8.671),
        ("H2O", [1595, 3657, 3756], 2, 0, 188.84, 9.905),
        ("CO2", [667, 667, 1333, 2349], 2, 0, 213.79, 9.365),
        ("NH3", [950, 1627, 1627, 3337, 3444, 3444], 3, 0, 192.77, 10.043),
    ],
)
def test_gases_have_the_entropies_and_enthalpies_of_the_tables(name, frequencies, number, spin, entropy, enthalpy):
    gas = of_ideal_gas(
        -7.0, np.array(frequencies, float), molecule(name),
        temperature=298.15, pressure=1.0, symmetry_number=number, spin=spin,
    )  # fmt: skip
    zero_point = sum(frequencies) * units.invcm / 2
    assert gas.entropy / J_PER_K_MOL == pytest.approx(entropy, abs=0.5)
    assert (gas.enthalpy + 7.0 - zero_point) / units.kJ * units.mol == pytest.approx(enthalpy, abs=0.02)
    assert sum(gas.entropy_parts.values()) == pytest.approx(gas.entropy)
    assert gas.gibbs_energy == pytest.approx(gas.enthalpy - 298.15 * gas.entropy)


def test_pressure_takes_from_the_entropy_of_translation():
    def at(pressure):
        return of_ideal_gas(
            0.0, np.array([2359.0]), molecule("N2"), temperature=500, pressure=pressure, symmetry_number=2, spin=0
        )

    assert at(1.0).gibbs_energy - at(0.01).gibbs_energy == pytest.approx(units.kB * 500 * np.log(100))


def test_harmonic_oscillators():
    quanta = np.array([30.0, 400.0]) * units.invcm
    for temperature in (1.0, 300.0):  # at 1 K exponentials are beyond what a float holds
        x = quanta / (units.kB * temperature)
        result = of_harmonic_modes(-3.0, np.array([30.0, 400.0]), temperature=temperature)
        free = -3.0 + (quanta / 2 + units.kB * temperature * np.log1p(-np.exp(-x))).sum()
        assert result.gibbs_energy == pytest.approx(free, abs=1e-9)
        assert result.pressure is None and result.num_raised == 0
    raised = of_harmonic_modes(-3.0, np.array([30.0, 400.0]), temperature=300.0, cutoff=100.0)
    same = of_harmonic_modes(-3.0, np.array([100.0, 400.0]), temperature=300.0)
    assert raised.num_raised == 1 and raised.gibbs_energy == pytest.approx(same.gibbs_energy, abs=1e-12)
