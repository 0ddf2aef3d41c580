import numpy as np
import pytest
import torch

from equical.graph import AtomGraph
from equical.model import Potential, parse_config
from equical.training.config import DenoisingConfig
from equical.training.data.batching import collate
from equical.training.data.dataset import read_frames
from equical.training.data.denoising import corrupt, corrupt_some
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from tests.training.labelled import MODEL, copper, data, write_copper

HOOD = NeighborRules(3.5)
ALL = DenoisingConfig(probability=1, ratio=None, sigma=0.1)
HALF = DenoisingConfig(probability=1, ratio=0.5, max_ratio=1.0, sigma=0.1)


@pytest.fixture
def samples(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 12)))
    return list(make_samples(frames, HOOD, torch.float64))


@pytest.fixture
def sample(samples):
    return samples[0]


def made(sample, settings, seed=0, **options):
    rng = np.random.default_rng(seed)
    return corrupt(sample.graph, sample.forces, rng, settings, neighbor_rules=HOOD, **options)


def same(a, b):
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def test_the_generator_decides_everything_and_nothing_is_changed(sample):
    before = sample.graph.positions.clone()
    first, again, other = made(sample, HALF, 1), made(sample, HALF, 1), made(sample, HALF, 2)
    assert same(first.graph, again.graph)
    assert torch.equal(first.noise, again.noise)
    assert not torch.equal(first.noise, other.noise)
    assert torch.equal(sample.graph.positions, before)


def test_moved_atoms_have_moved_by_the_noise_and_show_their_forces(sample):
    corruption = made(sample, HALF, 4)
    mask = corruption.encoding.mask
    assert 0 < mask.sum() < 4
    moved = corruption.graph.positions - sample.graph.positions
    assert torch.allclose(moved, 0.1 * corruption.noise, atol=1e-12)
    assert torch.equal(moved.norm(dim=1) > 0, mask)
    assert torch.equal(corruption.encoding.forces[mask], sample.forces[mask])
    assert not corruption.encoding.forces[~mask].any()


def test_edges_are_found_anew(sample):
    """They are those of the displaced structure, none of the old ones kept by mistake."""
    corruption = made(sample, DenoisingConfig(probability=1, ratio=None, sigma=0.8), 1)
    atoms = copper(1)[0]
    atoms.positions[:] = corruption.graph.positions.numpy()
    expected = AtomGraph.from_atoms(atoms, 3.5, torch.float64)
    assert not torch.equal(corruption.graph.shift, sample.graph.shift)
    assert torch.equal(corruption.graph.sender, expected.sender)
    assert torch.equal(corruption.graph.shift, expected.shift)


def test_noise_has_the_width_it_should_have(sample):
    noise = torch.cat([made(sample, ALL, seed).noise for seed in range(400)])
    assert noise.mean().item() == pytest.approx(0, abs=0.05)
    assert noise.std().item() == pytest.approx(1, abs=0.03)


def test_several_scales_share_the_unit_of_the_largest(sample):
    settings = DenoisingConfig(probability=1, ratio=None, sigma=(0.01, 1.0), scales=3)
    lengths = {seed: made(sample, settings, seed).noise.square().mean().sqrt().item() for seed in range(60)}
    decades = {round(np.log10(length)) for length in lengths.values()}
    assert decades == {-2, -1, 0}


def test_fixed_atoms_are_neither_moved_nor_shown(sample):
    free = torch.tensor([True, False, True, False])
    for seed in range(5):
        corruption = made(sample, ALL, seed, free=free)
        assert torch.equal(corruption.encoding.mask, free)
        assert torch.equal(corruption.graph.positions[~free], sample.graph.positions[~free])
        assert not corruption.encoding.forces[~free].any()
        assert not corruption.noise[~free].any()
    assert made(sample, ALL, free=torch.zeros(4, dtype=torch.bool)) is None


