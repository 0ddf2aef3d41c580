"""From outputs of heads to physical units."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from equical.model import EquiformerV2Config, Potential, Scales
from tests.tolerances import EXACT

SCALES = Scales(2.0, -0.7, 3.0, 0.1, 4.0, 0.2, 5.0, 0.3)


@pytest.fixture
def crystal():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def potentials(scales: Scales) -> tuple[Potential, Potential]:
    """The same direct network without scales and with them."""
    config = EquiformerV2Config(
        channels=8, attention_hidden=4, num_heads=2, alpha_channels=4, value_channels=4, ffn_hidden=8, edge_channels=8,
        num_layers=1, lmax=2, num_radial=10, cutoff=5.0, stress="both",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        raw = Potential(config, [29], dtype=torch.float64)
    scaled = Potential(config, [29], {29: -3.0}, scales, dtype=torch.float64)
    scaled.network.load_state_dict(raw.network.state_dict())
    return raw, scaled


def test_outputs_are_scaled_and_shifted(crystal):
    raw, scaled = potentials(SCALES)
    before, after = (potential.predict(potential.graph(crystal), stress=True) for potential in (raw, scaled))
    torch.testing.assert_close(after.energy, 2 * before.energy - 0.7 - 4 * 3.0, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(after.atom_energies.sum(), after.energy[0], rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(after.forces, 3 * before.forces + 0.1, rtol=EXACT, atol=EXACT)


def test_both_parts_of_the_stress_have_their_own_scale(crystal):
    """Denormalise 1 + 5 numbers and put the tensor together, as the published code does."""
    raw, scaled = potentials(SCALES)
    before, after = (potential.predict(potential.graph(crystal), stress=True).stress[0] for potential in (raw, scaled))
    s = before.numpy()
    p = 4 * np.trace(s) / 3**0.5 + 0.2
    q = 5 * np.array([2**0.5 * s[0, 2], 2**0.5 * s[0, 1], (2 * s[1, 1] - s[0, 0] - s[2, 2]) / 6**0.5,
                      2**0.5 * s[1, 2], (s[2, 2] - s[0, 0]) / 2**0.5]) + 0.3  # fmt: skip
    diagonal = p / 3**0.5 + np.array([-q[2], 2 * q[2], -q[2]]) / 6**0.5 + np.array([-q[4], 0, q[4]]) / 2**0.5
    np.testing.assert_allclose(after.diagonal(), diagonal, rtol=0, atol=EXACT)
    np.testing.assert_allclose(after[[0, 0, 1], [2, 1, 2]], q[[0, 1, 3]] / 2**0.5, rtol=0, atol=EXACT)


def test_one_number_scales_everything(crystal):
    raw, scaled = potentials(Scales.uniform(2.5))
    before, after = (potential.predict(potential.graph(crystal), stress=True) for potential in (raw, scaled))
    torch.testing.assert_close(after.forces, 2.5 * before.forces, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(after.stress, 2.5 * before.stress, rtol=EXACT, atol=EXACT)


def test_mean_of_the_stress_survives_a_change_of_precision():
    _, scaled = potentials(SCALES)
    exact = scaled.stress_offset.clone()
    torch.testing.assert_close(scaled.float().double().stress_offset, exact, rtol=0, atol=0)
