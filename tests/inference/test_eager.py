"""Eager execution along a trajectory, where neighbour lists are kept."""

import numpy as np
from numpy.testing import assert_array_equal

from equical.inference.eager import EagerEvaluator
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field


def test_a_kept_list_gives_the_bits_of_a_list_made_anew():
    for kind in CONFIGS:
        potential = force_field(kind)
        going, rng = EagerEvaluator(potential), np.random.default_rng(0)
        atoms = make_structures()["compound, skewed cell"]
        for step in range(6):
            atoms.positions += rng.normal(0, 0.03, atoms.positions.shape)
            atoms.set_cell(atoms.cell.array * (1 + 1e-3 * rng.normal()), scale_atoms=True)
            if step % 2:
                atoms.wrap(eps=0.0)
            one = going.evaluate(atoms, forces=True, stress=potential.predicts_stress)
            other = EagerEvaluator(potential).evaluate(atoms, forces=True, stress=potential.predicts_stress)
            for name in ("energy", "forces", "stress"):
                if getattr(other, name) is not None:
                    assert_array_equal(getattr(one, name), getattr(other, name))
        assert going.stats.list_rebuilds < going.stats.evaluations == 6
        assert {"neighbors", "inputs", "network"} == going.stats.seconds.keys()
