import pytest
import torch

from equical.model.v1.irreps import Irreps, Kind, side_by_side


def test_what_is_written_is_read():
    irreps = Irreps.parse("6x0e + 2x0o+3x1e+4x1o")
    assert str(irreps) == "6x0e+2x0o+3x1e+4x1o"
    assert irreps.kinds == (Kind(0, 1), Kind(0, -1), Kind(1, 1), Kind(1, -1))
    assert (irreps.num_scalars, irreps.count, irreps.lmax, irreps.odd) == (6, 15, 1, True)
    assert str(irreps.times(2)) == "12x0e+4x0o+6x1e+8x1o"


@pytest.mark.parametrize("text", ["", "0x0e", "4x1", "4x0e+4x0e", "4x1e+4x0e", "4x0o+4x0e", "4x0e,4x1e", "4x10e"])
def test_other_notations_are_refused(text):
    with pytest.raises(ValueError, match=r"is not written like|must list each kind once"):
        Irreps.parse(text)


def test_features_lie_side_by_side_and_come_apart_again():
    irreps = Irreps.parse("3x0e+2x1e")
    rows = torch.arange(18.0).reshape(2, 9)
    features = irreps.split(rows)
    assert [tuple(part.shape) for part in features] == [(2, 1, 3), (2, 3, 2)]
    torch.testing.assert_close(side_by_side(features), rows, rtol=0, atol=0)
