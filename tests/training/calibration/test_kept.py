"""Atoms that are kept cover those of the data, and what is unlike all of these is far from them."""

import numpy as np
import pytest

from equical.training.calibration.kept import MOST_KEPT, surroundings_of, within_reach
from equical.training.calibration.seen import Seen
from equical.uncertainty import Features


def seen(*atoms):
    """A structure for each atom: its atomic number, and what it is embedded as."""
    features = [Features(np.array([row], dtype=np.float32), np.zeros((1, 2))) for _, row in atoms]
    return Seen([np.array([z]) for z, _ in atoms], features, np.zeros(len(atoms)))


@pytest.fixture(scope="module")
def rings():
    """Copper on a circle, aluminium on a far larger one elsewhere, nickel alone, a third direction of rounding."""
    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    noise = 1e-4 * np.random.default_rng(0).normal(size=1000)
    circle = np.stack([np.cos(angles), np.sin(angles), noise[:500]], axis=1)
    large = np.stack([300 + 10 * np.cos(angles), 300 + 10 * np.sin(angles), noise[500:]], axis=1)
    return surroundings_of(seen(*((29, row) for row in circle), *((13, row) for row in large), (28, [50.0, 0, 0])))


def distance(surroundings, z, *row):
    return float(surroundings.distances(np.array([z]), np.array([row], dtype=float))[0])


def test_those_of_the_data_are_near_and_a_hole_among_them_is_far(rings):
    assert len(rings.projection) == 2 and rings.kept.shape[1] == MOST_KEPT
    for z, middle, radius in ((29, 0, 1), (13, 300, 10)):
        around = [distance(rings, z, middle + radius * np.cos(a), middle + radius * np.sin(a), 0) for a in range(40)]
        assert max(around) < 1.5
        assert distance(rings, z, middle, middle, 0) > 3  # where a mean and a covariance see the most likely place
        assert distance(rings, z, middle + 2 * radius, middle, 0) > 3
    assert distance(rings, 28, 50, 0, 0) == 0 and distance(rings, 28, 80, 0, 0) > 1
    assert distance(rings, 47, 0, 0, 0) == np.inf


def test_what_is_measured_in_is_what_held_out_structures_say(rings):
    limit = within_reach(np.array([*np.linspace(0, 4, 101), np.inf]))
    assert limit == pytest.approx(3.96)
    assert distance(rings.scaled(limit), 29, 0, 0, 0) == pytest.approx(distance(rings, 29, 0, 0, 0) / limit)
    assert within_reach(np.array([np.inf])) == within_reach(np.zeros(3)) == 1
