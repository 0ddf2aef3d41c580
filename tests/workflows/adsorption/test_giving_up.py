"""What makes a relaxation hopeless, and what does not yet."""

import numpy as np
import pytest
from ase.build import fcc111
from ase.calculators.singlepoint import SinglePointCalculator

from equical.workflows.adsorption import adsorbate
from equical.workflows.adsorption.giving_up import GivingUp


def carbon_monoxide(height=1.9, stretch=0.0):
    """CO on top of an atom of platinum, so much higher and longer."""
    placed = fcc111("Pt", (2, 2, 3), vacuum=8)
    molecule = adsorbate("CO").atoms
    molecule.positions[1, 2] += stretch
    molecule.positions += placed.positions[-1] + [0, 0, height]
    return placed + molecule


def judged(atoms, *energies, best=0.0):
    verdict = None
    giving_up = GivingUp(adsorbate("CO"), best)
    for energy in energies:
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        verdict = giving_up(atoms)
    return verdict


@pytest.mark.parametrize(
    ("height", "stretch", "verdict"),
    [(1.9, 0, None), (3.2, 0, None), (4.5, 0, "desorbed"), (1.9, 0.8, None), (1.9, 1.6, "dissociated")],
)
def test_what_has_left_or_come_apart_for_good(height, stretch, verdict):
    assert judged(carbon_monoxide(height, stretch), 0.0) == verdict


def test_far_above_and_not_coming_down():
    atoms = carbon_monoxide()
    assert judged(atoms, *np.linspace(1.05, 1.0, 11)) == "far above the best"
    assert judged(atoms, *np.linspace(1.05, 1.0, 10)) is None  # too early to tell
    assert judged(atoms, *np.linspace(2.0, 1.0, 11)) is None  # on its way
    assert judged(atoms, *np.linspace(0.42, 0.4, 11)) is None  # not that far
    assert judged(atoms, *np.linspace(1.05, 1.0, 11), best=None) is None
