"""Every mistake that the audit knows is made on purpose, one at a time, in data that are otherwise sound."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write

from equical.training.audit import audit_data, audit_split
from equical.training.audit.energies import check_compositions, check_energies
from equical.training.audit.forces import check_forces, check_stress
from equical.training.audit.structures import check_distances, check_trajectories
from equical.training.data.labels import Frame
from tests.training.audit.seeded import as_frames, changed, checks, scaled
from tests.training.labelled import data, labelled, write_copper


def test_sound_data_have_no_findings(tmp_path):
    frames, findings = audit_data(data(write_copper(tmp_path, 24), group_key="run"))
    assert len(frames) == 24
    assert findings == []


def test_frames_that_cannot_be_read_are_counted_by_reason(tmp_path):
    path = write_copper(tmp_path, 6)
    text = path.read_text().replace("energy=", "Energy=", 2)
    path.write_text(text)
    frames, findings = audit_data(data(path, block=1))
    assert len(frames) == 4
    assert checks(findings) == [("error", "labels")]
    assert "2 of 6 frames cannot be used: no `energy`; set energy_key to one of" in findings[0].message
    assert "Energy" in findings[0].message
    assert findings[0].line().startswith("error: 2 of 6 frames")
    assert "(frames 0, 1)" in findings[0].line()


@pytest.mark.parametrize("seed", [0, 3, 5, 6, 7])  # each with an energy that is another's in some unit
def test_energies_that_scatter_as_much_as_they_measure_are_in_one_unit(frames, seed):
    energies = np.random.default_rng(seed).normal(-1.0, 0.6, 400)
    alike = [frame for frame in frames if 28 not in frame.atoms.numbers]
    many = [replace(alike[i % len(alike)], energy=energy) for i, energy in enumerate(energies)]
    assert ("error", "mixed units") not in checks(check_energies(many))


def test_solid_argon_is_not_in_bohr():
    atoms = bulk("Ar", cubic=True)
    assert not check_distances([Frame(atoms, 0.0, None, None, np.zeros(4, bool), "a", "a", "a", 1.0, True)])


@pytest.mark.parametrize("factor", [27.211386, 1 / 27.211386, 23.060548, 96.485])
def test_energies_in_two_units(frames, factor):
    shifted = [replace(frame, energy=frame.energy - 100.0) for frame in frames]
    mixed = changed(shifted, 5, energy=shifted[5].energy * factor)
    (finding,) = check_energies(mixed)
    assert (finding.severity, finding.check) == ("error", "mixed units")
    assert finding.frames == (frames[5].origin,)


def test_an_energy_far_off(frames):
    assert check_energies(frames) == []
    (finding,) = check_energies(changed(frames, 7, energy=frames[7].energy + 40))
    assert (finding.severity, finding.check) == ("warning", "energy outliers")
    assert finding.frames == (frames[7].origin,)


def test_energies_that_nobody_has_computed(frames):
    (finding,) = check_energies([replace(frame, energy=0.0) for frame in frames])
    assert (finding.severity, finding.check) == ("error", "energies")
    assert check_energies([replace(frames[0], energy=0.0)] * 24) == []  # one structure has one energy


def sized(sizes, energy):
    """Crystals of several sizes with a total energy each."""
    fixed = np.zeros(1, bool)
    for i, size in enumerate(sizes):
        atoms = bulk("Cu") * (1, 1, size)
        atoms.rattle(0.01, seed=i)
        yield Frame(atoms, energy(i, size), None, None, fixed, "a", f"frame {i}", "a", 1.0, True)


def test_energies_per_atom_in_structures_of_several_sizes():
    sizes = [1, 2, 3, 4] * 5
    assert check_energies(list(sized(sizes, lambda i, size: size * (-3.7 + 0.01 * np.sin(i))))) == []
    (finding,) = check_energies(list(sized(sizes, lambda i, size: -3.7 + 0.01 * np.sin(i))))
    assert (finding.severity, finding.check) == ("warning", "energy per atom")
    scattered = list(sized(sizes, lambda i, size: -0.5 + 0.6 * np.sin(i)))  # as adsorption energies do
    assert ("warning", "energy per atom") not in checks(check_energies(scattered))


def test_compositions(frames):
    assert check_compositions(frames) == []
    assert checks(check_compositions(frames[:1])) == [("error", "one structure")]
    (finding,) = check_compositions([frame for frame in frames if 28 in frame.atoms.numbers])
    assert "all compositions are alike" in finding.message
    assert "Ni, Cu" in finding.message


def test_forces_far_too_large(frames):
    assert check_forces(frames) == []
    forces = frames[3].forces.copy()
    forces[0] += [61, 0, 0]
    forces[1] -= [61, 0, 0]
    (finding,) = check_forces(changed(frames, 3, forces=forces))
    assert (finding.severity, finding.check) == ("warning", "force outliers")
    assert finding.frames == (frames[3].origin,)
    assert "max_force: 20" in finding.advice


def test_forces_that_vanish_or_do_not_balance(frames):
    assert checks(check_forces([replace(frame, forces=0 * frame.forces) for frame in frames])) == [("error", "forces")]
    assert checks(check_forces([replace(frame, forces=None) for frame in frames])) == [("warning", "forces")]
    pulled = changed(frames, 2, forces=frames[2].forces + np.array([0.1, 0, 0]))
    assert checks(check_forces(pulled)) == [("warning", "net force")]
    held = changed(pulled, 2, forces=pulled[2].forces, fixed=np.array([True, False, False, False]))
    assert check_forces(held) == []


def test_forces_that_some_frames_lack(frames):
    (finding,) = check_forces(changed(frames, 2, forces=None))
    assert (finding.severity, finding.frames) == ("note", (frames[2].origin,))
    most = [replace(frame, forces=None) if i > 2 else frame for i, frame in enumerate(frames)]
    assert checks(check_forces(most)) == [("warning", "forces")]
    lone = Frame(bulk("Cu"), 3.5, None, None, np.zeros(1, bool), "a", "frame 24", "a", 1.0, True)
    assert check_forces([*frames, lone]) == []
    assert check_forces([lone]) == []


def test_stress_in_other_units_or_in_part(frames):
    assert check_stress(frames) == []
    (finding,) = check_stress(scaled(frames, "stress", 160.2))
    assert (finding.severity, finding.check) == ("error", "stress unit")
    assert "if it is in GPa" in finding.advice and "virial" in finding.advice
    assert check_stress(scaled(frames, "stress", 160.2), judged=True) == []
    assert checks(check_stress(changed(frames, 0, stress=None))) == [("note", "stress")]


def test_lengths_in_bohr_and_atoms_on_top_of_each_other(frames):
    assert check_distances(frames) == []
    stretched = []
    for frame in frames:
        atoms = frame.atoms.copy()
        atoms.set_cell(atoms.cell.array / 0.529177, scale_atoms=True)
        stretched.append(replace(frame, atoms=atoms))
    assert checks(check_distances(stretched)) == [("error", "length unit")]
    for distances in (np.arange(1.9, 6.0, 0.2), np.arange(2.5, 6.0, 0.2)):  # a molecule pulled apart
        curve = [Atoms("Cu2", [[0, 0, 0], [0, 0, distance]]) for distance in distances]
        assert check_distances([replace(frames[0], atoms=atoms) for atoms in curve]) == []
    near = frames[0].atoms.copy()
    near.positions[1] = near.positions[0] + [0.9, 0, 0]
    assert checks(check_distances(changed(frames, 0, atoms=near))) == [("warning", "close contacts")]


def test_trajectories_without_a_group_key(moving, tmp_path):
    frames = as_frames(moving, tmp_path)
    (finding,) = check_trajectories(frames, grouped=False, keys=["run"])
    assert (finding.severity, finding.check) == ("warning", "correlated frames")
    assert "group_key, for instance run" in finding.advice
    assert check_trajectories(frames, grouped=True, keys=["run"]) == []
    _, findings = audit_data(data(tmp_path / "images.extxyz"))
    assert "group_key, for instance run" in findings[0].advice


def test_a_split_that_hides_the_truth(moving, tmp_path, frames):
    steps = as_frames(moving, tmp_path)
    assert checks(audit_split(steps[::2], steps[1::2])) == [("warning", "split")]
    assert audit_split(frames[:12], frames[12:]) == []
    assert checks(audit_split(frames[:12], frames[11:])) == [("error", "split")]
    assert checks(audit_split(frames, [])) == [("warning", "split")]


def test_molecules_are_audited_too(tmp_path):
    """No cell, no stress, one composition."""
    images = []
    for seed in range(12):
        atoms = molecule("H2O")
        atoms.rattle(0.03, seed=seed)
        images.append(labelled(atoms, stress=False))
    write(tmp_path / "water.extxyz", images)
    frames, findings = audit_data(data(tmp_path / "water.extxyz", block=1))
    assert len(frames) == 12
    assert checks(findings) == [("warning", "correlated frames"), ("note", "compositions")]
