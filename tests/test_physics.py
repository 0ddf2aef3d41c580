"""What every force field owes to physics, whatever its weights: symmetries, derivatives, smoothness, locality."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, make_supercell, molecule
from ase.md.verlet import VelocityVerlet
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from equical.calculator import EquiCalc
from equical.checkpoint import Checkpoint
from equical.graph import AtomGraph
from tests.conftest import TINY, make_structures, random_potential
from tests.tolerances import EXACT, FINITE_DIFFERENCE, SYMMETRY

NETWORKS = {
    "product on the sphere": {},
    "gates, fewer orders, a core": {
        "lmax": 3, "mmax": 2, "edge_activation": "gate", "merge": "add", "repulsion": "zbl",
    },
    "direct forces": {"forces": "direct"},
    "mirror-symmetric": {"mirror": True, "lmax": 3, "mmax": 2},
}  # fmt: skip
MIRROR_SYMMETRIC = "mirror-symmetric"
CONSERVATIVE = [name for name in NETWORKS if name != "direct forces"]


@cache
def make_calculator(network: str) -> EquiCalc:
    """One for all tests, which only ask it for numbers."""
    potential = random_potential(TINY.model_copy(update=NETWORKS[network]))
    return EquiCalc(Checkpoint(potential, {}, network, "", Path()), device="cpu", dtype="float64")


@pytest.fixture(params=NETWORKS)
def calculator(request):
    return make_calculator(request.param)


@pytest.fixture(params=CONSERVATIVE)
def conservative(request):
    return make_calculator(request.param)


@pytest.fixture
def distorted(structure):
    """A structure with a volume, for stresses."""
    if structure.cell.rank < 3:
        pytest.skip("no volume, no stress")
    return structure


def evaluate(calculator, atoms):
    """Energy, energies, forces and stress (zero where there is no volume)."""
    atoms = atoms.copy()
    atoms.calc = calculator
    stress = atoms.get_stress(voigt=False) if atoms.cell.rank == 3 else np.zeros((3, 3))
    return atoms.get_potential_energy(), atoms.get_potential_energies(), atoms.get_forces(), stress


def energy(calculator, atoms):
    return calculator.get_property("energy", atoms)


def transformed(atoms, matrix):
    """Positions and cell under a linear map of space, ``matrix`` acting on column vectors."""
    changed = atoms.copy()
    changed.set_cell(atoms.cell.array @ matrix.T)
    changed.positions = atoms.positions @ matrix.T
    return changed


def assert_same(found, expected, tolerance=SYMMETRY):
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs, rtol=0, atol=tolerance)


# Symmetries


@pytest.mark.parametrize("seed", range(2))
def test_rotation_of_crystal_and_cell_turns_forces_and_stress(calculator, structure, seed):
    turn = Rotation.random(random_state=seed).as_matrix()
    total, each, forces, stress = evaluate(calculator, structure)
    turned = evaluate(calculator, transformed(structure, turn))
    assert_same(turned, (total, each, forces @ turn.T, turn @ stress @ turn.T))


MIRROR = np.diag([1.0, 1.0, -1.0])


@pytest.mark.parametrize("atoms", [bulk("Cu", cubic=True), bulk("NaCl", "rocksalt", a=5.6), molecule("CH3OH")], ids=str)
def test_mirror_image_that_is_a_turned_copy_has_the_same_energy(calculator, atoms):
    """Crystals and molecules with a mirror plane, here at an angle to the mirror, are turned copies of their images."""
    turned = transformed(atoms, Rotation.random(random_state=7).as_matrix())
    assert_allclose(energy(calculator, transformed(turned, MIRROR)), energy(calculator, turned), rtol=0, atol=SYMMETRY)


def test_reflection_turns_forces_and_stress_of_any_structure(structure):
    calculator = make_calculator(MIRROR_SYMMETRIC)
    turn = Rotation.random(random_state=7).as_matrix()
    mirror = turn @ MIRROR @ turn.T
    total, each, forces, stress = evaluate(calculator, structure)
    image = evaluate(calculator, transformed(structure, mirror))
    assert_same(image, (total, each, forces @ mirror.T, mirror @ stress @ mirror.T))


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != MIRROR_SYMMETRIC])
def test_mirror_images_of_chiral_structures_are_told_apart_by_published_networks(network):
    """Without ``mirror`` a network is exactly equivariant under rotations, not under reflections.

    Published convolutions mix the orders +m and −m of an edge (arXiv 2302.03655, eq. 7), which a mirror plane through
    the edge exchanges with opposite signs. Left- and right-handed molecules get the same energy as far as training has
    taught it, not by construction.
    """
    calculator, chiral = make_calculator(network), make_structures()["molecule"]
    difference = energy(calculator, transformed(chiral, MIRROR)) - energy(calculator, chiral)
    assert 1e-7 < abs(difference) < 1e-1
    half_turn = transformed(chiral, np.diag([-1.0, -1.0, 1.0]))
    assert_allclose(energy(calculator, half_turn), energy(calculator, chiral), rtol=0, atol=SYMMETRY)
    inverted = energy(calculator, transformed(chiral, -np.eye(3)))
    assert_allclose(inverted - energy(calculator, chiral), difference, rtol=0, atol=SYMMETRY)


def test_order_of_atoms_does_not_matter(calculator, structure):
    order = np.arange(len(structure))[::-1]
    total, each, forces, stress = evaluate(calculator, structure)
    assert_same(evaluate(calculator, structure[order]), (total, each[order], forces[order], stress))


@pytest.mark.parametrize("vector", [(0.1, -0.2, 0.3), (-1234.5, 777.7, 98765.4)])
def test_translation_by_any_vector_changes_nothing(calculator, structure, vector):
    moved = structure.copy()
    moved.positions += vector
    assert_same(evaluate(calculator, moved), evaluate(calculator, structure))


def test_translation_by_lattice_vectors_changes_nothing(calculator, structure):
    """Of all atoms alike, and of each by vectors of its own."""
    alike, individual = structure.copy(), structure.copy()
    alike.positions += (structure.pbc * [1, -2, 3]) @ structure.cell.array
    shifts = np.random.default_rng(2).integers(-50, 51, (len(structure), 3)) * structure.pbc
    individual.positions += shifts @ structure.cell.array
    expected = evaluate(calculator, structure)
    assert_same(evaluate(calculator, alike), expected)
    assert_same(evaluate(calculator, individual), expected)


def test_choice_of_lattice_vectors_does_not_matter(calculator):
    atoms = make_structures()["compound, skewed cell"]
    other = atoms.copy()
    other.set_cell(np.array([[1, 0, 0], [3, 1, 0], [-2, 4, -1]]) @ atoms.cell.array)
    assert_same(evaluate(calculator, other), evaluate(calculator, atoms))


def test_energy_of_a_supercell_is_a_multiple(calculator, structure):
    repeats = np.where(structure.pbc, [2, 1, 3], 1)
    copies = int(np.prod(repeats))
    total, each, forces, stress = evaluate(calculator, structure)
    larger = evaluate(calculator, structure * repeats)
    assert_same(larger, (total * copies, np.tile(each, copies), np.tile(forces, (copies, 1)), stress))


def test_supercell_need_not_follow_the_lattice_vectors(calculator, copper):
    shape = np.array([[1, 1, 0], [-1, 2, 1], [0, 0, 1]])
    copies = round(np.linalg.det(shape))
    total, each, forces, stress = evaluate(calculator, copper)
    larger = evaluate(calculator, make_supercell(copper, shape))
    assert_same(larger, (total * copies, np.tile(each, copies), np.tile(forces, (copies, 1)), stress))


def test_structures_of_a_batch_do_not_see_each_other(structures):
    potential = random_potential()
    rank3 = [atoms for atoms in structures.values() if atoms.cell.rank == 3]
    graphs = [potential.graph(atoms) for atoms in rank3]
    alone = [potential.predict(graph, stress=True) for graph in graphs]
    together = potential.predict(AtomGraph.batch(graphs), stress=True)
    for name in ("energy", "atom_energies", "forces", "stress"):
        expected = torch.cat([getattr(prediction, name) for prediction in alone])
        torch.testing.assert_close(getattr(together, name), expected, rtol=EXACT, atol=EXACT)


# Derivatives


STEP = 2e-4  # Å, or strain
STENCIL = {-2: 1, -1: -8, 1: 8, 2: -1}  # central differences of fourth order, over twelve steps


def slopes(calculator, paths):
    """Derivative of the energy at zero along each path, a function from a number to a structure."""
    potential = calculator.checkpoint.potential
    graphs = [potential.graph(path(STEP * steps)) for path in paths for steps in STENCIL]
    energies = potential.predict(AtomGraph.batch(graphs), forces=False).energy.reshape(-1, len(STENCIL))
    return energies.numpy() @ list(STENCIL.values()) / (12 * STEP)


def displacement(atoms, direction):
    def path(t):
        moved = atoms.copy()
        moved.positions += t * direction
        return moved

    return path


def deformation(atoms, strain):
    return lambda t: transformed(atoms, np.eye(3) + t * strain)


def assert_forces_are_the_gradient(calculator, atoms, directions):
    """Compare −dE/dt along each displacement pattern ``[N, 3]`` with the projection of the forces on it."""
    forces = calculator.get_property("forces", atoms)
    found = -slopes(calculator, [displacement(atoms, direction) for direction in directions])
    expected = np.array([(forces * direction).sum() for direction in directions])
    assert_allclose(found, expected, rtol=0, atol=FINITE_DIFFERENCE * max(np.abs(forces).max(), 1e-3))


def assert_stress_is_the_gradient(calculator, atoms):
    stress = calculator.get_property("stress", atoms)
    # Voigt strains count shear twice: half of it is on either side of the diagonal.
    strains = [voigt_6_to_full_3x3_stress(row) for row in np.diag([1, 1, 1, 0.5, 0.5, 0.5])]
    found = slopes(calculator, [deformation(atoms, strain) for strain in strains]) / atoms.cell.volume
    assert_allclose(found, stress, rtol=0, atol=FINITE_DIFFERENCE * np.abs(stress).max())


def random_directions(count, size):
    """Displacement patterns of length one."""
    directions = np.random.default_rng(3).normal(size=(count, size, 3))
    return directions / np.linalg.norm(directions, axis=(1, 2), keepdims=True)


def test_forces_are_the_gradient_of_the_energy(conservative, structure):
    assert_forces_are_the_gradient(conservative, structure, random_directions(4, len(structure)))


def test_every_component_of_the_forces_is_a_derivative(conservative, copper):
    assert_forces_are_the_gradient(conservative, copper, np.eye(3 * len(copper)).reshape(-1, len(copper), 3))


def test_stress_is_the_derivative_with_respect_to_strain(conservative, distorted):
    assert_stress_is_the_gradient(conservative, distorted)


def test_forces_sum_to_zero_and_exert_no_torque(conservative, structure):
    _, _, forces, _ = evaluate(conservative, structure)
    assert_allclose(forces.sum(axis=0), 0, atol=SYMMETRY)
    if not structure.pbc.any():
        assert_allclose(np.cross(structure.positions, forces).sum(axis=0), 0, atol=SYMMETRY)


# Edges along the axes, where frames made with cross products or angles break down

NEARLY = 1e-7
AXES = [sign * np.eye(3)[axis] for axis in range(3) for sign in (1, -1)]
DIRECTIONS = AXES + [axis + NEARLY * np.array(tilt) for axis in AXES for tilt in ([1, 1, 1], [-1, 0, 2])]


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda v: ",".join(f"{x:g}" for x in v))
def test_bonds_along_the_axes_are_like_any_other(conservative, direction):
    """Energy, forces and their derivative: finite, and those of a dimer that points anywhere."""

    def dimer(axis):
        axis = axis / np.linalg.norm(axis)
        return Atoms("CuNi", positions=[[0.3, -0.2, 0.1], [0.3, -0.2, 0.1] + 2.3 * axis]), axis

    along, axis = dimer(np.array(direction))
    anywhere, other_axis = dimer(np.array([0.3, -0.5, 0.8]))
    total, each, forces, _ = evaluate(conservative, along)
    expected_total, expected_each, expected_forces, _ = evaluate(conservative, anywhere)
    pull = expected_forces @ other_axis
    assert_same((total, each, forces), (expected_total, expected_each, np.outer(pull, axis)))
    assert abs(pull).max() > 1e-3
    assert_forces_are_the_gradient(conservative, along, np.eye(6).reshape(6, 2, 3))


def test_crystal_with_bonds_along_the_axes_has_exact_derivatives(conservative):
    """Simple cubic: all nearest neighbours lie on the axes, and so do the frames' special directions."""
    atoms = bulk("Cu", "sc", a=2.4) * (2, 1, 1)
    atoms.symbols[1] = "Ni"
    assert_forces_are_the_gradient(conservative, atoms, random_directions(3, 2))
    assert_stress_is_the_gradient(conservative, atoms)


