"""A structure that is not at rest, or numbers that are none, are refused in the same words everywhere."""

import numpy as np
import pytest

from equical.errors import InputError
from equical.workflows.common.at_rest import largest_force, refuse_unless_forced, require_numbers


def test_largest_force():
    assert largest_force(np.array([[0.0, 3, 4], [1, 1, 1]])) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    values = np.ones((2, 3))
    require_numbers(values, "forces", "the image")
    values[1, 2] = bad
    with pytest.raises(InputError, match="returned forces with values that are not numbers for the image"):
        require_numbers(values, "forces", "the image")


@pytest.mark.parametrize(
    ("relax_first", "advice"),
    [(False, "^too much: relax it first"), (True, "relaxation did not converge: too much; try")],
)
def test_what_is_not_at_rest_is_refused_with_advice(relax_first, advice):
    with pytest.raises(InputError, match=advice):
        refuse_unless_forced("too much", relax_first=relax_first, force=False)


@pytest.mark.parametrize("relax_first", [False, True])
def test_who_insists_is_warned(relax_first):
    with pytest.warns(UserWarning, match="^too much$"):
        refuse_unless_forced("too much", relax_first=relax_first, force=True)
