"""Files as users have them: in any format and encoding, with any name, and with or without elements."""

import bz2
import gzip
import os
import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.db import connect
from ase.io import write

from equical import read_structure as public_read_structure
from equical.errors import InputError
from equical.structures import read_structure, read_structures

WATER = "3\n\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"
PACKED = gzip.compress(WATER.encode(), mtime=0)
DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 3\n0 3\n0 3\n"
    "ITEM: ATOMS id type x y z\n2 2 1.5 1.5 1.5\n1 1 0 0 0\n"
)
DATA = (
    "a comment\n\n2 atoms\n2 atom types\n0 3 xlo xhi\n0 3 ylo yhi\n0 3 zlo zhi\n\n{}Atoms # atomic\n\n"
    "1 1 0 0 0\n2 2 1.5 1.5 1.5\n"
)
CUBE = "\n\n999999999999 0 0 0\n1 1 0 0\n1 0 1 0\n1 0 0 1\n29 29 0 0 0\n0\n"
LATTICE = '1\n{}="3 0 0 0 3 0 0 0 3"\nCu 0 0 0\n'
HEAVY = DUMP.replace("id type", "id type mass").replace("2 2 1", "2 2 {} 1").replace("1 1 0", "1 1 58.7 0")
RES = "TITL x\nCELL 1 4 4 4 90 90 90\nLATT {}\nSFAC Ag\n{}\nEND\n"
PDB = "ATOM      1  CA  GLY     1       0.000   0.000   0.000  1.00  0.00           C\n"
CELL = (
    "%BLOCK LATTICE_CART\n4 0 0\n0 4 0\n0 0 4\n%ENDBLOCK LATTICE_CART\n"
    "%BLOCK POSITIONS_FRAC\nAg 0 0 0\n%ENDBLOCK POSITIONS_FRAC\n"
)
POSCAR = "a title\n1.0\n3 0 0\n0 3 0\n0 0 3\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


