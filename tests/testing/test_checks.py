"""Each check catches the mistake it is there for, and none complains of a calculator that is right."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from equical.errors import InputError
from equical.testing.checks import CHECKS
from equical.workflows.check import check
from tests.testing.broken import BROKEN, Pair

FOR_OUR_MODELS = {"executions", "precision", "batch"}


@pytest.fixture(scope="module")
def structures():
    crystal = bulk("Cu", a=3.7) * (2, 1, 2)
    crystal.symbols[[1, 2]] = "Au"
    crystal.set_cell(crystal.cell[:] @ [[1, 0.03, 0], [0, 1.02, 0.01], [0, 0, 1]], scale_atoms=True)
    slab = fcc111("Au", (1, 2, 2), vacuum=6)
    slab.symbols[0] = "Cu"
    cluster = Atoms(
        "Cu2AuCuAu", 2.6 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0.1], [0.5, 0.3, 0.9], [-0.4, 0.7, 0.8]])
    )
    for seed, atoms in enumerate((crystal, slab, cluster)):
        atoms.rattle(0.06, seed=seed)
    return {"crystal": crystal, "slab": slab, "cluster": cluster}


def test_a_right_calculator_passes_every_check(structures):
    result = check(Pair, structures, quick=True)
    assert [(f.check, f.structure, f.value) for f in result.failed] == []
    assert result.converged
    assert {finding.check for finding in result.findings} == set(CHECKS) - FOR_OUR_MODELS


@pytest.mark.parametrize("broken", BROKEN, ids=lambda kind: kind.__name__)
def test_a_wrong_calculator_is_caught(broken, structures):
    result = check(broken, structures, quick=True, checks=[BROKEN[broken]])
    assert not result.converged, f"{BROKEN[broken]} does not see it"
    assert check(Pair, structures, quick=True, checks=[BROKEN[broken]]).converged


def test_every_check_has_something_that_it_catches():
    assert set(BROKEN.values()) >= set(CHECKS) - FOR_OUR_MODELS - {"wrapping", "cells", "energy drift"}


class Unwrapped(Pair):
    """Takes the cell for where the atoms are: those outside it lose their neighbours."""

    def pairs(self, atoms):
        receiver, sender, vectors = super().pairs(atoms)
        inside = ((atoms.get_scaled_positions(wrap=False) > -1) & (atoms.get_scaled_positions(wrap=False) < 2)).all(
            axis=1
        )
        keep = inside[receiver] & inside[sender]
        return receiver[keep], sender[keep], vectors[keep]


class RightHandedOnly(Pair):
    """Volumes and reciprocal vectors of a left-handed cell have the wrong sign."""

    def solve(self, atoms):
        results = super().solve(atoms)
        if atoms.cell.rank == 3 and atoms.cell.handedness < 0:
            results["stress"] = -results["stress"]
        return results


class Heating(Pair):
    """Forces a little larger than they should be along the way atoms go."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results["forces"] = self.results["forces"] + 2.0 * atoms.get_velocities()


@pytest.mark.parametrize(
    ("broken", "name"), [(Unwrapped, "wrapping"), (RightHandedOnly, "cells"), (Heating, "energy drift")]
)
def test_more_that_is_caught(broken, name, structures):
    assert not check(broken, structures, quick=True, checks=[name]).converged


def test_a_direct_model_is_told_what_it_is(structures):
    class Direct(BROKEN_FORCE_HEAD):
        conservative = False

    result = check(Direct, structures, quick=True, checks=["forces", "curl", "energy drift"])
    assert result.converged and not result.conservative
    assert all(finding.limit is None and "no limit" in finding.detail for finding in result.findings)


BROKEN_FORCE_HEAD = next(kind for kind in BROKEN if kind.__name__ == "ForceHead")


class Raising(Pair):
    def solve(self, atoms):
        if atoms.cell.handedness < 0:
            raise ValueError("left-handed cells are not\nsupported")
        return super().solve(atoms)


def test_a_calculator_that_breaks_has_failed(structures):
    (finding,) = check(Raising, structures, quick=True, checks=["cells"]).failed
    assert "left-handed cells are not supported" in finding.detail


def test_a_killed_examination_goes_on_after_the_last_check(structures, tmp_path, monkeypatch):
    def killed(subject):
        raise KeyboardInterrupt

    options = {"checks": ["cells", "forces"], "quick": True, "output": tmp_path / "out"}
    whole = check(Raising, structures["crystal"], **options | {"output": None})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setitem(CHECKS, "forces", killed)
        check(Raising, structures["crystal"], **options)
    with monkeypatch.context() as patch:
        patch.setitem(CHECKS, "cells", killed)
        result = check(Raising, structures["crystal"], resume=True, **options)
    assert [str(finding) for finding in result.findings] == [str(finding) for finding in whole.findings]
    with pytest.raises(InputError, match="another structure|structures were"):
        check(Raising, structures["slab"], resume=True, **options)


def test_our_models_agree_however_they_are_run(tiny_calculator):
    result = check(tiny_calculator, quick=True, checks=["executions", "precision", "batch", "rotation", "reuse"])
    assert result.converged, result.failed
    assert {finding.check for finding in result.findings} >= FOR_OUR_MODELS


def test_bad_input(structures):
    with pytest.raises(InputError, match="there is no check 'spin'"):
        check(Pair, structures, checks=["spin"])
    with pytest.raises(InputError, match="does not say which elements it covers"):
        check(Pair)
    with pytest.raises(InputError, match="has 125 atoms"):
        check(Pair, bulk("Cu") * 5)
