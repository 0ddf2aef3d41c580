"""The optional backend torch-cluster, for finite systems; what all backends share is in test_build."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from equical.errors import InputError
from equical.neighbors.build import NeighborList, neighbor_list

CELL = np.array([[14.0, 0, 0], [3, 15, 0], [-2, 1, 16]])
NOWHERE = [False, False, False]


def cloud(count=150, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 1.5, (count, 3)) @ CELL


def assert_same(found: NeighborList, expected: NeighborList):
    assert len(expected) > 0
    for name in ("receiver", "sender", "shift"):
        assert_array_equal(getattr(found, name), getattr(expected, name))


def test_torch_cluster_itself():
    pytest.importorskip("torch_cluster")
    found = neighbor_list(cloud(), CELL, NOWHERE, 9.0, backend="torch-cluster")
    assert_same(found, neighbor_list(cloud(), CELL, NOWHERE, 9.0))


def test_more_neighbours_than_it_keeps_by_itself(monkeypatch):
    def radius_graph(x, r, max_num_neighbors=32):
        near = (torch.cdist(x, x) <= r).fill_diagonal_(False)
        kept = near & (near.cumsum(1) <= max_num_neighbors)
        return kept.nonzero().T.flip(0)

    monkeypatch.setitem(sys.modules, "torch_cluster", SimpleNamespace(radius_graph=radius_graph))
    found = neighbor_list(cloud(), CELL, NOWHERE, 15.0, backend="torch-cluster")
    assert np.bincount(found.receiver).max() > 32
    assert_same(found, neighbor_list(cloud(), CELL, NOWHERE, 15.0))


def test_what_it_cannot_do_is_refused(monkeypatch):
    with pytest.raises(InputError, match="knows no periodic directions"):
        neighbor_list(cloud(), CELL, [True, False, False], 5.0, backend="torch-cluster")
    monkeypatch.setitem(sys.modules, "torch_cluster", None)
    with pytest.raises(InputError, match="needs the package torch-cluster"):
        neighbor_list(cloud(), CELL, NOWHERE, 5.0, backend="torch-cluster")
