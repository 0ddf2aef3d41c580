import gzip

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.constraints import FixAtoms
from ase.db import connect
from ase.io import read, write

from equical import InputError
from equical.training.config import DataConfig
from equical.training.data.dataset import group_keys, is_lone_atom, read_frames, read_images, without_large_forces
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from tests.training.labelled import copper, data, write_copper

FULL_STRESS = np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]])


def one(tmp_path, text, **settings):
    """Frames of an extxyz file with two hydrogen atoms."""
    path = tmp_path / "one.extxyz"
    path.write_text("2\n" + text)
    return read_frames(data(path, **settings))


PLAIN = 'Properties=species:S:1:pos:R:3:forces:R:3 energy=-1 pbc="F F F"\nH 0 0 0 1 2 3\nH 0 0 0.8 -1 -2 -3\n'
PERIODIC = 'Lattice="9 0 0 0 9 0 0 0 9" ' + PLAIN.replace("F F F", "T T T")


def test_labels_are_read_from_the_calculator(tmp_path):
    images = copper(3)
    frames = read_frames(data(write_copper(tmp_path, 3)))
    for frame, atoms in zip(frames, images, strict=True):
        assert frame.energy == pytest.approx(atoms.get_potential_energy())
        assert np.allclose(frame.forces, atoms.get_forces(), atol=1e-7)
        assert np.allclose(frame.stress, atoms.get_stress(voigt=False), atol=1e-7)


def test_compressed_files_and_databases_hold_the_same(tmp_path):
    path = write_copper(tmp_path, 4)
    with gzip.open(tmp_path / "copper.extxyz.gz", "wb") as file:
        file.write(path.read_bytes())
    with connect(tmp_path / "copper.db") as database:
        for atoms in read(path, ":"):
            database.write(atoms, run=atoms.info["run"])
    names = ("copper.extxyz", "copper.extxyz.gz", "copper.db")
    plain, packed, rows = (read_frames(data(tmp_path / name, group_key="run")) for name in names)
    for a, b, c in zip(plain, packed, rows, strict=True):
        assert a.energy == b.energy == pytest.approx(c.energy)
        assert np.array_equal(a.forces, b.forces)
        assert np.allclose(a.stress, c.stress)
        assert a.group == b.group == c.group


