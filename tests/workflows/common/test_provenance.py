"""What a result was computed with, and whether a calculator is the one it was before."""

from importlib.metadata import PackageNotFoundError

import numpy as np
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.mixing import LinearCombinationCalculator

import equical
from equical.workflows.common import provenance as module
from equical.workflows.common.provenance import is_known, provenance, structure_digest


def test_provenance_of_a_package_that_runs_from_its_sources(monkeypatch):
    """Without the metadata that only installing leaves."""

    def version(name):
        if name == "equical":
            raise PackageNotFoundError(name)
        return installed(name)

    installed = module.version
    monkeypatch.setattr(module, "version", version)
    assert provenance(EMT())["versions"]["equical"] == equical.__version__


def test_provenance_names_calculator_and_versions():
    record = provenance(EMT())
    assert record["model"] == {"calculator": "EMT"}
    assert set(record["versions"]) == {"equical", "torch", "ase", "numpy", "python"}


class Silent(Calculator):
    """Says nothing of itself."""

    implemented_properties = ("energy", "forces")


class Wrapping(EMT):
    """Made of another calculator."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner


def test_calculators_that_do_not_tell_what_they_are(tiny_calculator):
    assert is_known(tiny_calculator) and is_known(EMT()) and is_known(LennardJones())
    assert not is_known(Silent())
    assert not is_known(LinearCombinationCalculator([EMT(), LennardJones()], [0.5, 0.5]))
    assert not is_known(Wrapping(LennardJones()))


def test_structures_are_the_same_to_a_millionth_of_an_angstrom():
    crystal = bulk("Cu", a=4.0, cubic=True) * 2
    digest = structure_digest(crystal)
    for seed in range(50):
        moved = crystal.copy()
        moved.positions += np.random.default_rng(seed).normal(0, 1e-14, moved.positions.shape)
        assert structure_digest(moved) == digest
    for axis in range(3):
        moved = crystal.copy()
        moved.positions[3, axis] += 2e-6
        assert structure_digest(moved) != digest
    heavy = crystal.copy()
    heavy.set_masses([65.0] + [None] * 31)
    assert structure_digest(heavy) != digest


def test_constraints_are_told_apart():
    from ase.constraints import FixAtoms

    slab = bulk("Cu", cubic=True)
    slab.set_constraint(FixAtoms([0]))
    other = slab.copy()
    other.set_constraint(FixAtoms([1]))
    assert module.constraints_of(slab) != module.constraints_of(other)
    assert module.constraints_of(slab) == module.constraints_of(slab.copy())
