import numpy as np
import pytest

from equical import InputError
from equical.training.data.references import fit_references

TRUE = {1: -2.0, 6: -10.0, 8: -20.0}


def energies(structures):
    return [sum(TRUE[z] for z in numbers) for numbers in structures]


def test_energies_that_are_sums_over_atoms_are_found():
    structures = [np.array(z) for z in ([1, 1], [6, 8], [1, 1, 8], [6, 1, 1, 1, 1])]
    fit = fit_references(structures, energies(structures))
    assert fit.energies == pytest.approx(TRUE)
    assert (fit.rank, fit.undetermined) == (3, ())
    assert fit.rmse == pytest.approx(0, abs=1e-12)


def test_one_composition_fixes_only_the_energy_per_atom():
    structures = [np.array([6, 8, 1, 1])] * 5
    fit = fit_references(structures, [-34.0] * 5)
    assert fit.energies == pytest.approx({1: -8.5, 6: -8.5, 8: -8.5})
    assert (fit.rank, fit.undetermined) == (1, (1, 6, 8))
    report = " ".join(fit.report())
    assert "under-determined: the compositions fix 1 of 3 energies" in report
    assert "H, C, O" in report


def test_only_elements_in_the_null_space_are_called_undetermined():
    structures = [np.array([1, 1]), np.array([6, 8, 1]), np.array([6, 8])]
    fit = fit_references(structures, energies(structures))
    assert fit.undetermined == (6, 8)
    assert fit.energies[1] == pytest.approx(-2.0)
    assert fit.energies[6] + fit.energies[8] == pytest.approx(-30.0)


def test_fewer_structures_than_elements():
    fit = fit_references([np.array([1, 6, 8])], [-32.0])
    assert fit.undetermined == (1, 6, 8)
    assert sum(fit.energies.values()) == pytest.approx(-32.0)


def test_a_ridge_pulls_towards_a_common_energy():
    structures = [np.array(z) for z in ([1, 1], [6, 6], [8, 8])]
    fits = [fit_references(structures, energies(structures), ridge=ridge) for ridge in (0, 1, 99)]
    spread = [np.ptp(list(fit.energies.values())) for fit in fits]
    assert spread[0] == pytest.approx(18.0)
    assert spread[0] > spread[1] > spread[2]


def test_given_energies_are_kept():
    structures = [np.array([6, 8, 1, 1])] * 2
    fit = fit_references(structures, energies(structures), given={1: -2.0, 6: -10.0})
    assert fit.energies == pytest.approx(TRUE)
    assert fit.undetermined == ()


def test_structures_count_alike_whatever_their_size():
    """A large structure does not outvote a small one."""
    fit = fit_references([np.array([1]), np.array([1] * 100)], [-1.0, -300.0])
    assert fit.energies[1] == pytest.approx(-2.0)


def test_nothing_to_fit():
    with pytest.raises(InputError, match="there is no structure with an energy"):
        fit_references([], [])
