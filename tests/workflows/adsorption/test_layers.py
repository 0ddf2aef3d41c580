"""Layers of atoms: what belongs together, along a slab and around the period of a crystal."""

import numpy as np
import pytest

from equical.workflows.adsorption.layers import group_heights, group_periodic_heights


@pytest.mark.parametrize(
    ("heights", "layers"),
    [
        ([0.0, 2.0, 4.0], [0, 1, 2]),
        ([4.0, 0.0, 2.0, 0.1], [2, 0, 1, 0]),
        ([0.0, 0.2, 2.0, 1.9], [0, 0, 1, 1]),  # buckled
        ([0.0, 0.5, 1.0], [0, 1, 2]),  # a stepped face
        ([0.0, 0.2, 0.4, 0.6], [0, 0, 0, 0]),  # one buckled layer
        (np.arange(10) * 0.2, range(10)),  # planes of a high-index face
        ([1.0], [0]),
    ],
)
def test_along_a_line(heights, layers):
    assert group_heights(np.array(heights, dtype=float)).tolist() == list(layers)


@pytest.mark.parametrize("spacing", np.linspace(0.1, 0.6, 26))
def test_noise_never_separates_some_of_many_like_planes_only(spacing):
    rng = np.random.default_rng(3)
    heights = np.repeat(np.arange(12) * spacing, 3) + rng.normal(scale=2e-3, size=36)
    assert set(np.bincount(group_heights(heights))) == {3}


@pytest.mark.parametrize("offset", [0.0, -1e-7, 1e-7, 1e-3, 1.0, 3.999999, 17.3])
def test_no_layer_ends_at_the_boundary_of_the_cell(offset):
    noise = 1e-6 * np.random.default_rng(1).normal(size=8)
    heights = np.repeat([0.0, 2.0], 4) + noise + offset
    layers, whole = group_periodic_heights(heights, 4.0)
    assert sorted(np.bincount(layers)) == [4, 4]
    assert len(set(layers[:4])) == len(set(layers[4:])) == 1
    assert np.ptp(whole[layers == 0]) < 1e-5
    assert np.ptp(whole[layers == 1]) < 1e-5
    assert whole[layers == 1].mean() - whole[layers == 0].mean() == pytest.approx(2)
    np.testing.assert_allclose((whole - heights + 1) % 4, 1, atol=1e-9)


def test_planes_of_a_high_index_face_are_told_apart_around_a_period_too():
    layers, _ = group_periodic_heights(np.array([0.0, 0.1, 0.1001, 1e-4]), 0.2)
    assert layers[0] == layers[3] != layers[1] == layers[2]


def test_what_nothing_separates_is_one_layer_that_ends_at_the_widest_gap():
    layers, whole = group_periodic_heights(np.array([0.0, 0.005, 0.011, 0.014]), 0.02)
    assert layers.tolist() == [0] * 4
    assert np.ptp(whole) == pytest.approx(0.014)
    layers, whole = group_periodic_heights(np.array([0.0, 0.008, 0.011, 0.014]), 0.02)
    assert np.argmin(whole) == 1
