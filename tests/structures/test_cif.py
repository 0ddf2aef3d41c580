"""CIF files of which ASE would make another crystal than the one that is meant."""

import pytest

from equical.errors import InputError
from equical.structures import read_structure

HEAD = "".join(f"_cell_length_{axis} {{{axis}}}\n" for axis in "abc") + "".join(
    f"_cell_angle_{angle} {{{angle}}}\n" for angle in ("alpha", "beta", "gamma")
)
SITES = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
OPERATIONS = "loop_\n{tag}\nx,y,z\n-x,-y,z\n"
CUBE = (4, 4, 4, 90, 90, 90)
HEXAGONAL, RHOMBOHEDRAL = (3.46, 3.46, 6.66, 90, 90, 120), (2.98, 2.98, 2.98, 71, 71, 71)
FCC = "_space_group_name_H-M_alt 'F m -3 m'\n_space_group_IT_number 225\n"
R3M = "_space_group_name_H-M_alt 'R -3 m'\n_space_group_IT_number 166\n"
SECOND = "_space_group_name_H-M_alt 'F d -3 m :2'\n_space_group_IT_number 227\n"


def put(folder, symmetry, sites, cell=CUBE, name="a.cif"):
    path = folder / name
    head = HEAD.format(**dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), cell, strict=True)))
    path.write_text(f"data_x\n{head}{symmetry}{SITES}{sites}\n")
    return path


@pytest.mark.parametrize(
    ("symmetry", "sites", "cell", "message"),
    [
        (FCC, "Ag1 Ag 0 0 0\nPd1 Pd 0 0 0", CUBE, r"site Pd1 \(Pd\) is also one of Ag"),
        (FCC, "Ag1 Ag 0 0 0\nPd1 Pd .5 .5 0", CUBE, r"site Pd1 \(Pd\) is also one of Ag, itself or by symmetry"),
        ("", "Ag1 Ag 0 0 0\nPd1 Pd 0 0 .0001", CUBE, "supercell if the site is shared"),
        ("", "Ag1 Ag 0 0 0\nO1 O ? ? ?", CUBE, "site O1 is at '[?]': add its position, or remove it"),
        ("", "Ru1 Ru 1/3 2/3 1/4", CUBE, "site Ru1 is at '1/3': write it as a number"),
        ("", "Ag1 Ag 0 0 0", ("?", *CUBE[1:]), "_cell_length_a is [?], and positions are fractions"),
        ("", "Ag1 Ag 0 0 0", (0, *CUBE[1:]), "_cell_length_a is 0, and positions are fractions"),
        (R3M, "Hg1 Hg 0 0 0", RHOMBOHEDRAL, "for rhombohedral ones add the line _symmetry_space_group_setting 2"),
        (
            R3M + "_space_group_crystal_system trigonal\n",
            "Hg1 Hg 0 0 0",
            HEXAGONAL,
            "for hexagonal ones add the line _symmetry_space_group_setting 1",
        ),
        ("_space_group_IT_number 11\n", "Si1 Si .1 .2 .3", (5, 6, 7, 90, 90, 105), "does not have the symmetry"),
        (SECOND, "Si1 Si .125 .125 .125", CUBE, "second origin: add the line _symmetry_space_group_setting 2"),
        ("_space_group_name_H-M_alt 'R -3 m :H'\n", "Hg1 Hg 0 0 0", HEXAGONAL, "is not known by that name"),
        ("_space_group_name_Hall '-F 4 2 3'\n", "Cu1 Cu 0 0 0", CUBE, "in a form that is not read .*_hall -F 4 2 3"),
        (OPERATIONS.format(tag="_symmetry_equiv.pos_as_xyz"), "Fe1 Fe .1 .2 .3", CUBE, "in a form that is not read"),
        (OPERATIONS.format(tag="_space_group_symop_magn_operation.xyz"), "Fe1 Fe .1 .2 .3", CUBE, "magnetic"),
        (OPERATIONS.format(tag="_space_group_symop_operation_xyz"), "Fe1 Fe .1 .2 .3", CUBE, "without naming"),
    ],
)  # fmt: skip
def test_a_crystal_that_would_be_another_is_refused(tmp_path, symmetry, sites, cell, message):
    with pytest.raises(InputError, match=message):
        read_structure(put(tmp_path, symmetry, sites, cell))


@pytest.mark.parametrize(
    ("symmetry", "sites", "cell", "atoms"),
    [
        (FCC, "Ag1 Ag 0 0 0", CUBE, 4),
        ("", "Ag1 Ag 0 0 0\nPd1 Pd .5 .5 .5", CUBE, 2),
        (R3M, "Hg1 Hg 0 0 0", HEXAGONAL, 3),
        (R3M + "_symmetry_space_group_setting 2\n", "Hg1 Hg 0 0 0", RHOMBOHEDRAL, 1),
        (R3M + "_space_group_crystal_system trigonal\n_symmetry_space_group_setting 1\n", "Hg1 Hg 0 0 0", HEXAGONAL, 3),
        (SECOND + "_symmetry_space_group_setting 2\n", "Si1 Si .125 .125 .125", CUBE, 8),
        ("_space_group_name_Hall 'P 1'\n", "Cu1 Cu 0 0 0", CUBE, 1),
        ("_space_group_symop_magn_operation.xyz x,y,z,+1\n", "Fe1 Fe .1 .2 .3", CUBE, 1),
        (
            "_space_group_IT_number 3\n" + OPERATIONS.format(tag="_space_group_symop_operation_xyz"),
            "Fe1 Fe .1 .2 .3",
            (4, 5, 6, 90, 90, 95),
            2,
        ),
    ],
)  # fmt: skip
def test_what_is_advised_is_read(tmp_path, symmetry, sites, cell, atoms):
    assert len(read_structure(put(tmp_path, symmetry, sites, cell))) == atoms
    assert len(read_structure(put(tmp_path, symmetry, sites, cell, name="a.mcif"))) == atoms


def test_sites_listed_twice_are_one(tmp_path):
    assert len(read_structure(put(tmp_path, FCC, "Ag1 Ag 0 0 0\nAg2 Ag .5 .5 0"))) == 4


def test_cartesian_positions_need_no_cell(tmp_path):
    (tmp_path / "a.cif").write_text("data_x\n" + SITES.replace("fract", "Cartn") + "O1 O 0 0 0\nO2 O 0 0 1.2\n")
    assert read_structure(tmp_path / "a.cif").positions[1].tolist() == [0, 0, 1.2]
