"""What is no bulk crystal is refused; what is one is copied without what would get in the way."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.workflows.common.crystal import bare_crystal, require_total_energy


def periodic(atoms):
    atoms.pbc = True
    return atoms


def test_a_crystal_is_copied_without_calculator():
    atoms = bulk("Cu")
    atoms.calc = EMT()
    crystal = bare_crystal(atoms, "a test")
    assert crystal == atoms and crystal is not atoms
    assert crystal.calc is None
    crystal.positions += 1
    assert (atoms.positions == 0).all()


def test_constraints_are_left_out_with_a_warning():
    atoms = bulk("Cu")
    atoms.set_constraint(FixAtoms([0]))
    with pytest.warns(UserWarning, match="constraints are left out: a test moves all atoms"):
        assert not bare_crystal(atoms, "a test").constraints
    assert atoms.constraints


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (molecule("H2O"), "a test needs a crystal that is periodic in three directions; this structure has pbc=FFF"),
        (fcc111("Cu", (1, 1, 3), vacuum=8), "pbc=TTF"),
        (periodic(fcc111("Cu", (1, 1, 3), vacuum=8)), "16.0 Å without atoms along cell vector c"),
        (periodic(fcc111("Cu", (1, 1, 3), vacuum=8))[::-1], "cell vector c"),
        (periodic(fcc111("Cu", (1, 1, 3), vacuum=3.5)), "7.0 Å without atoms"),
        (periodic(molecule("H2O", vacuum=6)), "slab or a molecule in vacuum"),
        (Atoms("Cu", cell=[3, 3, 0], pbc=True), "without volume"),
        (Atoms("Cu", positions=[[0, 0, np.nan]], cell=[3, 3, 3], pbc=True), "finite"),
        (Atoms(cell=[3, 3, 3], pbc=True), "no atoms"),
    ],
)
def test_what_is_no_crystal_is_refused(atoms, message):
    with pytest.raises(InputError, match=message):
        bare_crystal(atoms, "a test")


def test_layers_close_to_each_other_are_a_crystal_and_vacuum_may_be_allowed():
    graphite = graphene(vacuum=1.7)
    graphite.pbc = True
    bare_crystal(graphite, "a test")
    lone = graphene(vacuum=8)
    lone.pbc = True
    bare_crystal(lone, "a test", vacuum_allowed=True)


def test_models_of_adsorption_energies_are_refused():
    calculator = EMT()
    require_total_energy(calculator, "a test")
    calculator.energy_kind = "adsorption"
    with pytest.raises(InputError, match="adsorption energies; a test needs one of total energies"):
        require_total_energy(calculator, "a test")