# Locality


def test_energy_fades_with_its_first_two_derivatives_at_the_cutoff(conservative):
    """With the distance to the cutoff cubed: from half that distance, an eighth of the energy is left."""
    cutoff = conservative.cutoff

    def interaction(distance):
        pair = Atoms("CuNi", positions=[[0, 0, 0], [0.36 * distance, -0.48 * distance, 0.8 * distance]])
        apart = sum(energy(conservative, Atoms(symbol)) for symbol in ("Cu", "Ni"))
        return energy(conservative, pair) - apart

    near, half, quarter = (interaction(cutoff - gap) for gap in (0.08, 0.04, 0.02))
    assert abs(near) > 1e-7
    assert near / half == pytest.approx(8, rel=0.2)
    assert half / quarter == pytest.approx(8, rel=0.1)
    assert interaction(cutoff + 1e-6) == pytest.approx(0, abs=EXACT)


def test_forces_and_stress_are_continuous_while_a_shell_of_neighbours_passes_the_cutoff(conservative, copper):
    """Expand a crystal in steps: with steps half as large, the largest change in one step is half as large."""
    scales = conservative.cutoff / copper.cell.lengths()[0] * np.linspace(0.999, 1.001, 17)
    values = []
    for scale in scales:
        _, _, forces, stress = evaluate(conservative, transformed(copper, scale * np.eye(3)))
        values.append(np.concatenate([forces, stress]))
    fine, coarse = np.diff(values, axis=0), np.diff(values[::2], axis=0)
    assert np.abs(fine).max() == pytest.approx(np.abs(coarse).max() / 2, rel=0.1)


