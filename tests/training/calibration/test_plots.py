"""Pictures of calibrations."""

import numpy as np
import pytest

from equical.training.calibration.plots import plot_calibration


@pytest.mark.drawn
@pytest.mark.parametrize("forces", [0, 300])
def test_errors_are_drawn_with_and_without_forces(tmp_path, forces):
    rng = np.random.default_rng(0)
    stated = [np.exp(rng.normal(size=count)) for count in (50, forces)]
    energy, of_forces = ((one * rng.normal(size=len(one)), one) for one in stated)
    plot_calibration(tmp_path / "uncertainty.png", energy=energy, forces=of_forces)
    assert (tmp_path / "uncertainty.png").read_bytes().startswith(b"\x89PNG")
