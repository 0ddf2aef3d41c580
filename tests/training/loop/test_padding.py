"""Padding changes neither losses nor gradients, whatever the model and the labels."""

from dataclasses import replace

import pytest
import torch
from numpy.testing import assert_allclose

from equical.training.data.batching import TrainingBatch, collate
from equical.training.data.dataset import read_frames
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from equical.training.loop.buckets import BatchSize
from equical.training.loop.distributed import World
from equical.training.loop.padding import pad_batch
from equical.training.loop.step import differentiate
from tests.tolerances import EXACT
from tests.training.labelled import data
from tests.training.loop.small_stages import KINDS, batches_of, samples_in, stage_of

CAP = {"EquiformerV2": 7}
"""Nearest neighbours that are edges."""


def differentiated(stage, batch):
    """Means, what they were divided by, and all gradients."""
    stage.optimizer.zero_grad()
    means, totals = differentiate(stage.potential, batch, stage.terms, stage.coefficients(0.5), world=World())
    gradients = [parameter.grad for parameter in stage.potential.parameters()]
    return means, totals, gradients


def assert_same(stage, batch: TrainingBatch, size: BatchSize):
    padded = pad_batch(batch, size, stage.potential)
    assert BatchSize.of(padded) == size
    means, totals, gradients = differentiated(stage, batch)
    found_means, found_totals, found_gradients = differentiated(stage, padded)
    assert_allclose(found_means, means, rtol=1e-11, atol=1e-13)
    assert_allclose(found_totals, totals, rtol=EXACT)
    for one, other in zip(found_gradients, gradients, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            assert_allclose(one, other, rtol=0, atol=1e-10 * max(1, float(other.abs().max())))


@pytest.mark.parametrize("kind", [*KINDS, "EquiformerV2"])
def test_losses_and_gradients_are_those_of_the_batch_alone(tmp_path, kind):
    samples = samples_in(tmp_path, 6, cap=CAP.get(kind))
    stage = stage_of(kind, samples)
    assert_same(stage, batches_of(stage, samples, 3)[2], BatchSize(19, 331, 6))


def test_structures_without_volume_without_stress_and_without_neighbours(tmp_path):
    path = tmp_path / "molecules.extxyz"
    molecule = "2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=8\nCu 0 0 0 0 0 1\nCu 0 0 2.4 0 0 -1\n"
    lonely = "1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=5\nCu 0 0 0 0 0 0\n"
    path.write_text(molecule + lonely)
    others = make_samples(read_frames(data(path)), NeighborRules(3.5), torch.float64)
    samples = samples_in(tmp_path, 2)
    stage = stage_of("conservative", samples)
    assert_same(stage, collate([samples[0], *others, replace(samples[1], has_stress=False)]), BatchSize(20, 500, 6))


def test_every_structure_has_an_atom_and_edges_stay_sorted(tmp_path):
    samples = samples_in(tmp_path, 2)
    stage = stage_of("direct", samples)
    graph = pad_batch(collate(samples), BatchSize(16, 200, 7), stage.potential).graph
    assert torch.bincount(graph.structure, minlength=7).tolist() == [4, 4, 1, 1, 1, 1, 4]
    for ascending in (graph.structure, graph.receiver):
        assert (ascending.diff() >= 0).all()
    assert (graph.receiver[-1], graph.sender[-1]) == (15, 15)
