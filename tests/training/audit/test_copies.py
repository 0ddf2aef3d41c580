"""Frames that occur more than once, in whatever form."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from equical.training.audit import audit_split
from equical.training.audit.copies import check_duplicates, copies_among, equivalents_among
from equical.training.audit.structures import mean_move
from equical.training.data.labels import Frame
from tests.training.audit.seeded import as_frames, checks
from tests.training.labelled import labelled


def test_copies_and_contradictions(frames):
    assert check_duplicates(frames) == []
    copied = [*frames, replace(frames[4], origin="copy, frame 24")]
    (finding,) = check_duplicates(copied)
    assert (finding.severity, finding.check, finding.frames) == ("warning", "duplicates", ("copy, frame 24",))
    disagreeing = [*frames, replace(frames[4], energy=frames[4].energy + 1)]
    assert checks(check_duplicates(disagreeing)) == [("error", "contradiction")]


def wrapped(atoms):
    atoms.positions += np.array([[1, 0, -2], [0, 0, 1], [0, -1, 0], [3, 0, 0]]) @ atoms.cell.array


def shifted(atoms):
    atoms.positions += [0.3, -5.0, 1.7]


def rotated(atoms):
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)


def mirrored(atoms):
    atoms.set_cell(atoms.cell.array * [1, 1, -1], scale_atoms=True)


def in_another_cell(atoms):
    atoms.set_cell(np.array([[1, 1, 0], [0, 1, 0], [0, 2, 1]]) @ atoms.cell.array)


def permuted(atoms):
    atoms.positions, atoms.numbers = atoms.positions[::-1].copy(), atoms.numbers[::-1].copy()


FORMS = [wrapped, shifted, rotated, mirrored, in_another_cell, permuted]


def transformed(frame, change):
    atoms = frame.atoms.copy()
    change(atoms)
    forces = frame.forces[::-1] if change is permuted else frame.forces  # whose lengths alone matter here
    return replace(frame, atoms=atoms, forces=forces, origin=f"copy of {frame.origin}")


@pytest.mark.parametrize("change", FORMS, ids=lambda change: change.__name__)
def test_copies_are_recognised_in_another_form(frames, change):
    twin = transformed(frames[4], change)
    (finding,) = check_duplicates([*frames, twin])
    assert (finding.severity, finding.check, finding.frames) == ("warning", "duplicates", (twin.origin,))
    assert checks(audit_split(frames, [twin])) == [("error", "split")]
    assert equivalents_among([*frames, twin]) == [[4, len(frames)]]


@pytest.mark.parametrize("change", [wrapped, shifted, permuted], ids=lambda change: change.__name__)
def test_the_same_places_with_another_energy_contradict(frames, change):
    twin = transformed(frames[4], change)
    twin = replace(twin, energy=twin.energy + 1, forces=None)
    assert checks(check_duplicates([*frames, twin])) == [("error", "contradiction")]


def test_molecules_in_another_orientation_are_recognised():
    images = [molecule("CH3OH"), molecule("CH3OH"), molecule("CH3OH")]
    images[1].rotate(50, (1, 0, 1))
    images[2].rattle(0.01, seed=0)
    first = Frame(images[0], -1.0, None, None, np.zeros(6, bool), "a", "a", "a", 1.0, True)
    many = [replace(first, atoms=atoms) for atoms in images]
    assert copies_among(many) == [[0, 1]]
    apart = [Atoms("Cu2", [[0, 0, 0], [0, 0, distance]]) for distance in (7.0, 8.0)]
    assert copies_among([replace(first, atoms=atoms) for atoms in apart]) == []


def test_images_by_symmetry_are_no_copies_but_test_little(tmp_path):
    """Two calculations of strained crystals: equal but for the last digits, as in sets made for elastic constants."""
    images = []
    for axis in range(3):
        for strain in (-0.02, -0.01, 0.01, 0.02):
            atoms = bulk("Cu", cubic=True)
            atoms.set_cell(atoms.cell.array * (1 + strain * np.eye(3)[axis]), scale_atoms=True)
            images.append(labelled(atoms))
            atoms.calc.results["energy"] += 1e-4 * axis
    frames = as_frames(images, tmp_path)
    assert check_duplicates(frames) == []
    assert checks(audit_split(frames[:4], frames[4:])) == [("warning", "split")]


def test_displacements_do_not_count_what_moves_all_atoms(frames):
    for change in (wrapped, shifted):
        assert mean_move(frames[4], transformed(frames[4], change)) == pytest.approx(0, abs=1e-9)
    atoms = frames[4].atoms.copy()
    atoms.positions[0, 0] += 0.4
    assert mean_move(frames[4], replace(frames[4], atoms=atoms)) == pytest.approx(0.4 * np.sqrt(3) / 4)


def test_a_single_copy_among_many_frames_spoils_nothing(tmp_path):
    frames = as_frames([labelled(rattled) for rattled in _many(30)], tmp_path)
    assert checks(audit_split(frames[:3], frames[3:])) == []
    assert checks(audit_split(frames[:4], frames[3:])) == [("warning", "split")]
    assert checks(audit_split(frames[:6], frames[3:])) == [("error", "split")]


def _many(count):
    for seed in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.3, seed=seed)
        yield atoms
