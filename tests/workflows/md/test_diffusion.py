"""A diffusion coefficient where atoms diffuse, and a reason where they do not."""

import re

import numpy as np
import pytest

from equical.workflows.md.diffusion import diffusion

INTERVAL = 0.01  # ps
RELAXATION = 0.05  # ps


def diffused(positions, velocities=None, interval=INTERVAL, **options):
    """What is said of atoms of one element."""
    velocities = np.zeros_like(positions) if velocities is None else velocities
    atoms = positions.shape[1]
    return diffusion(positions, velocities, interval, np.array(["Li"] * atoms), np.ones(atoms, dtype=bool), **options)


def random_walk(frames, atoms, coefficient=5e-5, seed=2):
    """``[frames, atoms, 3]`` Å, with a coefficient in cm²/s."""
    step = np.sqrt(2 * coefficient * 1e4 * INTERVAL)  # along each axis
    return step * np.random.default_rng(seed).standard_normal((frames, atoms, 3)).cumsum(axis=0)


def brownian(frames=1000, atoms=100):
    """Positions and velocities of Ornstein and Uhlenbeck, with ⟨v²⟩ = 3 Å²/ps²: D = ⟨v²⟩ τ / 3."""
    rng = np.random.default_rng(5)
    keep = np.exp(-INTERVAL / RELAXATION)
    velocities = np.empty((frames, atoms, 3))
    velocities[0] = rng.standard_normal((atoms, 3))
    for i in range(1, frames):
        velocities[i] = keep * velocities[i - 1] + np.sqrt(1 - keep**2) * rng.standard_normal((atoms, 3))
    return INTERVAL * velocities.cumsum(axis=0), velocities


def swinging(amplitude, terahertz, frames=400):
    """Atoms about their places, out of step with each other."""
    time = INTERVAL * np.arange(frames)[:, None, None]
    return amplitude * np.sin(2 * np.pi * terahertz * time + np.arange(24).reshape(1, 8, 3))


def test_mean_square_displacement_equals_the_double_loop():
    rng = np.random.default_rng(1)
    positions = 1e3 + rng.standard_normal((21, 8, 3)).cumsum(axis=0)
    symbols = np.array(["Cu", "O"] * 4)
    moving = np.array([True] * 6 + [False] * 2)
    result = diffusion(positions, np.zeros_like(positions), 0.5, symbols, moving)
    copper = positions[:, [0, 2, 4]]
    direct = [((copper[lag:] - copper[: 21 - lag]) ** 2).sum(axis=2).mean() for lag in range(10)]
    assert np.allclose(result.msd["Cu"], direct, atol=1e-7)
    assert np.allclose(result.lag, 0.5 * np.arange(10))


def test_random_walk_gives_its_diffusion_coefficient():
    result = diffused(random_walk(400, 200))
    assert result.reason == {}
    assert result.exponent["Li"] == pytest.approx(1, abs=0.1)
    assert result.error["Li"] < 5e-6
    assert result.coefficient["Li"] == pytest.approx(5e-5, abs=4 * result.error["Li"])


def test_the_two_routes_agree_for_brownian_motion():
    result = diffused(*brownian())
    assert result.coefficient["Li"] == pytest.approx(RELAXATION * 1e-4, rel=0.1)
    assert result.from_velocities["Li"] == pytest.approx(RELAXATION * 1e-4, rel=0.1)


def test_without_velocities_between_frames_there_is_one_route():
    positions, velocities = brownian(frames=4000, atoms=30)
    result = diffused(positions[::10], velocities[::10], interval=10 * INTERVAL)
    assert result.coefficient["Li"] == pytest.approx(RELAXATION * 1e-4, rel=0.3)
    assert np.isnan(result.from_velocities["Li"])


HALF_A_SWING = swinging(0.1, 3.0, frames=46)


@pytest.mark.parametrize(
    ("positions", "reason"),
    [
        (swinging(0.1, 4.9), r"mean square displacement of 0\.03 Å² after 2 ps, as vibration has it"),
        (HALF_A_SWING, r"mean square displacement of 0\.047 Å² after 0\.22 ps, as vibration has it"),
        (np.random.default_rng(0).standard_normal((400, 8, 3)), r"time to the power of -?0\.0\d between 0\.4 and 2 ps"),
        (np.arange(400.0)[:, None, None] * np.full((1, 8, 3), 0.1), r"to the power of 2\.00"),
        (random_walk(20, 50, coefficient=2e-3), "too few frames"),
        (random_walk(400, 1, seed=10), r"quarters of the run differ too much: \(4\.1e-05 ± 3\.1e-05\) cm²/s"),
    ],
    ids=["vibration", "half a swing", "cage", "free flight", "few frames", "one atom"],
)
def test_no_coefficient_where_there_is_no_diffusion(positions, reason):
    result = diffused(positions)
    assert np.isnan([result.coefficient["Li"], result.error["Li"], result.from_velocities["Li"]]).all()
    assert re.search(reason, result.reason["Li"])


def test_half_a_swing_has_the_slope_of_a_liquid():
    assert diffused(HALF_A_SWING).exponent["Li"] == pytest.approx(1, abs=0.1)


def test_a_return_to_the_start_is_no_power_law_to_speak_of():
    assert abs(diffused(swinging(1.0, 5.0)).exponent["Li"]) < 1


def test_no_coefficient_where_the_routes_differ():
    positions, velocities = brownian()
    assert re.search(
        r"displacements give 4\.\de-06 cm²/s, and velocities 4", diffused(positions, 3 * velocities).reason["Li"]
    )
    assert diffused(positions, 1.1 * velocities).reason == {}


def test_no_coefficient_where_it_would_mean_nothing():
    result = diffused(random_walk(400, 200), obstacle="the temperature changes")
    assert result.reason == {"Li": "the temperature changes"}
    assert np.isnan(result.coefficient["Li"])
