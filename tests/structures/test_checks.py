"""Structures that only look like structures, and those that look wrong and are right."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.cluster import Octahedron
from ase.io import read

from equical.errors import InputError
from equical.structures.contacts import check_contacts
from equical.structures.elements import check_elements
from equical.structures.occupancy import check_occupancy, disordered_site
from equical.structures.periodicity import bonded_across

CIF = """data_a
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {c}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {gamma}
_space_group_name_H-M_alt '{group}'
_space_group_IT_number {number}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}
"""


def crystal(tmp_path, *sites, a="3.61(2)", c="3.61(2)", gamma=90, group="P m -3 m", number=221):
    (tmp_path / "a.cif").write_text(
        CIF.format(sites="\n".join(sites), a=a, c=c, gamma=gamma, group=group, number=number)
    )
    return read(tmp_path / "a.cif")


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (["Cu1 Cu 0 0 0 0.55(3)", "Ni1 Ni 0 0 0 0.45(3)"], r"site \d .* several elements \(.*Cu 0.55.*"),
        (["Cu1 Cu 0 0 0 1", "Cu2 Cu 0 .5 .5 0.67(2)"], r"site 1 .* occupied in part \(Cu 0.67\)"),
        (["Cu1 Cu 0 0 0 1", "Cu2 Cu 0 .5 .5 0.0"], r"site 1 .* occupied in part \(Cu 0\)"),
        (["Cu1 Cu 0 0 0 1", "Cu2 Cu 0 .5 .5 0,67"], r"site 1 .* occupied in part \(Cu nan\)"),
        (["Cu1 Cu 0 0 0 67"], r"site 0 .* occupied more than once \(Cu 67\)"),
        (["Cr1 Cr 0 0 0 0.01", "Al1 Al 0 0 0 0.99"], "several elements"),
    ],
)
def test_disordered_crystals_are_refused(tmp_path, sites, message):
    atoms = crystal(tmp_path, *sites)
    with pytest.raises(InputError, match=message + ".*ordered supercell"):
        check_occupancy(atoms)
    with pytest.raises(InputError, match=message):
        check_occupancy(atoms * (2, 1, 1))


def test_an_atom_on_two_half_occupied_positions_is_disorder(tmp_path):
    sites = ["Cu1 Cu 0 0 0 1", "Cu2 Cu .5 .5 .08 0.5", "Cu3 Cu .5 .5 -.08 0.5"]
    with pytest.raises(InputError, match="site 1 of the crystal is occupied in part"):
        check_occupancy(crystal(tmp_path, *sites, group="P 1", number=1))


def test_full_sites_and_unknown_occupancies_are_no_disorder(tmp_path):
    check_occupancy(crystal(tmp_path, "Cu1 Cu 0 0 0 1.0", "Ni1 Ni 0 .5 .5 1.000(4)"))
    check_occupancy(crystal(tmp_path, "Cu1 Cu 0 0 0 ?", "Ni1 Ni 0 .5 .5 ."))
    check_occupancy(bulk("Cu"))


def test_a_crystal_that_was_ordered_since_is_accepted(tmp_path):
    atoms = crystal(tmp_path, "Cu1 Cu 0 0 0 0.5", "Ni1 Ni 0 0 0 0.5") * (2, 2, 2)
    assert disordered_site(atoms)
    atoms.symbols[:4], atoms.symbols[4:] = "Cu", "Ni"
    check_occupancy(atoms)


def test_occupancies_of_single_atoms():
    atoms = Atoms("Cu2", [[0, 0, 0], [3, 0, 0]])
    for values, disordered in {(1.0, 0.5): True, (1.0, 1.0): False, (0.0, 0.0): False}.items():
        for name in ("occupancy", "occupancies"):
            atoms.arrays = {key: atoms.arrays[key] for key in ("numbers", "positions")} | {name: np.array(values)}
            assert bool(disordered_site(atoms)) == disordered


@pytest.mark.parametrize("x", ["0.33 0.67", "0.333 0.667"])
def test_atoms_that_too_few_digits_have_multiplied(tmp_path, x):
    atoms = crystal(tmp_path, f"Ru1 Ru {x} 0.25 1", a=2.72, c=4.30, gamma=120, group="P 63/m m c", number=194)
    with pytest.raises(InputError, match=r"atom \d \(Ru\) and atom \d \(Ru\) are 0.0\d* Å apart.*0.333333 for 0.333"):
        check_contacts(atoms)


@pytest.mark.parametrize("distance", [0.0, 0.003, 0.3])
def test_atoms_closer_than_any_bond(distance):
    atoms = bulk("Cu", cubic=True) + Atoms("Cu", [[distance, 0, 0]])
    with pytest.raises(InputError, match=r"atom 0 \(Cu\) and atom 4 \(Cu\) are .* Å apart.*remove one of them"):
        check_contacts(atoms)
    atoms.positions[4] = atoms.cell[0] - [distance, 0, 0]
    with pytest.raises(InputError, match=r"atom 4 \(Cu\).* are .* Å apart"):
        check_contacts(atoms)


@pytest.mark.parametrize(
    ("atoms", "advice"),
    [
        (Atoms("Cu", cell=[3.6, 3.6, 0.36], pbc=True), "its own periodic image .*the cell is too small"),
        (Atoms("Cu4", bulk("Cu", cubic=True).positions / 10), "every atom; are lengths in Å, and not in nm"),
        (Atoms("CuNi", [[0, 0, 0], [0, 0, 0.01]]), "if the site is shared"),
    ],
)
def test_the_likely_cause_of_close_atoms_is_named(atoms, advice):
    with pytest.raises(InputError, match=advice):
        check_contacts(atoms)


@pytest.mark.parametrize(
    "atoms",
    [
        molecule("H2"),
        Atoms("H2", [[0, 0, 0], [0, 0, 0.6]]),  # a stretching vibration
        bulk("Cu", a=2.6),  # a third of the volume
        bulk("K", a=2.3),  # 1.99 Å between atoms, as in data of extreme pressure
        bulk("Al", "fcc", a=2.9) * (3, 3, 3),
    ],
)
def test_short_bonds_and_dense_crystals_pass(atoms):
    check_contacts(atoms)


def test_ghosts_are_no_atoms():
    check_elements(bulk("Cu"))
    with pytest.raises(InputError, match=r"atom 1 \(X\) and 1 others: X is no element; remove ghost atoms"):
        check_elements(Atoms("CuX2", np.eye(3)))
    atoms = Atoms("X2", np.eye(3)[:2])
    atoms.arrays["type"] = np.array([1, 2])
    with pytest.raises(InputError, match="elements of the types in the file with --species"):
        check_elements(atoms)


def opened(atoms, pbc=False):
    atoms = atoms.copy()
    atoms.pbc = pbc
    return atoms


@pytest.mark.parametrize(
    ("atoms", "axes"),
    [
        (opened(bulk("Cu")), [0, 1, 2]),
        (opened(bulk("Cu", cubic=True) * (2, 2, 2)), [0, 1, 2]),
        (opened(bulk("NaCl", "rocksalt", a=5.64)), [0, 1, 2]),
        (opened(bulk("Ar", cubic=True) * (2, 2, 2)), [0, 1, 2]),
        (opened(bulk("Cu", cubic=True), [True, True, False]), [2]),
        (opened(fcc111("Pt", (2, 2, 3), vacuum=8)), [0, 1]),
    ],
)
def test_a_lattice_is_seen_where_it_is_said_not_to_be(atoms, axes):
    assert bonded_across(atoms) == axes


def boxed(vacuum):
    atoms = molecule("CH3CH2OH")
    atoms.center(vacuum=vacuum)
    return atoms


@pytest.mark.parametrize(
    "atoms",
    [
        bulk("Cu"),
        fcc111("Pt", (2, 2, 3), vacuum=8),
        fcc111("Pt", (2, 2, 3)),
        molecule("CO"),
        Atoms("Cu", cell=[15, 15, 15]),
        Octahedron("Cu", 4),
        boxed(8.0),
        boxed(2.0),
        boxed(0.0),  # drawn tightly around it, as some programs do
    ],
)
def test_molecules_clusters_and_slabs_have_no_hidden_lattice(atoms):
    assert bonded_across(atoms) == []
