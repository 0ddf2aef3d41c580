"""What workflows accept: structures that mean something, and calculators."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from equical import eos, md, phonon, relax, relax_many
from equical.errors import InputError
from equical.workflows.common.inputs import check_structure, resolve_calculator


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms(), "no atoms"),
        (Atoms("CuNi", [[0, 0, 0], [np.nan, 0, 0]]), r"atom 1 \(Ni\)"),
        (Atoms("Cu", [[np.inf, 0, 0]]), "not a finite number"),
        (Atoms("Cu", cell=[3, 3, 0], pbc=True), "without volume"),
        (Atoms("Cu", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "without volume"),
        (Atoms("Cu", cell=[3, 3, np.nan], pbc=False), "cell has entries"),
        (Atoms("Cu", cell=[3, 3, 1e200], pbc=True), "not finite numbers below 1e\\+09 Å"),
        (Atoms("CuNi", [[0, 0, 0], [3, 0, 0]], masses=[63, 0]), r"atom 1 \(Ni\) has a mass of 0: set positive masses"),
        (Atoms("Cu", masses=[np.nan]), "has a mass of nan"),
        (Atoms("XCu", [[0, 0, 0], [3, 0, 0]]), r"atom 0 \(X\): X is no element"),
        (Atoms("Cu2", [[0, 0, 0], [0.3, 0, 0]]), "closer than any bond"),
        (Atoms("Cu", info={"occupancy": {"0": {"Cu": 0.5}}}), "occupied in part"),
    ],
)
def test_meaningless_structures_are_refused(atoms, message):
    with pytest.raises(InputError, match=message):
        check_structure(atoms)


def test_molecules_and_slabs_without_a_third_vector_pass():
    check_structure(Atoms("CO", [[0, 0, 0], [0, 0, 1.1]]))
    check_structure(Atoms("Cu", cell=[3, 3, 0], pbc=[True, True, False]))
    check_structure(fcc111("Pt", (2, 2, 3), vacuum=8))


def test_a_crystal_that_is_not_periodic_is_pointed_out():
    atoms = bulk("Cu", cubic=True)
    check_structure(atoms)
    atoms.pbc = False
    with pytest.warns(UserWarning, match="not periodic along a, b, c, although its atoms bond"):
        check_structure(atoms)


@pytest.mark.parametrize("workflow", [relax, md, eos, phonon])
def test_workflows_take_structures_and_say_how_to_make_one_of_a_path(workflow):
    for given in ("cu.xyz", Path("cu.xyz")):
        with pytest.raises(InputError, match=r"not the path cu.xyz: equical.read_structure\('cu.xyz'\)"):
            workflow(given)
        with pytest.raises(InputError, match="not the path cu.xyz"):
            workflow(given, EMT())
    with pytest.raises(InputError, match="not 2: give them one by one"):
        workflow([bulk("Cu"), bulk("Ni")], EMT())
    with pytest.raises(InputError, match="not builtins's dict"):
        workflow({}, EMT())


def test_relaxations_of_many_structures_take_a_list():
    for given in ("cu.xyz", Path("cu.xyz"), bulk("Cu"), [bulk("Cu"), "cu.xyz"]):
        with pytest.raises(InputError, match="a list of structures|not the path cu.xyz"):
            relax_many(given, EMT())


def test_calculator_comes_from_the_argument_or_the_atoms(tmp_path):
    atoms, calculator = bulk("Cu"), EMT()
    assert resolve_calculator(calculator) is calculator
    atoms.calc = calculator
    assert resolve_calculator(None, atoms) is calculator
    with pytest.raises(InputError, match="expected an ASE calculator.*int"):
        resolve_calculator(3)  # type: ignore[arg-type]
