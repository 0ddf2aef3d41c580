"""Cells for a coverage: those of the literature, and energies as in a cell made by hand."""

import numpy as np
import pytest
from ase.build import bulk, fcc100, fcc111
from ase.calculators.emt import EMT

from equical import InputError, adsorption_energies, adsorption_energy
from equical.workflows.adsorption import SlabFromBulk, files
from equical.workflows.adsorption.coverage import cells_for, spread_cell

PLATINUM = SlabFromBulk(bulk("Pt", a=3.92, cubic=True), layers=3, relax=False)
NEAREST = 3.92 / np.sqrt(2)


@pytest.mark.parametrize(
    ("face", "cells", "lengths", "angle"),
    [
        (fcc111, 1, (1, 1), 60),
        (fcc111, 3, (np.sqrt(3), np.sqrt(3)), 60),
        (fcc111, 4, (2, 2), 60),
        (fcc111, 7, (np.sqrt(7), np.sqrt(7)), 60),
        (fcc100, 2, (np.sqrt(2), np.sqrt(2)), 90),
        (fcc100, 4, (2, 2), 90),
        (fcc100, 5, (np.sqrt(5), np.sqrt(5)), 90),
    ],
)
def test_cells_of_the_literature(face, cells, lengths, angle):
    smallest = face("Pt", (1, 1, 3), a=3.92, vacuum=8)
    slab = spread_cell(smallest, cells)
    a, b, _, _, _, gamma = slab.cell.cellpar()
    assert (a / NEAREST, b / NEAREST) == pytest.approx(lengths)
    assert min(gamma, 180 - gamma) == pytest.approx(angle)
    assert len(slab) == 3 * cells
    assert np.linalg.det(slab.cell[:2, :2]) == pytest.approx(cells * np.linalg.det(smallest.cell[:2, :2]))
    assert slab.cell[0, 1] == pytest.approx(0, abs=1e-9)
    energies = []
    for atoms in (smallest, slab):
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy() / len(atoms))
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)  # the same crystal


def test_a_series_is_what_cells_by_hand_give(monkeypatch, tmp_path):
    for name in ("plot_sites", "plot_energies", "plot_structure"):
        monkeypatch.setattr(files, name, lambda result, path: None)
    options = {"sites": ["fcc"], "azimuths": [0]}
    with pytest.warns(UserWarning, match="this is adsorption at high coverage"):
        series = adsorption_energies(PLATINUM, ["O"], EMT(), coverages=[1.0, 0.25], output=tmp_path / "run", **options)
        for coverage, size in (("1", 1), ("0.25", 2)):
            by_hand = SlabFromBulk(PLATINUM.bulk, layers=3, size=(size, size), relax=False)
            alone = adsorption_energy(by_hand, "O", EMT(), **options)
            one = series.results[f"O-{coverage}"]
            assert one.coverage == float(coverage)
            assert one.best.adsorption_energy == pytest.approx(alone.best.adsorption_energy, abs=2e-3)
    assert (tmp_path / "run" / "O-0.25" / "result.json").exists()


def test_coverages_that_no_cell_has():
    crystal = PLATINUM.bulk
    assert cells_for([0.33, 0.25, 1], PLATINUM, crystal) == {0.33: 3, 0.25: 4, 1.0: 1}
    for wrong in (0.66, 2.0, 0.0, -1.0):
        with pytest.raises(InputError, match=r"not one adsorbate on a whole number .* give 1, 0.5, 0.333, 0.25"):
            cells_for([wrong], PLATINUM, crystal)
    with pytest.raises(InputError, match="are not all different"):
        cells_for([0.33, 1 / 3], PLATINUM, crystal)
    with pytest.raises(InputError, match="leave out --size"):
        cells_for([1.0], SlabFromBulk(crystal, size=(2, 2)), crystal)
    with pytest.raises(InputError, match="needs a crystal to cut its cells from"):
        adsorption_energies(fcc111("Pt", (1, 1, 3), vacuum=8), ["O"], EMT(), coverages=[1.0])