def test_structures_that_are_left_alone(sample):
    longest = sample.forces.norm(dim=1).max().item()
    assert made(sample, ALL.model_copy(update={"max_force": 0.99 * longest})) is None
    assert made(sample, ALL.model_copy(update={"max_force": 1.01 * longest})) is not None
    assert made(sample, ALL.model_copy(update={"min_atoms": 5})) is None


def test_the_share_of_displaced_atoms_is_capped(sample):
    capped = DenoisingConfig(probability=1, ratio=0.9, max_ratio=0.5)
    found = [made(sample, capped, seed) for seed in range(200)]
    assert all(corruption.encoding.mask.sum() <= 2 for corruption in found if corruption is not None)
    assert 0 < sum(corruption is not None for corruption in found) < 40  # most draws exceed half of four atoms
    assert made(sample, ALL.model_copy(update={"max_ratio": 0.5})) is not None  # all atoms, by wish


def chosen(samples, settings, step=0, indices=None):
    indices = indices or list(range(len(samples)))
    return corrupt_some(samples, indices, settings, seed=(7, step), neighbor_rules=HOOD)


def test_the_choice_is_made_for_each_structure_or_for_the_batch(samples):
    settings = {"probability": 0.5, "ratio": None}
    counts = [
        [
            sum(c is not None for c in chosen(samples, DenoisingConfig(**settings, choose=choose), step))
            for step in range(30)
        ]
        for choose in ("structure", "batch")
    ]
    assert 0.35 < np.mean(counts[0]) / 12 < 0.65
    assert min(counts[0]) > 0
    assert max(counts[0]) < 12
    assert set(counts[1]) == {0, 12}


def test_some_samples_opt_out(samples):
    from dataclasses import replace

    samples[0] = replace(samples[0], denoise=False)
    samples[1] = replace(samples[1], force_weight=torch.zeros(4))
    assert [c is None for c in chosen(samples, ALL)] == [True, True] + [False] * 10


def test_the_outcome_does_not_depend_on_who_else_is_in_the_batch(samples):
    """Processes that share a batch corrupt it as one process would."""
    together = chosen(samples, HALF)
    alone = chosen(samples[3:5], HALF, indices=[3, 4])
    for a, b in zip(together[3:5], alone, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a.noise, b.noise)


def test_colliding_atoms_are_drawn_again(sample, monkeypatch):
    from equical import InputError

    calls = []

    def fail_twice(self, graph, positions, found=NeighborRules.moved):
        calls.append(positions)
        if len(calls) < 3:
            raise InputError("two atoms coincide")
        return found(self, graph, positions)

    monkeypatch.setattr(NeighborRules, "moved", fail_twice)
    assert made(sample, ALL) is not None
    assert len(calls) == 3
    monkeypatch.setattr(NeighborRules, "moved", lambda *_: (_ for _ in ()).throw(InputError("always")))
    assert made(sample, ALL) is None


@pytest.mark.parametrize("forces", ["gradient", "direct"])
def test_a_clean_pass_ignores_what_denoising_added(samples, forces):
    config = parse_config({**MODEL, "forces": forces, "denoising": True, "avg_degree": 12.0})
    potential = Potential(config, [28, 29], dtype=torch.float64)
    clean = collate(samples[:2])
    corrupted = collate(samples[:2], [made(samples[0], HALF), None])
    plain = potential.predict(clean.graph)
    assert plain.noise is None
    mixed = potential.predict(corrupted.graph, encoding=corrupted.encoding)
    assert mixed.noise.shape == (8, 3)
    assert torch.allclose(mixed.energy[1], plain.energy[1], atol=1e-10)  # the second structure is clean in both
    assert torch.allclose(mixed.forces[4:], plain.forces[4:], atol=1e-10)
    assert not torch.allclose(mixed.energy[0], plain.energy[0])


def test_the_weight_changes_linearly():
    settings = DenoisingConfig(probability=1, weight=8, final_weight=2)
    assert [settings.weight_at(share) for share in (0, 0.5, 1)] == [8, 5, 2]
    assert DenoisingConfig(probability=1, weight=8).weight_at(1) == 8