def test_labels_under_other_keys(tmp_path):
    text = PLAIN.replace("energy", "Energy").replace("forces", "dft_forces")
    (frame,) = one(tmp_path, text, energy_key="Energy", forces_key="dft_forces")
    assert frame.energy == -1
    assert frame.forces[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("written", ["1 2 3 4 5 6", "1 6 5 6 2 4 5 4 3"])
def test_stress_as_six_or_nine_numbers(tmp_path, written):
    (frame,) = one(tmp_path, f'sigma="{written}" ' + PERIODIC, stress_key="sigma")
    assert np.array_equal(frame.stress, FULL_STRESS)


@pytest.mark.parametrize("half", ["1 6 5 0 2 4 0 0 3", "1 0 0 6 2 0 5 4 3"])
def test_half_a_stress_is_not_halved(tmp_path, half):
    with pytest.raises(InputError, match="frame 0: the stress is not symmetric; fill both halves"):
        one(tmp_path, f'sigma="{half}" ' + PERIODIC, stress_key="sigma")


def test_digits_that_differ_between_the_halves_of_a_stress_are_averaged(tmp_path):
    (frame,) = one(tmp_path, 'sigma="1 6.001 5 5.999 2 4 5 4 3" ' + PERIODIC, stress_key="sigma")
    assert np.allclose(frame.stress, FULL_STRESS)


def test_a_stress_that_vanishes_need_not_be_symmetric(tmp_path):
    """What is left of it is rounding."""
    (frame,) = one(tmp_path, 'sigma="1e-7 3e-7 0 -2e-7 2e-7 0 0 0 1e-7" ' + PERIODIC, stress_key="sigma")
    assert np.abs(frame.stress).max() < 1e-6


def test_labels_may_be_missing_in_some_frames(tmp_path):
    images = copper(4)
    for name, index in {"forces": 1, "stress": 2}.items():
        del images[index].calc.results[name]
    write(tmp_path / "a.extxyz", images)
    for settings in ({}, {"forces_key": "forces", "stress_key": "stress"}):
        frames = read_frames(data(tmp_path / "a.extxyz", **settings))
        assert [frame.forces is None for frame in frames] == [False, True, False, False]
        assert [frame.stress is None for frame in frames] == [False, False, True, False]
    _, lacking, *_ = make_samples(frames, NeighborRules(3.5), torch.float64)
    assert not lacking.force_weight.any()


def test_labels_that_no_frame_has_are_missed(tmp_path):
    path = write_copper(tmp_path, 2)
    with pytest.raises(InputError, match="frame 0: no `f`; set forces_key to one of: forces, null"):
        read_frames(data(path, forces_key="f"))
    with pytest.raises(InputError, match="frame 0: no `s`; set stress_key to one of: stress, null"):
        read_frames(data(path, stress_key="s"))


def test_advice_about_keys_looks_at_all_frames(tmp_path):
    images = [*copper(2), Atoms("Cu", info={"E0": 3.5})]
    write(tmp_path / "a.extxyz", images)
    with pytest.raises(InputError, match="frame 2: no `energy`; set energy_key to one of: energy, E0$"):
        read_frames(data(tmp_path / "a.extxyz"))


def test_a_single_atom_needs_no_forces(tmp_path):
    lone = Atoms("Cu", info={"energy": 3.5, "config_type": "IsolatedAtom"})
    write(tmp_path / "a.extxyz", [lone, *copper(2)])
    first, *others = read_frames(data(tmp_path / "a.extxyz"))
    assert (first.energy, first.forces) == (3.5, None)
    assert all(frame.forces is not None for frame in others)
    write(tmp_path / "b.extxyz", lone)
    (only,) = read_frames(data(tmp_path / "b.extxyz"))
    assert only.energy == 3.5


def test_lone_atoms_are_told_by_their_surroundings():
    assert is_lone_atom(Atoms("Cu"))
    assert is_lone_atom(Atoms("Cu", cell=[12, 12, 12], pbc=True))
    assert not is_lone_atom(Atoms("Cu", cell=[3, 12, 12], pbc=True))
    assert not is_lone_atom(Atoms("Cu2", [[0, 0, 0], [0, 0, 20]]))


def test_format_and_species_of_files_can_be_stated(tmp_path):
    images = copper(2)
    text = write_copper(tmp_path, 2).read_text()
    (tmp_path / "copper.txt").write_text(text.replace("\nCu ", "\nA "))
    with pytest.raises(InputError, match="state the format"):
        read_frames(data(tmp_path / "copper.txt"))
    with pytest.raises(InputError, match="no element is called A"):
        read_frames(data(tmp_path / "copper.txt", format="extxyz"))
    frames = read_frames(data(tmp_path / "copper.txt", format="extxyz", species={"A": "Cu"}))
    assert [str(frame.atoms.symbols) for frame in frames] == [str(atoms.symbols) for atoms in images]


def test_forces_and_stress_may_be_absent_where_that_is_said(tmp_path):
    (frame,) = one(tmp_path, PLAIN, forces_key=None)
    assert frame.forces is None
    assert frame.stress is None


@pytest.mark.parametrize(
    ("text", "settings", "complaint"),
    [
        (PLAIN.replace("energy", "Energy"), {}, "no `energy`; set energy_key to one of: Energy"),
        (PLAIN.replace("forces", "f"), {}, "no `forces`; set forces_key to one of: f, null"),
        (PLAIN.replace("=-1", "=nan"), {}, "`energy` holds values that are not finite"),
        (PLAIN.replace("1 2 3", "1 nan 3"), {}, "`forces` holds values that are not finite"),
        (PLAIN.replace("forces:R:3", "forces:R:2:x:R:1"), {}, r"forces have the shape \(2, 2\); 2 atoms need \(2, 3\)"),
        ('energy2="1 2" ' + PLAIN, {"energy_key": "energy2"}, "`energy2` has 2 values; an energy is one number"),
        ("word=high " + PLAIN, {"energy_key": "word"}, "`word` is not numeric"),
        (PLAIN, {"group_key": "run"}, "no `run` in its info; leave out group_key"),
        (PLAIN.replace("0 0 0.8", "0 0 inf"), {}, "positions or cell are not finite"),
        (PLAIN.replace("H 0 0 0 ", "X 0 0 0 "), {}, r"atom 0 \(X\): X is no element"),
        ('s="1 2" ' + PERIODIC, {"stress_key": "s"}, "6 Voigt numbers"),
    ],
)
def test_bad_labels_are_named_with_file_and_frame(tmp_path, text, settings, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        one(tmp_path, text, **settings)
    assert str(error.value).startswith(f"{tmp_path / 'one.extxyz'}, frame 0: ")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such file"), ("nonsense", "cannot read a structure from .* as extxyz"), ("", "is empty")],
)
def test_files_that_are_no_data(tmp_path, content, complaint):
    path = tmp_path / "some.extxyz"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=complaint):
        read_frames(data(path))


