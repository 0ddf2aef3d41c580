"""Scales of stated errors, and an honest judgement of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms

from equical.training.calibration.fit import crossed_alarms, crossed_energies, halves, learned, scale_of, scales_of
from equical.training.calibration.score import score
from equical.training.calibration.seen import Seen
from equical.uncertainty import Features


def frames(*formulas: str):
    return [SimpleNamespace(atoms=Atoms(formula)) for formula in formulas]


def test_no_composition_is_on_both_sides():
    formulas = ["CuO", "Cu2O2", "NaCl", "CuO", "Al", "Al4", "NaCl", "MgO", "Ni"]
    half = halves(frames(*formulas))
    for alike in ({0, 1, 3}, {2, 6}, {4, 5}):
        assert len({half[i] for i in alike}) == 1
    assert sorted(np.bincount(half)) == [4, 5]


def test_frames_of_one_composition_are_parted_in_the_middle():
    assert halves(frames(*["Cu4"] * 5)).tolist() == [0, 0, 0, 1, 1]


def drawn(stated, seed):
    return stated * np.random.default_rng(seed).normal(size=len(stated))


def test_the_scale_is_that_of_normal_errors_whatever_a_few_wrong_labels_say():
    stated = np.linspace(1, 5, 2000)
    errors = 0.3 * drawn(stated, 0)
    assert scale_of(errors, stated) == pytest.approx(0.3, rel=0.05)
    errors[::200] = 100
    assert scale_of(errors, stated) == pytest.approx(0.3, rel=0.2)
    assert scale_of(errors[:0], stated[:0]) == 0


@pytest.mark.parametrize("true", [(2.0, 0.0), (0.0, 3.0), (1.0, 1.0)])
def test_parts_count_as_much_as_errors_follow_them(true):
    """A part that tells nothing of these errors keeps a twentieth of the variance, for what is unlike all of them."""
    parts = np.exp(np.random.default_rng(1).normal(size=(3000, 2)))
    errors = drawn(np.hypot(*(parts * true).T), 2)
    found = scales_of(errors, parts)
    shares = found**2 * np.mean(parts**2, axis=0)
    expected = np.array(true) ** 2 * np.mean(parts**2, axis=0)
    assert shares / shares.sum() == pytest.approx(np.clip(expected / expected.sum(), 0.05, 0.95), abs=0.15)
    assert (found > 0).all()


def test_each_half_is_judged_by_the_other():
    parts, half = np.ones((200, 2)), np.arange(200) * 2 // 200
    errors = drawn(np.where(half == 0, 1.0, 5.0), 3)
    stated = crossed_energies(errors, parts, half)
    assert stated[half == 0] == pytest.approx(5, rel=0.2)
    assert stated[half == 1] == pytest.approx(1, rel=0.2)


def test_a_score_of_normal_errors_is_that_of_the_normal_distribution():
    stated = np.exp(np.random.default_rng(4).normal(size=20_000))
    found = score(drawn(stated, 5), stated)
    assert (found.within_one, found.within_two) == pytest.approx((0.683, 0.954), abs=0.01)
    assert found.correlation > 0.5
    for said, was in found.groups:
        assert said == pytest.approx(was, rel=0.05)


def test_structures_unlike_the_other_half_are_outside():
    """In one half atoms are twice as far as in the other: half of it is outside, and nothing of the other."""
    farthest, half = np.array([*np.linspace(0, 1, 1000), *np.linspace(0, 2, 1000)]), np.arange(2000) // 1000
    outside = crossed_alarms(farthest, half)
    assert outside[half == 0].mean() == 0
    assert outside[half == 1].mean() == pytest.approx(0.505, abs=0.002)


def test_usual_errors_follow_those_of_the_data_and_not_beyond_them():
    """Errors that grow threefold with a feature; where it is far larger than in the data, no usual error is known."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3000, 4))
    errors = drawn(3 ** means[:, 1], 1)
    features = [Features(np.ones((2, 3)) + 0.1 * rng.normal(size=(2, 3)), np.tile(row, (2, 1))) for row in means]
    numbers = [np.array([29, 29])] * len(means)
    knowledge = learned(Seen(numbers, features, errors), np.ones((119, 119), bool), 1.0)

    def usual(second):
        return knowledge.uncalibrated(numbers[0], Features(features[0].embedded, np.tile([0, second, 0, 0], (2, 1))))[0]

    assert usual(1.0) / usual(0.0) == pytest.approx(3, rel=0.3)
    assert (
        usual(30.0)
        == usual(20.0)
        == pytest.approx(knowledge.uncalibrated(numbers[0], features[int(means[:, 1].argmax())])[0], rel=0.5)
    )
