"""Each room of the training imports those above it, and nothing below; the public functions stand on top of all."""

from pathlib import Path

import pytest

import equical.training
from tests.test_imports import imported

ROOMS = ["config", "data", "report", "loop", "start"]
HERE = Path(equical.training.__file__).parent


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_those_above_them(room):
    allowed = ROOMS[: ROOMS.index(room) + 1]
    for path in sorted((HERE / room).glob("*.py")):
        inside = [name.split(".")[2] for name in imported(path) if name.startswith("equical.training.")]
        assert set(inside) <= set(allowed), path.name
