"""Velocities carry heat and nothing else."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.workflows.md.velocities import degrees_of_freedom, draw_velocities, kinetic_temperature, remove_drift


def drawn(atoms, temperature=300.0, ensemble="bussi", seed=0):
    dof = degrees_of_freedom(atoms, ensemble)
    draw_velocities(atoms, temperature, dof, np.random.default_rng(seed))
    return atoms


@pytest.mark.parametrize(
    ("atoms", "ensemble", "expected"),
    [
        (bulk("NaCl", "rocksalt", a=5.6), "nve", 3),
        (bulk("Cu", cubic=True), "langevin", 9),
        (molecule("H2O"), "bussi", 3),
        (molecule("H2O"), "langevin", 6),
        (molecule("CO2"), "nose-hoover", 4),
        (molecule("N2"), "nve", 1),
        (molecule("H2O", vacuum=4, pbc=(True, True, False)), "nve", 6),
    ],
)
def test_conserved_momenta_are_no_degrees_of_freedom(atoms, ensemble, expected):
    assert degrees_of_freedom(atoms, ensemble) == expected


def test_frozen_atoms_are_no_degrees_of_freedom_and_pin_the_momentum():
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint([FixAtoms([0]), FixAtoms([0, 1])])
    assert degrees_of_freedom(atoms, "bussi") == 6
    drawn(atoms)
    assert not atoms.get_momenta()[:2].any()
    assert np.abs(atoms.get_momenta()[2:]).min() > 0
    assert kinetic_temperature(atoms, 6) == pytest.approx(300, abs=1e-9)


@pytest.mark.parametrize("atoms", [Atoms("Cu", cell=[3] * 3, pbc=True), Atoms("Cu")])
def test_lone_atom_has_nothing_to_move(atoms):
    with pytest.raises(InputError, match="nothing can move"):
        degrees_of_freedom(atoms, "nve")


def test_crystal_gets_exact_temperature_and_no_momentum():
    atoms = drawn(bulk("NaCl", "rocksalt", a=5.6, cubic=True), temperature=555.0)
    assert kinetic_temperature(atoms, 21) == pytest.approx(555, abs=1e-9)
    assert np.abs(atoms.get_momenta().sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize("name", ["CH3CH2OH", "CO2", "H2"])
def test_molecule_gets_exact_temperature_and_neither_momentum_nor_rotation(name):
    atoms = molecule(name)
    atoms.rotate(33, (1, 2, 3))
    drawn(atoms)
    assert kinetic_temperature(atoms, degrees_of_freedom(atoms, "nve")) == pytest.approx(300, abs=1e-9)
    assert np.abs(atoms.get_momenta().sum(axis=0)).max() < 1e-12
    assert np.abs(atoms.get_angular_momentum()).max() < 1e-12


def test_velocities_are_maxwell_boltzmann_and_depend_on_the_seed_alone():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * (6, 6, 6)
    drawn(atoms)
    reduced = atoms.get_momenta() / np.sqrt(atoms.get_masses()[:, None])
    salt = np.isin(atoms.symbols, ["Na"])
    kinetic = (reduced**2).mean(axis=1)
    # Equipartition between light and heavy atoms: each mean has a relative standard error of sqrt(2/3N) = 2.8 %.
    assert kinetic[salt].mean() / kinetic[~salt].mean() == pytest.approx(1, abs=0.13)
    assert (reduced**4).mean() / (reduced**2).mean() ** 2 == pytest.approx(3, abs=0.3)
    assert np.array_equal(drawn(atoms.copy()).get_momenta(), atoms.get_momenta())
    assert not np.array_equal(drawn(atoms.copy(), seed=1).get_momenta(), atoms.get_momenta())


def test_drift_is_removed_and_internal_motion_kept():
    atoms = drawn(molecule("CH3CH2OH"))
    internal = atoms.get_velocities()
    arms = atoms.positions - atoms.get_center_of_mass()
    atoms.set_velocities(internal + np.array([0.1, 0.2, -0.3]) + np.cross([0.2, -0.1, 0.05], arms))
    remove_drift(atoms)
    assert np.allclose(atoms.get_velocities(), internal, atol=1e-12)


def test_velocities_of_frozen_atoms_are_not_kept():
    atoms = drawn(bulk("Cu", cubic=True))
    before = atoms.get_momenta()
    atoms.set_constraint(FixAtoms([1]))
    remove_drift(atoms)
    assert not atoms.get_momenta()[1].any()
    assert np.array_equal(atoms.get_momenta()[[0, 2, 3]], before[[0, 2, 3]])