def test_fixed_atoms_come_from_an_array_or_a_constraint(tmp_path):
    images = copper(2)
    images[0].arrays["fixed"] = np.array([1, 0, 0, 1])
    with connect(tmp_path / "a.db") as database:
        images[1].set_constraint(FixAtoms([2]))
        database.write(images[1])
    write(tmp_path / "a.extxyz", images[0])
    (by_array,) = read_frames(data(tmp_path / "a.extxyz"))
    (by_constraint,) = read_frames(data(tmp_path / "a.db"))
    assert by_array.fixed.tolist() == [True, False, False, True]
    assert by_constraint.fixed.tolist() == [False, False, True, False]


def test_groups_are_trajectories_or_runs_of_frames(tmp_path):
    path = write_copper(tmp_path, 8)
    assert len({frame.group for frame in read_frames(data(path, group_key="run"))}) == 4
    assert len({frame.group for frame in read_frames(data(path, group_key="run", block=1))}) == 8
    by_formula = [frame.group for frame in read_frames(data(path, block=3))]
    assert len(set(by_formula)) == 3  # six of copper in two runs, two with nickel
    assert by_formula[0] == by_formula[1] == by_formula[3]


def test_samples_hold_the_labels_as_tensors(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 2), weight=2.0))
    frames[0].fixed[1] = True
    first, _ = make_samples(frames, NeighborRules(3.5), torch.float64)
    assert first.graph.num_edges > 0
    assert torch.equal(first.forces, torch.tensor(frames[0].forces))
    assert first.free.tolist() == [True, False, True, True]
    assert (first.weight, first.has_stress) == (2.0, True)


def test_a_molecule_gets_a_cell_with_a_volume(tmp_path):
    """So that its stress, which nothing is compared with, is a number."""
    (frame,) = one(tmp_path, PLAIN)
    (sample,) = make_samples([frame], NeighborRules(3.0), torch.float32)
    assert torch.linalg.det(sample.graph.cell[0]) != 0
    assert sample.graph.num_edges == 2
    assert not sample.graph.shift.any()


def test_coincident_atoms_are_named_with_their_frame(tmp_path):
    frames = one(tmp_path, PLAIN.replace("0 0 0.8", "0 0 0"))
    with pytest.raises(InputError, match=r"one\.extxyz, frame 0: .*"):
        list(make_samples(frames, NeighborRules(3.0), torch.float32))


def test_single_frames_opt_out_of_denoising(tmp_path):
    images = copper(2)
    images[1].info["denoise"] = False
    write(tmp_path / "a.extxyz", images)
    assert [frame.denoise for frame in read_frames(data(tmp_path / "a.extxyz"))] == [True, False]


def test_large_forces_can_be_left_out(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 6)))
    longest = [np.linalg.norm(frame.forces, axis=1).max() for frame in frames]
    limit = sorted(longest)[3]
    assert len(without_large_forces(frames, limit)) == 4
    assert without_large_forces(frames, None) == frames


def test_group_keys_are_those_shared_by_neighbours_in_the_file():
    images = [Atoms("H", info={"run": i // 3, "frame": i % 3, "all": 1, "own": i}) for i in range(9)]
    assert group_keys(images) == ["run"]


def test_images_keep_what_the_file_says(tmp_path):
    images = read_images(DataConfig(paths=[write_copper(tmp_path, 2)]))
    assert [origin.rpartition(", ")[2] for origin in images] == ["frame 0", "frame 1"]
    assert all(atoms.info["run"] == "run0" for atoms in images.values())
