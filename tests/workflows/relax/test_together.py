"""Structures relaxed side by side end as if each were alone, and none suffers from another."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from equical import relax
from equical.workflows.relax import RelaxSettings
from equical.workflows.relax.together import relax_together

SETTINGS = RelaxSettings(cell="free", fmax=0.05, smax=0.5, steps=8)


def crystals():
    found = [bulk("Cu", a=3.7, cubic=True), bulk("Al", a=4.0) * (1, 1, 2), bulk("Cu", a=3.61)]
    for seed, atoms in enumerate(found[:2]):
        atoms.rattle(0.05, seed=seed)
    return found


def assert_as_alone(calculator, tolerance, steps):
    settings = replace(SETTINGS, steps=steps)
    starts = crystals()
    before = [atoms.copy() for atoms in starts]
    ended = list(relax_together(starts, calculator, settings))
    assert starts == before
    for start, one in zip(starts, ended, strict=True):
        alone = relax(start, calculator, **vars(settings))
        assert (one.converged, one.steps, one.failure) == (alone.converged, alone.steps, None)
        np.testing.assert_allclose(one.atoms.positions, alone.atoms.positions, atol=tolerance)
        np.testing.assert_allclose(one.atoms.cell.array, alone.atoms.cell.array, atol=tolerance)
        assert one.atoms.get_potential_energy() == pytest.approx(alone.energy, abs=tolerance)
        assert one.last.max_force == pytest.approx(alone.max_force, abs=10 * tolerance)
    return ended


def test_one_after_the_other_is_as_alone():
    ended = assert_as_alone(EMT(), 1e-10, steps=3)
    assert {one.converged for one in ended} == {True, False}


def test_in_batches_is_as_alone(tiny_calculator):
    assert_as_alone(tiny_calculator, 1e-6, steps=2)


def test_a_step_of_all_is_one_batch(tiny_calculator, monkeypatch):
    sizes, batch = [], type(tiny_calculator).batch

    def counted(self, structures, properties):
        sizes.append(len(structures))
        return batch(self, structures, properties)

    monkeypatch.setattr(type(tiny_calculator), "batch", counted)
    list(relax_together(crystals(), tiny_calculator, RelaxSettings(cell="free", fmax=1e-9, steps=2)))
    assert sizes == [3, 3, 3]


def test_one_that_fails_does_not_stop_the_others(tiny_calculator):
    for calculator, reason in ((EMT(), "No EMT-potential for U"), (tiny_calculator, "does not cover U")):
        starts = [bulk("Cu", a=3.61), Atoms("U", cell=[3, 3, 3], pbc=True), bulk("Cu", a=3.6)]
        first, middle, last = relax_together(starts, calculator, SETTINGS)
        assert reason in middle.failure and not middle.converged and middle.last is None
        assert first.failure is last.failure is None


def test_what_is_hopeless_is_given_up():
    ended = list(relax_together(crystals(), EMT(), SETTINGS, lambda atoms: "no use" if len(atoms) == 2 else None))
    assert [one.failure for one in ended] == [None, "no use", None]
    assert (ended[1].steps, ended[1].converged) == (0, False)


def test_forces_alone_are_enough_for_a_fixed_cell():
    starts = crystals()[:1]
    (one,) = relax_together(starts, EMT(), RelaxSettings(fmax=0.05))
    assert one.converged and np.isnan(one.last.max_stress)
    np.testing.assert_array_equal(one.atoms.cell.array, starts[0].cell.array)
