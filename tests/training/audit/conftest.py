import pytest

from equical.training.data.dataset import read_frames
from tests.training.audit.seeded import trajectory
from tests.training.labelled import data, write_copper


@pytest.fixture
def frames(tmp_path):
    """Sound frames: rattled and strained copper, some with nickel."""
    return read_frames(data(write_copper(tmp_path, 24)))


@pytest.fixture(scope="session")
def moving():
    """Steps of molecular dynamics of copper."""
    return trajectory()


@pytest.fixture(scope="session")
def stretching():
    """Steps of stretching a perfect crystal of copper."""
    return trajectory(strain=-0.003)