def put(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.extxyz", b"3\n\nCu 0 0", "cannot read a structure from .*a.extxyz as extxyz"),
        ("b.cif", b"\x00\xff\x00", "as cif: it does not look like it; if it is in another format, state that"),
        ("c.unknown", b"hello", "ASE knows no format called .unknown; state the format with --format"),
        ("nameless", b"hello", "its format cannot be told from its name"),
        ("CONTCAR_1.xyz", WATER, "as vasp: .*; if it is in another format, state that with --format"),
        ("POSCAR", b"", "is empty"),
        ("long.xyz", "99999999999999999999\n\nCu 0 0 0\n", "it ends within a frame"),
        ("second.xyz", WATER + "9999999999\n\nCu 0 0 0\n", "it ends within a frame"),
        ("long.xyz.gz", gzip.compress(b"99999999999\n\nCu 0 0 0\n", mtime=0), "it ends within a frame"),
        ("long.cube", CUBE, "does not fit into memory"),
        ("cut.xyz.gz", PACKED[:-12], "cannot unpack .*cut.xyz.gz: it is cut short, damaged"),
        ("cut.cif.bz2", bz2.compress(WATER.encode())[:20], "cannot unpack .*: it is cut short, damaged"),
        ("plain.xyz.xz", WATER, "cannot unpack .*plain.xyz.xz: .* or no xz file at all"),
        ("damaged.gz", PACKED[:12] + b"\xff" * 40, "cannot unpack .*: it is cut short, damaged"),
        ("noise.xyz", b"\x8d" * 5000, "Expected xyz header but got: .{0,200} …; if it is in another format"),
        ("lower.xyz", LATTICE.format("lattice"), "its lattice is called lattice, which is not read: write Lattice"),
        ("cell.xyz", "\ufeff" + LATTICE.format("cell"), "its lattice is called cell"),
        ("lj.dump", "ITEM: UNITS\nlj\n" + DUMP.replace("type", "element"), "style lj, not in Å: convert them"),
        ("beads.dump", HEAVY.format(72.0), "type 2 has the mass 72, which is no element's; .*--species"),
        ("ones.dump", HEAVY.format(1.0).replace("58.7", "1.0"), "all masses are 1, which is no element's"),
        ("ones.data", DATA.format("Masses\n\n1 1.0\n2 1.0\n\n"), "all masses are 1"),
        ("POSCAR", POSCAR.replace("a title", "Ni Co on Cu"), "its title .* has 3 for 2 numbers of atoms: add a line"),
        ("a.res", RES.format("-1", "Ag 1 0 0 0 0.6"), r"atom Ag is occupied in part \(0.6\): make an ordered"),
        ("a.res", RES.format("-1", "Ag1 1 0 0 0 10.5 0.05"), r"occupied in part \(10.5\)"),
        ("a.res", RES.format("-1", "Ag 1 0 0 0"), "has no occupancy, without which it is not read: add 1.0"),
        ("a.res", RES.format("-1", "Ag 1 1e-5 0 0 1.0"), "not in plain decimals: write 0.00001"),
        ("a.res", RES.format("4", "Ag 1 0 0 0 1.0"), r"its symmetry \(LATT 4\) is not read: write all atoms"),
        ("a.res", RES.format("-1\nSYMM -X,-Y,Z", "Ag 1 0 0 0 1.0"), r"\(SYMM -X,-Y,Z\) is not read"),
        ("a.pdb", PDB.replace(" C\n", "\n"), r"element of an atom \(ATOM .*\): fill the columns 77 and 78"),
        ("a.cell", CELL.replace("Ag 0 0 0", "Ag 0 0 0 MIXTURE:(1 0.6)"), "a site is shared by several elements"),
        ("data.lmdb", b"x", "export it to .extxyz or to ASE's .db"),
        ("data.aselmdb", b"x", "needs the package ase-db-backends; install it, or export"),
        ("data.npz", b"x", "arrays of numpy are not read"),
        ("data.pkl", b"x", "could run any code"),
        ("data.zip", b"x", "unpack it first"),
        ("a.db", b"no database at all", "as db: file is not a database"),
        ("d2o.xyz", WATER.replace("H", "D"), "D is hydrogen of mass 2.014: write H, and set the mass"),
        ("water.xyz", WATER.replace("O", "OW"), "no element is called Ow: .*--species, such as Ow=O"),
        ("labels.xyz", WATER.replace("H", "Cu1"), "no element is called Cu1: .*--species, such as Cu1=Cu"),
        ("water.gen", "1 C\nOw\n1 1 0 0 0\n", "no element is called Ow: write chemical symbols into the file"),
        ("types.xyz", "1\n\n1 0 0 0\n", r"its elements are numbers \(1\)"),
        ("POSCAR", POSCAR, "does not name its elements: add a line with them above the numbers of atoms"),
        ("dump.lammpstrj", DUMP, r"have types \(1, 2\) and no elements: .*--species, such as Cu,Ni"),
        ("conf.lmp", DATA.format(""), r"have types \(1, 2\) and no elements"),
        ("conf.data", DATA.format("Masses\n\n1 63.5\n2 4.7\n\n"), "type 2 has the mass 4.7, which is no element's"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_answered_with_what_to_do(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read_structures(put(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_structure(tmp_path / "missing.cif")
    with pytest.raises(InputError, match="is a folder"):
        read_structure(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.xyz")
    with pytest.raises(InputError, match="is no ordinary file, but a pipe or a device"):
        read_structures(tmp_path / "pipe.xyz")


def test_reading_by_index(tmp_path):
    assert public_read_structure is read_structure
    write(tmp_path / "a.extxyz", [bulk("Cu"), bulk("Ni")])
    assert str(read_structure(tmp_path / "a.extxyz").symbols) == "Ni"
    assert str(read_structure(tmp_path / "a.extxyz", 0).symbols) == "Cu"
    with pytest.raises(InputError, match="there is no structure 2; the file holds 2"):
        read_structure(tmp_path / "a.extxyz", 2)


def test_an_at_sign_is_a_part_of_a_name(tmp_path):
    for name, symbol in {"Ni@Cu.xyz": "Ni", "slab": "Cu", "slab@0": "Ni", "-": "Ni"}.items():
        write(tmp_path / name, bulk(symbol), format="extxyz")
        assert str(read_structure(tmp_path / name).symbols) == symbol
    with pytest.raises(InputError, match="an @ is a part of the name here"):
        read_structure(tmp_path / "slab@1")


def test_a_file_called_minus_is_not_standard_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("./-", bulk("Ni"), format="extxyz")
    assert str(read_structure("-").symbols) == "Ni"


@pytest.mark.parametrize("encode", [lambda text: b"\xef\xbb\xbf" + text.encode(), lambda text: text.encode("utf-16")])
@pytest.mark.parametrize("name", ["w.xyz", "w.gen", "w.cif", "w.vasp"])
def test_byte_order_marks_are_no_obstacle(tmp_path, encode, name):
    atoms = molecule("H2O")
    atoms.set_cell([6.0, 6.0, 6.0])
    atoms.pbc = True
    write(tmp_path / name, atoms)
    put(tmp_path / name, encode((tmp_path / name).read_text()))
    assert sorted(read_structure(tmp_path / name).symbols) == ["H", "H", "O"]


def test_a_comment_in_another_encoding_is_no_obstacle(tmp_path):
    assert len(read_structure(put(tmp_path / "a.xyz", WATER.replace("\n\n", "\nd = 1 Å\n").encode("latin-1")))) == 3
    path = put(tmp_path / "POSCAR", POSCAR.replace("a title", "3 Å").replace("1 1\n", "Cu Ni\n1 1\n").encode("latin-1"))
    assert str(read_structure(path).symbols) == "CuNi"


def test_compressed_files_and_databases_hold_the_same(tmp_path):
    atoms = bulk("Cu", cubic=True)
    write(tmp_path / "a.extxyz", [atoms, atoms])
    text = (tmp_path / "a.extxyz").read_bytes()
    put(tmp_path / "a.extxyz.gz", gzip.compress(text))
    put(tmp_path / "a.xyz.bz2", bz2.compress(text))
    with connect(tmp_path / "a.db") as database:
        for run in ("first", "second"):
            database.write(atoms, run=run)
    for name in ("a.extxyz", "a.extxyz.gz", "a.xyz.bz2", "a.db"):
        images = read_structures(tmp_path / name)
        assert len(images) == 2
        assert np.allclose(images[1].positions, atoms.positions)
    assert "key_value_pairs" not in images[0].info
    assert read_structures(tmp_path / "a.db", rows=True)[1].info["key_value_pairs"] == {"run": "second"}


def test_a_stated_format_is_believed(tmp_path):
    path = put(tmp_path / "CONTCAR_1.xyz", WATER)
    assert len(read_structure(path, format="xyz")) == 3
    with pytest.raises(InputError, match="no format called 'extyxz'; did you mean extxyz"):
        read_structure(path, format="extyxz")
    with pytest.raises(InputError, match="as cif: it does not look like it$"):
        read_structure(path, format="cif")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dump.lammpstrj", DUMP),
        ("dump.lammpstrj.gz", gzip.compress(DUMP.encode(), mtime=0)),
        ("conf.lmp", DATA.format("")),
        ("conf.data", DATA.format("Masses\n\n1 1.0\n2 1.0\n\n")),
        ("POSCAR", POSCAR),
        ("types.xyz", "2\n\n1 0 0 0\n2 0 0 2.5\n"),
        ("types.extxyz", "2\nProperties=pos:R:3:type:I:1\n0 0 0 1\n0 0 2.5 2\n"),
        ("labels.extxyz", "2\nProperties=pos:R:3:species:S:1\n0 0 0 1\n0 0 2.5 2\n"),
    ],
)
def test_species_name_the_elements_of_types(tmp_path, name, content):
    path = put(tmp_path / name, content)
    for species in ("Cu,Ni", ["Cu", "Ni"], {1: "Cu", 2: "Ni"}, "1=Cu, 2=Ni"):
        assert str(read_structure(path, species=species).symbols) == "CuNi"
    with pytest.raises(InputError, match="no element|Cu|name one for each|numbers"):
        read_structure(path, species="Cu")
    with pytest.raises(InputError, match="'Qq' is no chemical symbol"):
        read_structure(path, species="Cu,Qq")


def test_species_name_the_elements_of_labels(tmp_path):
    path = put(tmp_path / "water.xyz", 2 * WATER.replace("O ", "OW ").replace("H ", "HW "))
    for image in read_structures(path, species="OW=O,HW=H"):
        assert str(image.symbols) == "OH2"
    assert str(read_structure(put(tmp_path / "d2o.xyz", WATER.replace("H", "D")), species="D=H").symbols) == "OH2"


@pytest.mark.parametrize(("name", "names"), [("a.xyz", "Cu"), ("a.vasp", "Cu"), ("a.cif", "this is cif")])
def test_species_that_a_file_has_no_use_for_are_refused(tmp_path, name, names):
    write(tmp_path / name, bulk("Cu"))
    with pytest.raises(InputError, match=names):
        read_structure(tmp_path / name, species="Al,Ni")


def test_elements_of_lammps_come_from_columns_masses_and_labels(tmp_path):
    for column, values in {"element": ("Cu", "Ni"), "mass": ("63.5", "58.7")}.items():
        text = DUMP.replace("id type", f"id {column}").replace("2 2 1", f"2 {values[1]} 1")
        text = text.replace("1 1 0", f"1 {values[0]} 0")
        assert str(read_structure(put(tmp_path / "d.dump", text)).symbols) == "CuNi"
    hydrogen = DATA.format("Masses\n\n1 1.0 # H\n2 58.7\n\n")
    assert str(read_structure(put(tmp_path / "a.data", hydrogen)).symbols) == "HNi"
    labels = re.sub(r"(\d) (\d) (\d\S* )", r"\1 \2 \3", DATA.format("Atom Type Labels\n\n1 H\n2 He\n\n"))
    labels = labels.replace("\n1 1 0", "\n1 H 0").replace("\n2 2 1.5", "\n2 He 1.5")
    assert str(read_structure(put(tmp_path / "b.data", labels)).symbols) == "HHe"


@pytest.mark.parametrize(
    ("name", "content", "symbols"),
    [
        ("a[1].res", RES.format("-1", "Ag 1 0 0 0 1.0\nAg 1 0.5 0.5 0.5 11.0 0.05"), "Ag2"),
        ("a.pdb", PDB, "C"),
        ("metal.dump", "ITEM: UNITS\nmetal\n" + HEAVY.format(63.5), "CuNi"),
        ("POSCAR", POSCAR.replace("a title", "NiCu 1x1x1"), "NiCu"),
    ],
)
def test_what_is_read_in_full_is_accepted(tmp_path, name, content, symbols):
    assert read_structure(put(tmp_path / name, content)).get_chemical_formula() == Atoms(symbols).get_chemical_formula()


def test_a_dump_has_no_energy_of_zero(tmp_path):
    text = (
        DUMP.replace("x y z", "x y z fx fy fz")
        .replace("1.5 1.5 1.5", "1.5 1.5 1.5 1 2 3")
        .replace("0 0 0", "0 0 0 1 2 3")
    )
    atoms = read_structure(put(tmp_path / "d.dump", text), species="Cu,Ni")
    assert np.allclose(atoms.calc.results["forces"], [[1, 2, 3], [1, 2, 3]])
    assert "energy" not in atoms.calc.results


def test_masses_of_isotopes_are_kept(tmp_path):
    heavy = read_structure(put(tmp_path / "a.data", DATA.format("Masses\n\n1 2.014\n2 63.5\n\n")), species="H,Cu")
    assert heavy.get_masses() == pytest.approx([2.014, 63.5])
    assert isinstance(heavy, Atoms)
