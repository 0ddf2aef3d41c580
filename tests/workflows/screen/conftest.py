"""Screenings that take a second or two: EMT on the smallest surface cells, in this process."""

import warnings

import pytest
from ase.calculators.emt import EMT

from equical.calculator import BatchResult
from equical.workflows.common.notes import WorkflowWarning
from equical.workflows.screen import screen

TABLE = [{"bulk": "Pt", "facets": "111", "adsorbates": "H", "size": "1x1", "layers": 2}]
"""A crystal, a gas molecule, a slab, and four configurations."""


class Counting(EMT):
    """EMT that remembers what it was asked for, and fails where it is told to."""

    started: list[str] = []  # noqa: RUF012 (for all of them)
    refuse = staticmethod(lambda atoms: False)

    def calculate(self, atoms=None, *args, **options):
        if self.refuse(atoms):
            raise RuntimeError("SCF has not converged")
        type(self).started.append(atoms.get_chemical_formula())
        super().calculate(atoms, *args, **options)


class InBatches(Counting):
    """The same with a method for batches, whose sizes it remembers."""

    sizes: list[int] = []  # noqa: RUF012 (for all of them)

    def batch(self, structures, properties):
        self.sizes.append(len(structures))
        return [self._one(atoms, properties) for atoms in structures]

    def _one(self, atoms, properties):
        try:
            return BatchResult({name: self.get_property(name, atoms) for name in properties})
        except RuntimeError as error:
            return BatchResult({}, str(error))


@pytest.fixture
def emt():
    """A class of calculators of its own for each test."""
    return type("Counting", (Counting,), {"started": []})


@pytest.fixture
def emt_in_batches():
    """The same with a method ``batch``."""
    return type("InBatches", (InBatches,), {"started": [], "sizes": []})


@pytest.fixture
def run(tmp_path):
    """Screen in a folder, without what it has to say about such small cells."""

    def screened(table=TABLE, calculator=EMT, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WorkflowWarning)
            return screen(table, calculator, **{"workers": 0, "output": tmp_path / "run", "fmax": 0.05} | options)

    return screened
