"""What a file states about its number of atoms is true, or the file is refused."""

import gzip
import re
import time

import pytest
from ase.build import bulk, molecule
from ase.io import write

from equical.errors import InputError
from equical.structures import read_structures
from equical.structures.counts import COUNTED

DUMP = (
    "ITEM: TIMESTEP\n100000\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\n"
    "ITEM: ATOMS id element x y z\n1 Cu 0 0 0\n2 Cu 0 2 2\n3 Cu 2 0 2\n4 Cu 2 2 0\n"
)
DATA = (
    "a comment\n\n4 atoms\n1 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\n"
    "Masses\n\n1 63.546\n\nAtoms # atomic\n\n"
    "1 1 0 0 0\n2 1 0 2 2\n3 1 2 0 2\n4 1 2 2 0\n\nVelocities\n\n1 0 0 0\n2 0 0 0\n3 0 0 0\n4 0 0 0\n"
)
STATED = {
    "lammps-dump-text": r"(?<=ATOMS\n)4",
    "lammps-data": "4(?= atoms)",
    "gromacs": r"(?<=\n)\s*4(?=\n)",
    "gen": "^4",
    "mol": r"(?<=\n)  4(?=  )",
    "sdf": r"(?<=\n)  4(?=  )",
    "xsf": r"(?<=\n )4(?= 1)",
    "vasp": r"(?<=\n)\s*4\s*(?=\n)",
    "vasp-xdatcar": r"(?<=\n)\s*4\s*(?=\n)",
}
"""Where it is stated."""


def crystals():
    """Two frames of different cells, with velocities and a constraint, which some formats have room for."""
    first = bulk("Cu", cubic=True)
    second = bulk("Cu", cubic=True, a=4.0)
    for atoms in (first, second):
        atoms.set_velocities(atoms.positions)
    return [first, second]


def honest(folder, kind, frames=1):
    """A file of four atoms that says so."""
    path = folder / kind
    if kind in ("mol", "sdf"):
        ammonia = molecule("NH3")
        lines = [f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol}   0  0\n" for symbol, (x, y, z) in _places(ammonia)]
        path.write_text("ammonia\n\n\n  4  0  0  0  0  0            999 V2000\n" + "".join(lines) + "M  END\n$$$$\n")
    elif kind.startswith("lammps"):
        path.write_text({"lammps-data": DATA, "lammps-dump-text": DUMP * frames}[kind])
    else:
        write(path, crystals()[:frames], format=kind)
    return path


def _places(atoms):
    return zip(atoms.symbols, atoms.positions, strict=True)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_number_of_atoms_that_is_not_true_is_refused_at_once(tmp_path, kind):
    path = honest(tmp_path, kind)
    text = path.read_text()
    assert len(read_structures(path, format=kind)[0]) == 4
    for lie in ("3", "5", "0", "100000000000"):
        told = "100" if lie.startswith("1") and kind in ("mol", "sdf") else lie  # in three columns
        path.write_text(re.sub(STATED[kind], told.rjust(3), text, count=1))
        assert path.read_text() != text
        began = time.process_time()
        with pytest.raises(InputError, match=f"states {told} atoms and holds 4: it is cut short, or was changed$"):
            read_structures(path, format=kind)
        assert time.process_time() - began < 1


@pytest.mark.parametrize("kind", ["lammps-dump-text", "xsf", "vasp-xdatcar"])
def test_each_frame_is_counted(tmp_path, kind):
    path = honest(tmp_path, kind, frames=2)
    assert [len(atoms) for atoms in read_structures(path, format=kind)] == [4, 4]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="frame 1 of it states 4 atoms and holds 3"):
        read_structures(path, format=kind)


def test_packed_files_are_counted_too(tmp_path):
    path = tmp_path / "dump.lammpstrj.gz"
    path.write_bytes(gzip.compress(DUMP.replace("\n4\n", "\n3\n").encode()))
    with pytest.raises(InputError, match="states 3 atoms and holds 4"):
        read_structures(path)


def test_velocities_and_what_else_may_follow_are_no_atoms(tmp_path):
    path = honest(tmp_path, "vasp")
    head, cartesian, atoms = path.read_text().partition("Cartesian\n")
    places = atoms.split("\n")[:4]
    velocities = "\n" + 4 * "0.1 0.2 0.3\n"
    path.write_text(head + cartesian + "\n".join(places) + "\n" + velocities)
    assert len(read_structures(path, format="vasp")[0]) == 4
    chosen = "".join(f"{place} T T F\n" for place in places)
    path.write_text(head + "Selective dynamics\n" + cartesian + chosen + velocities)
    (atoms,) = read_structures(path, format="vasp")
    assert len(atoms) == 4 and atoms.constraints


def test_several_frames_of_gromacs_are_named_so(tmp_path):
    path = honest(tmp_path, "gromacs")
    path.write_text(2 * path.read_text())
    with pytest.raises(InputError, match="it holds 2 frames, and ASE reads one"):
        read_structures(path, format="gromacs")


def test_columns_without_end_are_refused(tmp_path):
    path = tmp_path / "a.extxyz"
    path.write_text("1\nProperties=species:S:1:pos:R:100000000000\nCu 0 0 0\n")
    with pytest.raises(InputError, match="states more columns in Properties than any line has"):
        read_structures(path)
