"""What Equiformer (V1) owes to physics, whatever its weights, on structures without symmetry.

In a crystal where symmetry makes all features of a degree vanish, its norm divides rounding errors by √1e-5 in every
layer, so these tests would say less there.
"""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from equical.graph import AtomGraph
from equical.model import Potential
from tests.conftest import TINY_V1, random_potential
from tests.rotations import random_rotation
from tests.tolerances import EXACT, FINITE_DIFFERENCE, SYMMETRY

KINDS = {
    "nonlinear": {},
    "linear, Bessel": {"attention": "linear", "radial_basis": "bessel"},
    "dot product, Gaussians": {"attention": "dot_product", "radial_basis": "gaussian"},
    "odd features": {"irreps": "6x0e+1x0o+2x1e+4x1o+2x2e", "head_irreps": "3x0e+1x1e+2x1o", "ffn_irreps": "6x0e+4x1o"},
}
MIRROR = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))


@pytest.fixture(params=KINDS)
def potential(request) -> Potential:
    return random_potential(TINY_V1.model_copy(update=KINDS[request.param]))


def structure() -> Atoms:
    """A rattled crystal of two elements."""
    atoms = bulk("NaCl", "rocksalt", a=4.6) * (1, 1, 2)
    atoms.rattle(0.2, seed=1)
    return atoms


def transformed(atoms: Atoms, matrix: torch.Tensor) -> Atoms:
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell.array @ matrix.numpy().T, scale_atoms=True)
    return atoms


def predict(potential: Potential, atoms: Atoms):
    return potential.predict(potential.graph(atoms), stress=True)


def assert_turned(found, expected, turn: torch.Tensor) -> None:
    torch.testing.assert_close(found.atom_energies, expected.atom_energies, rtol=0, atol=SYMMETRY)
    torch.testing.assert_close(found.forces, expected.forces @ turn.T, rtol=0, atol=SYMMETRY)
    torch.testing.assert_close(found.stress, turn @ expected.stress @ turn.T, rtol=0, atol=SYMMETRY)


def test_rotation_turns_forces_and_stress(potential):
    turn, atoms = random_rotation(3), structure()
    assert_turned(predict(potential, transformed(atoms, turn)), predict(potential, atoms), turn)


def test_mirror_images_differ_unless_there_are_odd_features():
    turn, atoms = random_rotation(3), structure()
    mirror = turn @ MIRROR @ turn.T
    odd = random_potential(TINY_V1.model_copy(update=KINDS["odd features"]))
    assert_turned(predict(odd, transformed(atoms, mirror)), predict(odd, atoms), mirror)
    even = random_potential(TINY_V1)
    images = [predict(even, image).energy for image in (atoms, transformed(atoms, mirror))]
    assert abs(images[1] - images[0]) > 1e-6


def test_order_of_atoms_and_neighbours_in_a_batch_do_not_matter(potential):
    atoms, other = structure(), molecule("CH3OH")
    other.cell = [20, 20, 20]
    order = [2, 0, 3, 1]
    expected, found = predict(potential, atoms), predict(potential, atoms[order])
    torch.testing.assert_close(found.forces, expected.forces[order], rtol=0, atol=SYMMETRY)
    both = potential.predict(AtomGraph.batch([potential.graph(other), potential.graph(atoms)]), stress=True)
    torch.testing.assert_close(both.energy[1:], expected.energy, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(both.forces[len(other) :], expected.forces, rtol=0, atol=1e-10)


def test_forces_and_stress_are_derivatives(potential):
    atoms, step = structure(), 1e-4
    expected = predict(potential, atoms)
    direction = np.random.default_rng(0).normal(size=(len(atoms), 3))
    strain = torch.tensor([[0.4, 0.1, 0.0], [0.1, -0.3, 0.2], [0.0, 0.2, 0.5]], dtype=torch.float64)
    moved, strained = [], []
    for size in (-2, -1, 1, 2):
        displaced = atoms.copy()
        displaced.positions += size * step * direction
        moved.append(predict(potential, displaced).energy.item())
        stretched = transformed(atoms, torch.eye(3, dtype=torch.float64) + size * step * strain)
        strained.append(predict(potential, stretched).energy.item())
    slopes = [(y[0] - 8 * y[1] + 8 * y[2] - y[3]) / (12 * step) for y in (moved, strained)]
    work, virial = (expected.forces.numpy() * direction).sum(), (expected.stress[0] * strain).sum().item()
    assert -slopes[0] == pytest.approx(work, rel=FINITE_DIFFERENCE)
    assert slopes[1] / atoms.cell.volume == pytest.approx(virial, rel=FINITE_DIFFERENCE)


def test_energy_fades_at_the_cutoff_with_the_envelope_and_jumps_without():
    def interaction(potential, distance):
        pair = Atoms("CuNi", positions=[[0, 0, 0], [0.36 * distance, -0.48 * distance, 0.8 * distance]])
        graphs = [potential.graph(atoms) for atoms in (pair, Atoms("Cu"), Atoms("Ni"))]
        energies = potential.predict(AtomGraph.batch(graphs), forces=False).energy
        return (energies[0] - energies[1:].sum()).item()

    smooth = random_potential(TINY_V1)
    near, half = (interaction(smooth, smooth.cutoff - gap) for gap in (0.04, 0.02))
    assert near / half == pytest.approx(8, rel=0.2)  # the distance to the cutoff cubed
    assert interaction(smooth, smooth.cutoff + 1e-6) == pytest.approx(0, abs=EXACT)
    published = random_potential(TINY_V1.model_copy(update={"envelope": False}))
    assert smooth.config.smooth and not published.config.smooth
    assert abs(interaction(published, published.cutoff - 1e-6)) > 1e-3


def test_an_atom_alone_has_an_energy_and_no_forces(potential):
    found = potential.predict(potential.graph(Atoms("Cu")))
    assert found.energy.isfinite().all()
    assert (found.forces == 0).all()
