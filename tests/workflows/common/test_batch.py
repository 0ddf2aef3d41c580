"""Many structures at once or one by one, and what is told of those that fail."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from equical.errors import InputError
from equical.workflows.common.batch import evaluate_all


def crystals():
    return [bulk("Cu", a=a) * (1, 1, n) for a, n in ((3.5, 1), (3.6, 2), (3.7, 3))]


def test_one_by_one_is_what_the_calculator_says():
    found = evaluate_all(EMT(), crystals(), "crystal")
    for one, atoms in zip(found, crystals(), strict=True):
        atoms.calc = EMT()
        assert one.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
        np.testing.assert_allclose(one.forces, atoms.get_forces(), atol=1e-12)


def test_a_model_is_asked_for_all_at_once(tiny_calculator):
    found = evaluate_all(tiny_calculator, crystals(), "crystal")
    for one, atoms in zip(found, crystals(), strict=True):
        assert one.energy == pytest.approx(tiny_calculator.get_potential_energy(atoms), abs=1e-8)
        np.testing.assert_allclose(one.forces, tiny_calculator.get_forces(atoms), atol=1e-8)


def test_the_one_that_failed_is_named(tiny_calculator):
    images = [*crystals(), Atoms("U")]
    with pytest.raises(InputError, match="image 4 could not be evaluated: The model .* does not cover U"):
        evaluate_all(tiny_calculator, images, "image")
    with pytest.raises(InputError, match="the end could not be evaluated"):
        evaluate_all(tiny_calculator, images[-1:], "the end")
    broken = LennardJones(epsilon=np.nan)
    with pytest.raises(InputError, match="not numbers for image 1"):
        evaluate_all(broken, [Atoms("Ar2", [[0, 0, 0], [0, 0, 2]]), Atoms("Ar")], "image")


def test_constraints_do_not_change_the_forces():
    from ase.constraints import FixAtoms

    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=0)
    free = evaluate_all(EMT(), [atoms], "structure")[0].forces
    atoms.set_constraint(FixAtoms([0, 1]))
    for calculator in (EMT(), WithBatch()):
        np.testing.assert_allclose(evaluate_all(calculator, [atoms], "structure")[0].forces, free, atol=1e-12)


class WithBatch(EMT):
    def batch(self, structures, properties):
        assert properties == ("energy", "forces")
        values = [{name: self.get_property(name, atoms) for name in properties} for atoms in structures]
        return [SimpleNamespace(error=None, results=value) for value in values]
