"""What tests of several workflows share."""

import pytest
from ase.calculators.emt import EMT


@pytest.fixture
def calls(monkeypatch):
    """Formulas of the structures that EMT computes from here on."""
    done, calculate = [], EMT.calculate

    def counted(self, atoms=None, *args, **keywords):
        done.append(atoms.get_chemical_formula())
        calculate(self, atoms, *args, **keywords)

    monkeypatch.setattr(EMT, "calculate", counted)
    return done
