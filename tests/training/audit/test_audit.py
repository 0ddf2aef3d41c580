"""Every mistake that the audit knows is made on purpose, one at a time, in data that are otherwise sound."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.md.verlet import VelocityVerlet
from ase.units import fs, kB

from equical.training.audit import audit_data, audit_split
from equical.training.audit.consistency import check_work, compare_with_model
from equical.training.audit.copies import check_duplicates, copies_among, equivalents_among
from equical.training.audit.energies import check_compositions, check_energies
from equical.training.audit.forces import check_forces, check_stress
from equical.training.audit.structures import check_distances, check_trajectories, mean_move
from equical.training.data.dataset import Frame, read_frames
from tests.training.labelled import data, labelled, write_copper


@pytest.fixture
def frames(tmp_path):
    return read_frames(data(write_copper(tmp_path, 24)))


def trajectory(steps=30, strain=0.0):
    """Steps of a short run of copper at 600 K; with ``strain``, of stretching a perfect cell."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.calc = EMT()
    spread = np.sqrt(600 * kB * atoms.get_masses())[:, None]
    atoms.set_momenta(spread * np.random.default_rng(0).normal(size=(len(atoms), 3)))
    dynamics = VelocityVerlet(atoms, timestep=5 * fs)
    images = []
    for i in range(steps):
        if strain:
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain * np.diag([1, 0.5, -0.2])), scale_atoms=True)
        else:
            dynamics.run(1)
        image = atoms.copy()
        results = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
        image.calc = SinglePointCalculator(image, **results)
        image.info["run"] = f"run{i // 15}"
        images.append(image)
    return images


@pytest.fixture(scope="module")
def moving():
    return trajectory()


@pytest.fixture(scope="module")
def stretching():
    return trajectory(strain=-0.003)


def as_frames(images, tmp_path, **settings):
    write(tmp_path / "images.extxyz", images)
    return read_frames(data(tmp_path / "images.extxyz", **settings))


def checks(findings):
    return [(finding.severity, finding.check) for finding in findings]


def changed(frames, index, **changes):
    return [replace(frame, **changes) if i == index else frame for i, frame in enumerate(frames)]


def scaled(frames, name, factor):
    return [replace(frame, **{name: factor * getattr(frame, name)}) for frame in frames]


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


def test_stress_in_other_units_or_in_part(frames):
    assert check_stress(frames) == []
    assert checks(check_stress(scaled(frames, "stress", 160.2))) == [("error", "stress unit")]
    assert checks(check_stress(changed(frames, 0, stress=None))) == [("note", "stress")]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.0, []),
        (-1.0, ["force sign"]),
        (1 / 27.2114, ["force unit"]),
        (1 / 51.4221, ["force unit"]),
        (23.0605, ["force unit"]),
        (5.0, ["force unit"]),
    ],
)
def test_work_along_a_trajectory_gives_units_and_signs_of_forces_away(moving, tmp_path, factor, expected):
    frames = scaled(as_frames(moving, tmp_path), "forces", factor)
    assert [finding.check for finding in check_work(frames)] == expected


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(27.2114, "Hartree and forces in eV/Å"), (23.0605, "eV and forces in kcal"), (1 / 23.0605, "kcal/mol and")],
)
def test_the_nearest_unit_of_forces_is_named(moving, tmp_path, factor, unit):
    (finding,) = check_work(scaled(as_frames(moving, tmp_path), "forces", factor))
    assert f"energies in {unit}" in finding.message


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, []), (-1.0, ["stress sign"]), (160.2, ["stress unit"]), (-1602, ["stress sign"])]
)
def test_work_on_the_cell_gives_units_and_signs_of_the_stress_away(stretching, tmp_path, factor, expected):
    frames = scaled(as_frames(stretching, tmp_path), "stress", factor)
    findings = check_work(frames)
    assert [finding.check for finding in findings] == expected
    assert all(finding.severity == "error" for finding in findings)


def test_a_model_gives_units_and_signs_away(frames):
    rng = np.random.default_rng(0)
    forces = np.concatenate([frame.forces for frame in frames])
    stress = np.array([frame.stress for frame in frames])
    model = forces + rng.normal(scale=0.2 * forces.std(), size=forces.shape), stress * 1.2
    assert compare_with_model(forces, model[0], stress, model[1]) == []
    wrong = compare_with_model(-forces, model[0], -stress, model[1])
    assert [finding.check for finding in wrong] == ["force sign", "stress sign"]
    wrong = compare_with_model(forces / 51.4221, model[0], stress * 160.2, model[1])
    assert [finding.check for finding in wrong] == ["force unit", "stress unit"]
    noise = rng.normal(size=forces.shape)
    assert compare_with_model(forces, noise, stress[:0], stress[:0]) == []  # a model that knows nothing says nothing


def test_lengths_in_bohr_and_atoms_on_top_of_each_other(frames):
    assert check_distances(frames) == []
    stretched = []
    for frame in frames:
        atoms = frame.atoms.copy()
        atoms.set_cell(atoms.cell.array / 0.529177, scale_atoms=True)
        stretched.append(replace(frame, atoms=atoms))
    assert checks(check_distances(stretched)) == [("error", "length unit")]
    near = frames[0].atoms.copy()
    near.positions[1] = near.positions[0] + [0.9, 0, 0]
    assert checks(check_distances(changed(frames, 0, atoms=near))) == [("warning", "close contacts")]


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
