import numpy as np
import pytest

from equical.training.report.metrics import Comparison, error_summary, errors_by_element, errors_by_group


@pytest.fixture
def comparison():
    """Two structures of two data sets: water-like and one atom; the second atom's force does not count."""
    labels = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 2]])
    return Comparison(
        atoms=np.array([3, 1]),
        energy=np.array([3.3, 1.0]),
        energy_label=np.array([3.0, 1.4]),
        group=np.array(["a", "b"]),
        numbers=np.array([8, 1, 1, 1]),
        forces=labels + np.array([[0, 0.3, 0], [9, 9, 9], [0, 0, 0.6], [0, 0, 0]]),
        forces_label=labels,
        scored=np.array([True, False, True, True]),
        stress=np.full((1, 3, 3), 0.2),
        stress_label=np.full((1, 3, 3), 0.1),
        stress_group=np.array(["b"]),
    )


def test_errors_are_in_the_units_of_their_names(comparison):
    errors = error_summary(comparison)
    assert errors["energy_mae_meV_per_atom"] == pytest.approx((100 + 400) / 2)
    assert errors["energy_rmse_meV_per_atom"] == pytest.approx(np.sqrt((100**2 + 400**2) / 2))
    assert errors["forces_mae_meV_per_A"] == pytest.approx((300 + 600) / 9)
    assert errors["forces_rmse_meV_per_A"] == pytest.approx(np.sqrt((300**2 + 600**2) / 9))
    assert errors["stress_mae_meV_per_A3"] == pytest.approx(100)
    assert errors["forces_cosine"] == pytest.approx((1 / np.sqrt(1.09) + 1 + 1) / 3)


def test_errors_of_each_group(comparison):
    by_group = errors_by_group(comparison)
    assert by_group["a"]["energy_mae_meV_per_atom"] == pytest.approx(100)
    assert by_group["b"]["forces_mae_meV_per_A"] == 0
    assert "stress_mae_meV_per_A3" not in by_group["a"]
    assert by_group["b"]["stress_mae_meV_per_A3"] == pytest.approx(100)


def test_errors_of_each_element(comparison):
    by_element = errors_by_element(comparison)
    assert by_element["O"] == pytest.approx(
        {"forces_mae_meV_per_A": 100, "forces_rmse_meV_per_A": 300 / np.sqrt(3), "atoms": 1}
    )
    assert by_element["H"]["atoms"] == 2


def test_joined_comparisons_are_as_one(comparison):
    parts = [comparison.of_group("a"), comparison.of_group("b")]
    assert error_summary(Comparison.join(parts)) == pytest.approx(error_summary(comparison))
