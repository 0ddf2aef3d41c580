"""The viewer gets the structures as they are, and nothing twice that frames have in common."""

import json

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.constraints import FixAtoms, FixCartesian

from equical.html.page import Structure
from equical.html.scene import scene
from equical.html.text import as_data


def frames(*structures):
    return [one["frames"] for one in scene(structures)["structures"]]


def test_structures_are_what_they_were():
    slab = fcc111("Pt", (1, 1, 3), vacuum=5)
    slab.set_constraint([FixAtoms([0, 1]), FixCartesian(2, [True, False, False])])
    ((frame,),) = frames(Structure("slab", slab))
    assert np.allclose(np.reshape(frame["positions"], (3, 3)), slab.positions, atol=1e-4)
    assert np.allclose(np.reshape(frame["cell"], (3, 3)), slab.cell, atol=1e-4)
    assert (frame["numbers"], frame["pbc"], frame["frozen"]) == ([78, 78, 78], [True, True, False], [0, 1])


def test_frames_say_only_what_is_new():
    copper, stretched = bulk("Cu"), bulk("Cu")
    stretched.set_cell(stretched.cell * 1.1, scale_atoms=True)
    ((first, same, other),) = frames(Structure("run", [copper, copper, stretched]))
    assert list(same) == ["positions"]
    assert other["cell"] != first["cell"]


def test_elements_have_colours_and_radii():
    elements = scene([Structure("water", molecule("H2O")), Structure("ghost", Atoms("X"))])["elements"]
    assert elements["8"] == {"symbol": "O", "colour": "#ff0d0d", "radius": 0.66}
    assert elements.keys() == {"0", "1", "8"}


def test_atoms_that_flew_apart_are_no_numbers():
    atoms = molecule("H2")
    atoms.positions[1] = [np.nan, np.inf, 0]
    data = as_data(scene([Structure("h2", atoms)]))
    assert json.loads(data)["structures"][0]["frames"][0]["positions"][3:] == [None, None, 0]
