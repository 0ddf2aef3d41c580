"""What the recipes of shipped models compute on the way to their data."""

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from tests.test_shipped_models import load_example


def test_labels_away_from_equilibrium_are_exact_where_the_teacher_is(tmp_path, monkeypatch):
    """With EMT for DFT and for both models, what is put together must be EMT again."""
    perturbed = load_example("recipes/catalysis_rpbe/perturbed.py")
    monkeypatch.setattr(perturbed, "teacher", lambda name: EMT())
    starts = []
    for metal, adsorbate in (("Pd", "O"), ("Pt", None)):
        slab = fcc111(metal, (3, 3, 3), vacuum=6.0)
        if adsorbate:
            add_adsorbate(slab, adsorbate, 1.4, "fcc")
        slab.pbc = True
        slab.info = {"src": metal}
        slab.calc = EMT()
        slab.calc = SinglePointCalculator(slab, energy=slab.get_potential_energy(), forces=slab.get_forces())
        starts.append(slab)
    write(tmp_path / "starts.extxyz", starts)
    perturbed.draw(str(tmp_path / "starts.extxyz"), str(tmp_path / "drawn.extxyz"), 2)
    for name in ("one", "other"):
        perturbed.label(str(tmp_path / "drawn.extxyz"), str(tmp_path / f"{name}.npz"), name)
    tables = [str(tmp_path / f"{name}.npz") for name in ("one", "other")]
    perturbed.join(str(tmp_path / "drawn.extxyz"), str(tmp_path / "labelled.extxyz"), *tables)
    found = read(tmp_path / "labelled.extxyz", ":")
    assert len(found) >= 4 and {atoms.info["name"].split()[1] for atoms in found} >= {"pulled", "shaken"}
    for atoms in found:
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = EMT()
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-5)
