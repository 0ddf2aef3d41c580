"""EquiformerV2: published numbers through the bare network, and what holds for any weights."""

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from equical.conversion.layouts import parse_layout
from equical.conversion.v2 import v2_config, v2_weights
from equical.graph import AtomGraph
from equical.model import EquiformerV2Config, ForceEncoding, Potential
from tests.published import FOLDER, checkpoint, expected, structures
from tests.rotations import random_rotation
from tests.tolerances import EXACT

TINY = EquiformerV2Config(
    cutoff=6.0,
    max_neighbors=12,
    num_layers=1,
    channels=8,
    lmax=3,
    mmax=2,
    attention_hidden=6,
    num_heads=2,
    alpha_channels=5,
    value_channels=3,
    ffn_hidden=7,
    edge_channels=9,
    num_radial=20,
    stress="both",
    denoising=True,
)


@pytest.fixture
def tiny() -> Potential:
    """All heads, random weights and biases."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        potential = Potential(TINY, range(1, 90), dtype=torch.float64)
        with torch.no_grad():
            for parameter in potential.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    return potential.eval()


@pytest.mark.parametrize("name", ["v2_oc20", "v2_hydra"])
def test_raw_outputs_are_the_published_ones(name):
    published = parse_layout(checkpoint(name), FOLDER)
    config, ignored = v2_config(published)
    assert ignored == []
    potential = Potential(config, range(1, 90), dtype=torch.float64)
    potential.network.load_state_dict(v2_weights(potential.network, published))
    for atoms in structures(name):
        wanted = expected(name, atoms.info["name"])
        found = potential.predict(potential.graph(atoms), stress=name == "v2_hydra")
        np.testing.assert_allclose(found.energy, wanted["energy"].ravel(), rtol=EXACT, atol=0)
        np.testing.assert_allclose(found.forces, wanted["forces"], rtol=0, atol=EXACT)
        if found.stress is not None:
            stress = found.stress[0].numpy()
            isotropic = np.trace(stress) / 3**0.5
            np.testing.assert_allclose(isotropic, wanted["stress_isotropic"].item(), rtol=0, atol=EXACT)
            off_diagonal = 2**0.5 * stress[[0, 0, 1], [2, 1, 2]]
            np.testing.assert_allclose(off_diagonal, wanted["stress_anisotropic"][0, [0, 1, 3]], rtol=0, atol=EXACT)


def test_structures_of_a_batch_do_not_see_each_other(tiny):
    atoms = [bulk("Cu", cubic=True), molecule("CH3OH"), bulk("Ni")]
    for number, structure in enumerate(atoms):
        structure.rattle(0.1, seed=number)
    graphs = [tiny.graph(structure) for structure in atoms]
    together = tiny.predict(AtomGraph.batch(graphs), stress=True)
    alone = [tiny.predict(graph, stress=True) for graph in graphs]
    torch.testing.assert_close(together.energy, torch.cat([one.energy for one in alone]), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(together.forces, torch.cat([one.forces for one in alone]), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(together.stress, torch.cat([one.stress for one in alone]), rtol=EXACT, atol=EXACT)


def test_energy_and_forces_turn_with_the_crystal(tiny):
    """Up to the aliasing of SiLU on the grid, which is small for smooth signals."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    rotation = random_rotation().numpy()
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ rotation.T)
    turned.positions = atoms.positions @ rotation.T
    one, other = tiny.predict(tiny.graph(atoms)), tiny.predict(tiny.graph(turned))
    assert other.energy.item() == pytest.approx(one.energy.item(), rel=1e-6)
    scale = one.forces.abs().max().item()
    np.testing.assert_allclose(other.forces, one.forces.numpy() @ rotation.T, rtol=0, atol=1e-4 * scale)


def test_lonely_atoms_and_empty_graphs(tiny):
    """A lonely atom in a structure, last in it, and a structure without any edge."""
    far = molecule("H2")
    far += molecule("H2")[:1]
    far.positions[2] += 100
    for atoms in (far, molecule("H2")[:1]):
        found = tiny.predict(tiny.graph(atoms), stress=True)
        assert found.energy.isfinite().all() and found.forces.isfinite().all() and found.stress.isfinite().all()
    assert found.forces.abs().max() == 0
    assert found.atom_energies[0].item() == pytest.approx(
        tiny.predict(tiny.graph(far)).atom_energies[2].item(), rel=EXACT
    )


def test_edges_along_the_polar_axis(tiny):
    dimer = molecule("H2")
    dimer.positions[:] = [[0, 0, 0], [0, 0.75, 0]]
    found = tiny.predict(tiny.graph(dimer), stress=True)
    tilted = dimer.copy()
    tilted.positions[1] += [1e-7, 0, 0]
    close = tiny.predict(tiny.graph(tilted), stress=True)
    assert found.forces.isfinite().all()
    torch.testing.assert_close(found.energy, close.energy, rtol=1e-6, atol=1e-8)


def test_bias_of_the_force_encoding_reaches_every_atom_always(tiny):
    """As published; without it the energy of a DeNS model is wrong."""
    atoms = molecule("CH3OH")
    graph = tiny.graph(atoms)
    clean = tiny.predict(graph)
    assert clean.noise is None
    nothing = ForceEncoding(torch.zeros(6, 3, dtype=torch.float64), torch.zeros(6, dtype=torch.bool))
    masked = tiny.predict(graph, encoding=nothing)
    torch.testing.assert_close(masked.energy, clean.energy, rtol=EXACT, atol=EXACT)
    assert masked.noise.shape == (6, 3)
    with torch.no_grad():
        tiny.network.force_embedding.linear.bias.zero_()
    assert abs(tiny.predict(graph).energy - clean.energy) > 1e-6


def test_only_masked_forces_are_encoded(tiny):
    graph = tiny.graph(molecule("CH3OH"))
    forces = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([True, False, True, False, False, False])
    one = tiny.predict(graph, encoding=ForceEncoding(forces, mask))
    other = tiny.predict(graph, encoding=ForceEncoding(torch.where(mask[:, None], forces, 7.0), mask))
    torch.testing.assert_close(one.energy, other.energy, rtol=EXACT, atol=EXACT)
    assert abs(tiny.predict(graph).energy - one.energy) > 1e-6


def test_every_weight_that_matters_can_be_trained(tiny):
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    graph = tiny.graph(atoms)
    encoding = ForceEncoding(torch.ones(4, 3, dtype=torch.float64), torch.ones(4, dtype=torch.bool))
    found = tiny.predict(graph, stress=True, create_graph=True, encoding=encoding)
    (
        found.energy.sum() + found.forces.square().sum() + found.stress.square().sum() + found.noise.square().sum()
    ).backward()
    idle = {name for name, parameter in tiny.network.named_parameters() if parameter.grad is None}
    # Degree zero of the energy head does not see the grid.
    assert all((name.startswith("energy_head.") and "grid" in name) or "so3_linear_1" in name for name in idle)
    assert len(idle) == 5
