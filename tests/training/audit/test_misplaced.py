"""Labels of another frame, atom or direction are noticed where they fit each other there and not as they stand."""

import re
from dataclasses import replace

import numpy as np
import pytest

from equical.training.audit.misplaced import check_misplaced
from tests.training.audit.seeded import as_frames, checks


def shifted(frames, by):
    energies = np.roll([frame.energy for frame in frames], by)
    return [replace(frame, energy=energy) for frame, energy in zip(frames, energies, strict=True)]


def moved(frames, place):
    return [replace(frame, forces=place(frame.forces)) for frame in frames]


def test_sound_data_are_left_alone(moving, tmp_path):
    assert check_misplaced(as_frames(moving, tmp_path)) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frames: shifted(frames, -1), "energies belong to the frame after: .* as they stand"),
        (lambda frames: shifted(frames, 1), "energies belong to the frame before"),
        (lambda frames: moved(frames, lambda forces: forces[::-1]), "atoms in the opposite order"),
        (lambda frames: moved(frames, lambda forces: forces[:, [2, 0, 1]]), "components of the forces are z x y"),
        (lambda frames: moved(frames, lambda forces: forces[:, [1, 0, 2]]), "components of the forces are y x z"),
    ],
)
def test_the_place_of_labels_is_found(moving, tmp_path, spoil, words):
    (finding,) = check_misplaced(spoil(as_frames(moving, tmp_path)))
    assert checks([finding]) == [("error", "misplaced labels")]
    assert re.search(words, finding.message)


def test_forces_sorted_by_element_are_recognised(moving, tmp_path):
    numbers = np.array([28, 29, 28, 28, 29, 29, 28, 29])  # only the order matters: labels are those of copper
    frames = []
    for frame in as_frames(moving, tmp_path):
        atoms = frame.atoms.copy()
        atoms.numbers = numbers
        by_symbol = np.argsort(atoms.get_chemical_symbols(), kind="stable")
        frames.append(replace(frame, atoms=atoms, forces=frame.forces[by_symbol]))
    (finding,) = check_misplaced(frames)
    assert "atoms sorted by element" in finding.message


def test_noise_has_no_right_place(moving, tmp_path):
    rng = np.random.default_rng(0)
    assert check_misplaced(moved(as_frames(moving, tmp_path), lambda forces: rng.permuted(forces, axis=0))) == []
