"""Whatever a workflow is about: where it lies outside what the model knows, the result says so, once."""

import json

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from equical import elastic, eos, neb, phonon, relax_many, vib
from equical.uncertainty import Uncertainty


class Unsure(EMT):
    """EMT that knows crystals as they are, and nothing that is larger or smaller, or no crystal."""

    implemented_properties = (*EMT.implemented_properties, "energy_std")

    def __init__(self, volume: float):
        super().__init__()
        self.volume = volume
        self.asked = 0

    def uncertainty(self, atoms):
        self.asked += 1
        known = atoms.pbc.all() and abs(atoms.get_volume() / len(atoms) / self.volume - 1) < 0.01
        return Uncertainty(1.0, np.ones(len(atoms)), () if known else ("it is too far",))


COPPER = bulk("Cu", a=3.59)  # at rest


def hop(calculator):
    crystal = bulk("Cu", a=3.59, cubic=True) * (2, 2, 2)
    initial, final = crystal.copy(), crystal.copy()
    del initial[0]
    del final[1]
    return neb(initial, final, calculator, images=1, relax_ends=True, steps=3)


RUNS = {
    "eos": lambda calculator: eos(COPPER, calculator, relax="none"),
    "elastic": lambda calculator: elastic(COPPER, calculator, num_strains=4, force=True),
    "phonon": lambda calculator: phonon(COPPER, calculator, supercell=(2, 2, 2), mesh=10),
    "vib": lambda calculator: vib(molecule("N2"), calculator, relax_first=True),
    "neb": hop,
    "relax_many": lambda calculator: relax_many([COPPER, bulk("Cu", a=3.7)], calculator),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.filterwarnings("ignore")
def test_it_is_told_once_in_the_result(name):
    told = json.dumps(RUNS[name](Unsure(1.0)).to_json()["warnings"])
    assert told.count("lies outside what the model knows: it is too far") == 1


@pytest.mark.filterwarnings("ignore")
def test_a_scan_of_volumes_is_looked_at_where_it_ends():
    calculator = Unsure(COPPER.get_volume())
    found = [line for line in eos(COPPER, calculator, relax="none").warnings if "lies outside" in line]
    assert len(found) == 1 and found[0].startswith("the smallest cell of the scan")
    assert calculator.asked == 2  # and the largest one is not asked about any more