def test_lonely_atom_has_the_same_energy_everywhere(calculator):
    """No neighbours: no forces, and an energy that depends on nothing but the element."""
    alone = energy(calculator, Atoms("Cu"))
    boxed = Atoms("Cu", positions=[[1, 2, 3]], cell=[20, 30, 40], pbc=[True, False, True])
    total, each, forces, stress = evaluate(calculator, boxed)
    assert_allclose([total, *each], alone, rtol=EXACT)
    assert_allclose(forces, 0, atol=EXACT)
    if calculator.checkpoint.potential.config.conservative:
        assert_allclose(stress, 0, atol=EXACT)
    assert energy(calculator, Atoms("Ni")) != alone


def test_parts_beyond_the_cutoff_add_up(calculator):
    left, right = molecule("CH3OH"), molecule("H2O")
    right.positions += [0, 0, 10 + calculator.cutoff]
    parts = [evaluate(calculator, part) for part in (left, right)]
    total, each, forces, _ = evaluate(calculator, left + right)
    assert_allclose(total, parts[0][0] + parts[1][0], rtol=EXACT)
    assert_same((each, forces), [np.concatenate([part[k] for part in parts]) for k in (1, 2)])


def test_atoms_further_than_all_layers_reach_have_no_influence(calculator):
    """Each layer carries a message over one cutoff, and so does the embedding of neighbours before them."""
    spacing = 0.9 * calculator.cutoff
    chain = Atoms("Cu6", positions=np.arange(6)[:, None] * [[0, 0, spacing]])
    _, before, _, _ = evaluate(calculator, chain)
    chain.symbols[0] = "Ni"
    _, after, _, _ = evaluate(calculator, chain)
    reach = calculator.checkpoint.potential.config.num_layers + 1
    assert abs(after - before)[1] > 1e-6
    assert_allclose(after[reach + 1 :], before[reach + 1 :], rtol=0, atol=EXACT)


# Dynamics


@pytest.mark.slow
def test_energy_is_conserved_by_molecular_dynamics_of_copper():
    """Two picoseconds of 108 atoms at 600 K, in the default precision."""
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.calc = EquiCalc("metals-pbe", device="cpu")
    spread = np.sqrt(units.kB * 1200 * atoms.get_masses()[:, None])  # half of it becomes potential energy
    momenta = np.random.default_rng(5).normal(size=(len(atoms), 3)) * spread
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    dynamics = VelocityVerlet(atoms, timestep=2 * units.fs)
    dynamics.run(50)
    energies, temperatures = [], []

    def record():
        energies.append(atoms.get_total_energy() / len(atoms))
        temperatures.append(atoms.get_temperature())

    dynamics.attach(record, interval=10)
    dynamics.run(1000)
    assert 450 < np.mean(temperatures) < 750
    drift = np.polyfit(np.linspace(0, 1, len(energies)), energies, 1)[0]
    assert abs(drift) < 1e-3
    assert np.ptp(energies) < 2e-3
