"""The tiny model, calibrated on copper and aluminium with noise."""

import shutil

import pytest

from equical import EquiCalc, calibrate
from tests.uncertainty.structures import write_data


@pytest.fixture(scope="package")
def calibrated(tmp_path_factory, tiny_checkpoint):
    """The tiny model with its uncertainty, and what its calibration said."""
    root = tmp_path_factory.mktemp("calibrated")
    shutil.copytree(tiny_checkpoint, root / "model")
    calculator = EquiCalc(tiny_checkpoint, device="cpu", dtype="float64")
    for name, seeds in (("data", range(160)), ("held", range(160, 260))):
        write_data(root / f"{name}.extxyz", calculator, seeds)
    data, held = (root / f"{name}.extxyz" for name in ("data", "held"))
    with pytest.warns(
        UserWarning, match="the data hold no H, C, O, Na, .*: structures with them will count as outside"
    ):
        result = calibrate(root / "model", data, held)
    return root / "model", result


@pytest.fixture
def calculator(calibrated) -> EquiCalc:
    return EquiCalc(calibrated[0], device="cpu", dtype="float64")
