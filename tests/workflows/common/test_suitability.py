"""Models whose derivatives are wrong are named as such, once, with the size of the defect."""

import warnings

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.suitability import warn_if_unsuitable


class Pushing(EMT):
    """EMT with a constant force of 0.01 eV/Å along x on every atom, as from a force head."""

    conservative = False

    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        self.results["forces"] = self.results["forces"] + np.array([0.01, 0, 0])


@pytest.fixture
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_proper_models_pass(silent):
    warn_if_unsuitable(EMT(), bulk("Cu"), "anything")


def test_net_force_is_quoted():
    with pytest.warns(UserWarning, match=r"poor choice for phonons: its forces .* sum to 0.04 eV/Å over 4 atoms"):
        warn_if_unsuitable(Pushing(), bulk("Cu", cubic=True), "phonons")


def test_forces_do_not_matter_where_none_are_used(silent):
    warn_if_unsuitable(Pushing(), bulk("Cu"), "phonons", forces=False)


def test_once_in_each_run():
    calculator = Pushing()
    for _ in range(2):
        with pytest.warns(UserWarning) as caught, noted_warnings() as noted:
            for _ in range(3):
                warn_if_unsuitable(calculator, bulk("Cu"), "phonons")
        assert len(caught) == len(noted) == 1
