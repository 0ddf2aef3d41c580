"""Models whose derivatives are wrong are named as such, once, with the size of the defect."""

import warnings
from functools import partial

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from equical import EquiCalc, InputError, convert, relax
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.eos.run import eos
from equical.workflows.phonon.run import phonon
from tests.published import write_checkpoint


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


def test_once_for_each_calculator():
    calculator = Pushing()
    with pytest.warns(UserWarning) as caught:
        for _ in range(3):
            warn_if_unsuitable(calculator, bulk("Cu"), "phonons")
        warn_if_unsuitable(Pushing(), bulk("Cu"), "phonons")
    assert len(caught) == 2


def test_jumps_of_the_energy():
    calculator = EMT()
    calculator.smooth = False
    with pytest.warns(UserWarning, match="poor choice for phonons: its energy jumps where the set of nearest"):
        warn_if_unsuitable(calculator, bulk("Cu"), "phonons")


def test_converted_direct_model_warns_in_a_workflow(tmp_path):
    """A published V2 model is neither conservative nor smooth."""
    convert(write_checkpoint(tmp_path / "checkpoint.pt", "v2_hydra"), tmp_path / "model")
    calculator = EquiCalc(tmp_path / "model", device="cpu")
    copper = bulk("Cu", cubic=True)
    net = np.linalg.norm(calculator.get_forces(copper).sum(axis=0))
    with pytest.warns(UserWarning) as caught:
        warn_if_unsuitable(calculator, copper, "molecular dynamics")
    (warning,) = caught
    assert f"sum to {net:.2g} eV/Å over 4 atoms" in str(warning.message)
    assert "energy jumps" in str(warning.message)


@pytest.mark.parametrize(
    "workflow", [eos, phonon, partial(relax, cell="free")], ids=["eos", "phonon", "cell relaxation"]
)
def test_adsorption_energies_are_refused_where_totals_are_needed(tmp_path, workflow):
    convert(write_checkpoint(tmp_path / "checkpoint.pt", "v2_oc20"), tmp_path / "model")
    with pytest.raises(InputError, match="this model predicts adsorption energies; .* needs one of total energies"):
        workflow(bulk("Cu"), EquiCalc(tmp_path / "model", device="cpu"))
