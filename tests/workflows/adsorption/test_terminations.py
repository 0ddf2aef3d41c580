"""Which surfaces a face can have."""

import pytest
from ase.build import bulk

from equical.workflows.adsorption.bulks import bulk_crystal
from equical.workflows.adsorption.terminations import terminations
from tests.fixtures.slabs.pymatgen_slabs import CRYSTALS


@pytest.mark.parametrize(
    ("name", "face", "tops"),
    [
        ("fcc", (1, 1, 1), ["Pt"]),
        ("fcc", (3, 2, 1), ["Pt"]),
        ("hcp", (0, 0, 1), ["Ru"]),  # the screw axis makes both layers alike
        ("hcp", (1, 0, 0), ["Ru", "Ru"]),  # one of two terminations leaves atoms without support
        ("diamond", (0, 0, 1), ["Si"]),
        ("diamond", (1, 1, 1), ["Si", "Si"]),
        ("rocksalt", (0, 0, 1), ["MgO"]),
        ("rocksalt", (1, 1, 1), ["O", "Mg"]),
        ("zincblende", (1, 1, 0), ["GaAs"]),
        ("zincblende", (1, 1, 1), ["Ga", "As"]),
        ("zincblende", (-1, -1, -1), ["As", "Ga"]),
        ("fluorite", (1, 1, 1), ["O", "Ce", "O"]),
        ("perovskite", (0, 0, 1), ["TiO2", "SrO"]),
        ("perovskite", (1, 1, 0), ["O2", "SrTiO"]),
        ("perovskite", (1, 1, 1), ["Ti", "SrO3"]),
        ("l12", (1, 1, 1), ["NiPt3"]),
        ("l12", (0, 0, 1), ["Pt2", "NiPt"]),
        ("l10", (1, 0, 0), ["AuCu"]),
        ("l10", (0, 0, 1), ["Au", "Cu"]),
        ("b2", (1, 1, 0), ["AlNi"]),
    ],
)
def test_of_crystals(name, face, tops):
    found = terminations(CRYSTALS[name], face)
    assert [termination.top for termination in found] == tops
    assert found[0].index == 0


def test_the_widest_gap_comes_first():
    """Above it one bond is cut for each atom of silicon, elsewhere three."""
    wide, narrow = terminations(bulk_crystal(bulk("Si")), (1, 1, 1))
    assert wide.gap == pytest.approx(5.43 * 3**0.5 / 4)
    assert narrow.gap == pytest.approx(5.43 * 3**0.5 / 12)
