"""Structures that change in every way, in static buffers with emulated CUDA graphs: after a capture, only replays."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from numpy.testing import assert_allclose, assert_array_equal

from equical.errors import InputError
from equical.inference import static
from equical.inference.backends import DirectBackend
from equical.inference.eager import EagerEvaluator
from equical.inference.static import StaticEvaluator
from equical.inference.step import Step
from equical.testing.emulation import EmulatedGraphBackend
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field
from tests.tolerances import EXACT

BACKENDS = {"emulated graphs": EmulatedGraphBackend, "direct": DirectBackend}


def evaluator(kind="conservative", backend=EmulatedGraphBackend, **options) -> StaticEvaluator:
    return StaticEvaluator(force_field(kind, **options), backend())


def evaluate(of, atoms):
    return of.evaluate(atoms, forces=True, stress=of.potential.predicts_stress and atoms.cell.rank == 3)


def assert_right(of: StaticEvaluator, atoms):
    """As eager execution says, and by replay."""
    before = of.stats.replays
    found, expected = evaluate(of, atoms), evaluate(EagerEvaluator(of.potential), atoms)
    for name in ("energy", "atom_energies", "forces", "stress"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if other is not None:
            assert_allclose(one, other, rtol=0, atol=EXACT * max(1, other.abs().max().item()), err_msg=name)
    assert of.stats.replays == before + 1
    assert of.stats.fallbacks == 0


@pytest.fixture
def copper():
    return make_structures()["crystal"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", CONFIGS)
def test_one_evaluator_serves_all_structures(kind, backend):
    of = evaluator(kind, BACKENDS[backend])
    for atoms in make_structures().values():
        assert_right(of, atoms)
    assert of.stats.evaluations == of.stats.replays == len(make_structures())


@pytest.mark.parametrize("kind", CONFIGS)
def test_single_precision_is_as_good_as_eager(kind):
    of = evaluator(kind, dtype=torch.float32)
    for atoms in make_structures().values():
        found, expected = evaluate(of, atoms), evaluate(EagerEvaluator(of.potential), atoms)
        for name in ("atom_energies", "forces"):
            reference = getattr(expected, name)
            largest = max(1.0, reference.abs().max().item())
            assert_allclose(getattr(found, name), reference, rtol=0, atol=1e-5 * largest, err_msg=name)


def test_a_trajectory_takes_one_capture_and_one_list(copper):
    of = evaluator()
    rng = np.random.default_rng(0)
    for _ in range(6):
        copper.positions += rng.normal(0, 0.01, copper.positions.shape)
        copper.set_cell(copper.cell.array * 1.001, scale_atoms=True)
        assert_right(of, copper)
    stats = of.stats
    assert (stats.captures, stats.replays, stats.list_rebuilds, of.backend.replays) == (1, 6, 1, 6)
    assert stats.atom_fill == 0.5 and 0.3 < stats.edge_fill <= 1
    assert {"neighbors", "inputs", "capture", "network", "check"} <= stats.seconds.keys()


def test_other_species_in_the_same_places(copper):
    of = evaluator()
    assert_right(of, copper)
    copper.numbers[:] = [29, 78, 29, 13]
    assert_right(of, copper)
    copper.numbers[:] = 78
    assert_right(of, copper)
    assert of.stats.captures == 1


def test_another_cell_and_another_periodicity(copper):
    of = evaluator()
    assert_right(of, copper)
    copper.set_cell(copper.cell.array + np.random.default_rng(0).uniform(-0.3, 0.3, (3, 3)))
    assert_right(of, copper)
    copper.pbc = [True, False, True]
    assert_right(of, copper)
    copper.pbc = False
    assert_right(of, copper)


def test_atoms_that_are_wrapped_and_unwrapped(copper):
    of = evaluator()
    assert_right(of, copper)
    copper.positions += np.random.default_rng(0).integers(-2, 3, (4, 3)) @ copper.cell.array
    assert_right(of, copper)
    assert of.stats.list_rebuilds == 1


@pytest.mark.parametrize("derived", [True, False])
def test_weights_that_are_loaded_later_are_used(copper, derived):
    of, other = evaluator(), force_field(seed=2)
    assert_right(of, copper)
    before = evaluate(of, copper).energy
    if derived:
        of.potential.load_state_dict(other.state_dict())
    else:
        for mine, new in zip(of.potential.parameters(), other.parameters(), strict=True):
            mine.data = new.data.clone()
    assert_right(of, copper)
    assert abs(evaluate(of, copper).energy - before) > 1e-3
    assert of.stats.captures == 2


def test_a_structure_that_grows_past_its_bucket_and_shrinks_again(copper):
    of = evaluator()
    for count in (4, 8, 9, 12, 2, 1):
        atoms = (copper * (2, 2, 1))[:count]
        assert_right(of, atoms)
    assert of.stats.captures >= 3


def test_isolated_atoms_empty_lists_and_one_atom_cells():
    of = evaluator()
    apart = Atoms("Cu3", positions=np.arange(3)[:, None] * [30.0, 0, 0])
    with_pair = Atoms("CuPtNi", positions=[[0, 0, 0], [2, 0, 0], [50, 0, 0]])
    for atoms in (
        Atoms("Cu"),
        apart,
        with_pair,
        bulk("Cu"),
        bulk("Na", cubic=True),
        Atoms("Cu", cell=[9] * 3, pbc=True),
    ):
        assert_right(of, atoms)


def test_edges_that_come_within_the_cutoff_beyond_the_capacity_are_not_lost(copper):
    """The list with its skin stays, and yet there are more edges than the buffers were made for."""
    of = evaluator()
    of.search.list.skin = 3.0
    atoms = copper * (2, 1, 1)
    atoms.set_cell(atoms.cell.array * 1.2, scale_atoms=True)
    assert_right(of, atoms)
    edges = of._edges
    atoms.set_cell(atoms.cell.array * 0.75, scale_atoms=True)
    assert_right(of, atoms)
    assert of.stats.list_rebuilds == 1 and of._edges > 2 * edges
    assert (of.stats.overflows, of.backend.replays, of.stats.replays) == (1, 3, 2)


def test_only_the_last_few_captures_are_kept(copper):
    of = evaluator()
    sizes = [copper * (n, 1, 1) for n in (1, 2, 3, 4, 6, 8)]
    for atoms in sizes:
        assert_right(of, atoms)
    captures = of.stats.captures
    assert captures == 6 and len(of._prepared) == static.MOST_PREPARED
    assert_right(of, sizes[-1])
    assert of.stats.captures == captures
    for atoms in (sizes[0], sizes[-1], sizes[-2]):  # the first takes the place of the one not used for longest
        assert_right(of, atoms)
    assert of.stats.captures == captures + 1
    assert_right(of, sizes[2])
    assert of.stats.captures == captures + 2
    assert_right(of, sizes[-1])
    assert of.stats.captures == captures + 2


def test_energies_alone_have_a_capture_of_their_own(copper):
    of = evaluator()
    alone = of.evaluate(copper, forces=False, stress=False)
    assert alone.forces is None and alone.stress is None
    assert_right(of, copper)
    assert_allclose(alone.energy, evaluate(of, copper).energy, rtol=EXACT)
    assert of.stats.captures == 2
    assert of.evaluate(copper, forces=False, stress=True).forces is None
    forces = of.evaluate(copper, forces=True, stress=False)
    assert forces.stress is None and forces.forces is not None


@pytest.mark.parametrize("backend", BACKENDS.values())
def test_results_are_not_overwritten_by_the_next(copper, backend):
    of = evaluator(backend=backend)
    first = evaluate(of, copper)
    kept = {name: value.clone() for name, value in vars(first).items() if value is not None}
    copper.rattle(0.1, seed=3)
    evaluate(of, copper)
    for name, value in kept.items():
        assert_array_equal(getattr(first, name), value)


def test_a_precision_allowed_meanwhile_needs_another_capture(copper, monkeypatch):
    of = evaluator()
    assert_right(of, copper)
    monkeypatch.setattr(static, "_matmul_precision", lambda device: "tf32")
    assert_right(of, copper)
    assert of.stats.captures == 2


def test_modes_of_the_caller_make_no_difference(copper):
    of = evaluator(dtype=torch.float32)
    expected = evaluate(of, copper)
    of._forget()
    for mode in (torch.inference_mode(), torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16)):
        with mode:
            found = evaluate(of, copper)
        assert_array_equal(found.forces, expected.forces)
        assert_array_equal(evaluate(of, copper).forces, expected.forces)


class Broken(DirectBackend):
    """Goes wrong in one of two ways."""

    def __init__(self, how):
        self.how = how

    def prepare(self, step, inputs):
        if self.how == "error":
            raise RuntimeError("operation not permitted when stream is capturing")
        return lambda: step(inputs) * (1 + 1e-5)


@pytest.mark.parametrize(("how", "reason"), [("error", "not permitted"), ("wrong", "atom_energies differ by")])
def test_what_does_not_work_is_given_up_with_one_warning(copper, how, reason):
    of = StaticEvaluator(force_field(), Broken(how))
    expected = evaluate(EagerEvaluator(of.potential), copper)
    with pytest.warns(RuntimeWarning, match=f"Broken execution does not work.*eager.*{reason}") as caught:
        first = evaluate(of, copper)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = evaluate(of, copper)
    for found in (first, second):
        assert_allclose(found.forces, expected.forces, atol=EXACT)
    assert of.stats.fallbacks == 1 and of.stats.evaluations == 2


@pytest.mark.parametrize(("name", "place"), [("forces", Step.HEAD + 8), ("stress", 3)])
def test_a_wrong_derivative_is_noticed(copper, name, place):
    class Shifted(DirectBackend):
        def prepare(self, step, inputs):
            def replay():
                packed = step(inputs).clone()
                packed[place] += 1e-5
                return packed

            return replay

    with pytest.warns(RuntimeWarning, match=f"{name} differ by"):
        evaluate(StaticEvaluator(force_field(), Shifted()), copper)


def test_mistakes_in_the_input_are_no_reason_to_give_up(copper):
    of = evaluator()
    assert_right(of, copper)
    broken = copper.copy()
    broken.positions[1] = np.nan
    with pytest.raises(InputError, match="Atom 1 has the position"):
        evaluate(of, broken)
    together = copper.copy()
    together.positions[1] = together.positions[0] + [0, 0, 2e-4]
    with pytest.raises(InputError, match="Atoms 0 and 1 coincide"):
        evaluate(of, together)
    approaching = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 0.3]])
    assert_right(of, approaching)
    approaching.positions[1, 2] = 5e-4
    with pytest.raises(InputError, match="Atoms 0 and 1 coincide"):
        evaluate(of, approaching)
    assert_right(of, copper)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda of: pickle.loads(pickle.dumps(of))])
def test_copies_prepare_for_themselves(copper, duplicate):
    of = evaluator()
    assert_right(of, copper)
    twin = duplicate(of)
    assert_right(twin, copper)
    assert_right(of, copper)
    assert (of.stats.captures, twin.stats.captures) == (1, 2)
    assert twin.stats is twin.eager.stats


def test_same_input_same_bits(copper):
    results = []
    for _ in range(2):
        of = evaluator()
        for atoms in (copper, copper * (2, 1, 1), copper):
            results.append(evaluate(of, atoms))
    for one, other in zip(results[:3], results[3:], strict=True):
        assert_array_equal(one.forces, other.forces)
        assert_array_equal(one.stress, other.stress)


def test_a_moved_buffer_is_noticed(copper):
    of = evaluator()
    evaluate(of, copper)
    (prepared,) = of._prepared.values()
    prepared.inputs.positions.data = prepared.inputs.positions.data.clone()
    with pytest.warns(RuntimeWarning, match="a buffer has moved"):
        evaluate(of, copper)
