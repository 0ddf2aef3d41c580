"""The grid of bins in tensor operations, beyond what the property tests of all backends say (test_neighbors)."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from equical.errors import InputError
from equical.neighbors import cell_list
from equical.neighbors.build import NeighborList, neighbor_list
from equical.neighbors.cell_list import CellList
from tests.conftest import waiting_is_an_error

CELL = np.array([[14.0, 0, 0], [3, 15, 0], [-2, 1, 16]])
NOWHERE = [False, False, False]


def cloud(count=150, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 1.5, (count, 3)) @ CELL


def assert_same(found: NeighborList, expected: NeighborList):
    assert len(expected) > 0
    for name in ("receiver", "sender", "shift"):
        assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("pbc", [[True] * 3, [True, False, True], NOWHERE])
@pytest.mark.parametrize("chunk", [1000, 50000])
def test_atoms_in_many_bins_and_chunks(pbc, chunk, monkeypatch):
    monkeypatch.setattr(cell_list, "CHUNK", chunk)
    found = neighbor_list(cloud(), CELL, pbc, 5.0, backend="torch")
    assert_same(found, neighbor_list(cloud(), CELL, pbc, 5.0))


def test_a_long_chain_in_the_open():
    positions = np.arange(60)[:, None] * np.array([3.0, 4.0, 0.5]) + np.random.default_rng(1).uniform(0, 1, (60, 3))
    found = neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 7.0, backend="torch")
    assert_same(found, neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 7.0))


def test_a_cluster_smaller_than_its_bins_would_be():
    positions = np.random.default_rng(1).uniform(0, 6, (60, 3))
    found = neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 5.0, backend="torch")
    assert_same(found, neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 5.0))


def test_pairs_come_sorted_by_receiver_sender_and_shift():
    positions, cell = cloud(5), np.array([[-5.0, 0, 0], [21, 5, 0], [-9, 17, 6]])
    found = NeighborList(*(tensor.numpy() for tensor in CellList(6.0).find(torch.from_numpy(positions), cell, True)))
    assert_same(found, neighbor_list(positions, cell, True, 6.0))


def test_once_sized_it_finds_pairs_of_moved_atoms_without_asking_for_sizes():
    finder, moved = CellList(5.0), cloud() + np.random.default_rng(2).normal(0, 0.05, (150, 3))
    finder.find(torch.from_numpy(cloud()), CELL, True)
    sizes = finder.sizes
    pairs = finder.enqueue(torch.from_numpy(moved), CELL, True)
    expected = neighbor_list(moved, CELL, True, 5.0)
    assert pairs.needed[1] == len(expected) and finder.sizes == sizes and len(pairs.receiver) == sizes[1]
    found = slice(len(expected))
    assert_same(NeighborList(*(t.numpy()[found] for t in (pairs.receiver, pairs.sender, pairs.shift))), expected)
    assert (pairs.receiver[len(expected) :] == len(moved)).all()


def test_it_says_when_there_is_no_room_and_makes_some():
    finder, dense = CellList(5.0), torch.from_numpy(cloud(200) * 0.6)
    finder.find(torch.from_numpy(cloud(50)), CELL, True)
    pairs = finder.enqueue(dense, CELL * 0.6, True)
    assert pairs.needed[0] > finder.sizes[0]
    expected = neighbor_list(dense.numpy(), CELL * 0.6, True, 5.0)
    assert_same(NeighborList(*(tensor.numpy() for tensor in finder.find(dense, CELL * 0.6, True))), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_host_does_not_wait_for_the_gpu():
    finder, positions = CellList(5.0), torch.from_numpy(cloud()).cuda()
    finder.find(positions, CELL, True)
    with waiting_is_an_error():
        pairs = finder.enqueue(positions, CELL, True)
    expected = neighbor_list(cloud(), CELL, True, 5.0)
    found = slice(len(expected))
    assert_same(NeighborList(*(t.cpu().numpy()[found] for t in (pairs.receiver, pairs.sender, pairs.shift))), expected)


class TestTorchCluster:
    """The optional backend, for finite systems."""

    def test_real(self):
        pytest.importorskip("torch_cluster")
        found = neighbor_list(cloud(), CELL, NOWHERE, 9.0, backend="torch-cluster")
        assert_same(found, neighbor_list(cloud(), CELL, NOWHERE, 9.0))

    def test_more_neighbours_than_it_keeps_by_itself(self, monkeypatch):
        def radius_graph(x, r, max_num_neighbors=32):
            near = (torch.cdist(x, x) <= r).fill_diagonal_(False)
            kept = near & (near.cumsum(1) <= max_num_neighbors)
            return kept.nonzero().T.flip(0)

        monkeypatch.setitem(sys.modules, "torch_cluster", SimpleNamespace(radius_graph=radius_graph))
        found = neighbor_list(cloud(), CELL, NOWHERE, 15.0, backend="torch-cluster")
        assert np.bincount(found.receiver).max() > 32
        assert_same(found, neighbor_list(cloud(), CELL, NOWHERE, 15.0))

    def test_refusals(self, monkeypatch):
        with pytest.raises(InputError, match="knows no periodic directions"):
            neighbor_list(cloud(), CELL, [True, False, False], 5.0, backend="torch-cluster")
        monkeypatch.setitem(sys.modules, "torch_cluster", None)
        with pytest.raises(InputError, match="needs the package torch-cluster"):
            neighbor_list(cloud(), CELL, NOWHERE, 5.0, backend="torch-cluster")
