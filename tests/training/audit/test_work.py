"""Along a path, energies change by the work of forces and stress: whatever does not is named."""

import re
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from equical.training.audit.fit import fit_slopes
from equical.training.audit.steps import find_steps
from equical.training.audit.units import ORDERS, in_order
from equical.training.audit.work import check_work
from tests.training.audit.seeded import as_frames, checks, scaled
from tests.training.labelled import labelled

GPA = 160.21766


@pytest.fixture(scope="session")
def jostled():
    """Frames of eight atoms, rattled a little and strained in all directions, in no order: cells differ in volume."""
    rng = np.random.default_rng(3)
    images = []
    for _ in range(40):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        strain = rng.normal(scale=0.008, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.04, size=(8, 3))
        images.append(labelled(atoms))
    return images


def changed(frames, name, change):
    return [replace(frame, **{name: change(frame)}) for frame in frames]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.0, []),
        (1.2, []),
        (1 / 1.5, [("warning", "force unit")]),
        (5.0, [("error", "force unit")]),
        (-1.0, [("error", "force sign")]),
    ],
)
def test_work_along_a_trajectory_confirms_or_refutes_forces(moving, tmp_path, factor, expected):
    assert checks(check_work(scaled(as_frames(moving, tmp_path), "forces", factor)).findings) == expected


@pytest.mark.parametrize(
    ("energies", "forces", "words"),
    [
        (1, 1 / 51.4221, "energies in eV and forces in Hartree/Bohr"),
        (1, 1 / 25.7110, "energies in eV and forces in Rydberg/Bohr"),
        (1, 1 / 27.2114, "energies in eV and forces in Hartree/Å"),
        (1, 23.0605, "energies in eV and forces in kcal/mol/Å"),
        (1, 96.4853, "energies in eV and forces in kJ/mol/Å"),
        (1 / 27.2114, 1, "energies in Hartree and forces in eV/Å"),
        (23.0605, 1, "energies in kcal/mol and forces in eV/Å"),
        (1 / 27.2114, 1 / 51.4221, "both in Hartree and Bohr"),
        (1, -1 / 51.4221, "have the wrong sign and need a factor of 5.* forces in Hartree/Bohr"),
        (1 / 8, 1, "energies are per atom"),
        (1 / 8, -1, "energies are per atom.*and forces have the wrong sign"),
    ],
)
def test_the_unit_of_energies_and_forces_is_named(moving, tmp_path, energies, forces, words):
    frames = scaled(scaled(as_frames(moving, tmp_path), "energy", energies), "forces", forces)
    (finding,) = check_work(frames).findings
    assert finding.severity == "error"
    assert re.search(words, finding.message)


def test_positions_in_bohr_show_in_the_work(moving, tmp_path):
    frames = []
    for frame in as_frames(moving, tmp_path):
        atoms = frame.atoms.copy()
        atoms.set_cell(atoms.cell.array / 0.529177, scale_atoms=True)
        frames.append(replace(frame, atoms=atoms, stress=None))
    (finding,) = check_work(frames).findings
    assert "positions in Bohr" in finding.message


@pytest.mark.parametrize(
    ("factor", "check", "words"),
    [
        (1.0, None, ""),
        (-1.0, "stress sign", "have the wrong sign, by"),
        (GPA, "stress unit", "have the unit GPa"),
        (-GPA, "stress sign", "the wrong sign and are in GPa"),
        (10 * GPA, "stress unit", "have the unit kbar"),
        (-10 * GPA, "stress sign", "the wrong sign and are in kbar"),
        (0.529177**3 / 27.211386, "stress unit", "have the unit Hartree/Bohr³"),
        (0.59, "stress unit", "need a factor of 1.7"),
        (3.0, "stress unit", "need a factor of 0.33"),
    ],
)
def test_work_on_the_cell_confirms_or_refutes_the_stress(stretching, tmp_path, factor, check, words):
    verdict = check_work(scaled(as_frames(stretching, tmp_path), "stress", factor))
    assert verdict.stress
    assert checks(verdict.findings) == ([("error", check)] if check else [])
    assert all(words in finding.message for finding in verdict.findings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.stress, None),
        (lambda frame: -frame.stress * frame.atoms.cell.volume, "the stress is a virial, by"),
        (lambda frame: frame.stress * frame.atoms.cell.volume, "the stress is a virial, by"),
        (lambda frame: frame.stress * frame.atoms.cell.volume / GPA, "a virial divided by 160.22"),
        (lambda frame: -frame.stress * GPA, "the wrong sign and are in GPa"),
        (lambda frame: frame.stress * GPA * 10, "the unit kbar"),
    ],
)
def test_virials_are_told_from_stresses_in_other_units(jostled, tmp_path, change, words):
    findings = check_work(changed(as_frames(jostled, tmp_path), "stress", change)).findings
    assert [words in finding.message for finding in findings] == [True] * (words is not None)


def test_how_to_make_a_stress_of_a_virial_is_told(jostled, tmp_path):
    frames = as_frames(jostled, tmp_path)
    for sign, advice in {1: "is −label / volume", -1: "is label / volume"}.items():
        wrong = changed(frames, "stress", lambda frame, sign=sign: -sign * frame.stress * frame.atoms.cell.volume)
        (finding,) = check_work(wrong).findings
        assert advice in finding.advice


@pytest.mark.parametrize("name", ORDERS)
def test_components_of_the_stress_in_another_order_are_told(jostled, tmp_path, name):
    order = ORDERS[name]
    right = as_frames(jostled, tmp_path)
    back = tuple(("yz", "xz", "xy")[order.index(place)] for place in ("yz", "xz", "xy"))
    wrong = changed(right, "stress", lambda frame: in_order(frame.stress[None], back)[0])
    assert np.allclose(in_order(wrong[0].stress[None], order)[0], right[0].stress)
    (finding,) = check_work(wrong).findings
    assert (finding.severity, finding.check) == ("error", "stress order")
    assert name in finding.message


def test_all_that_differs_in_vasp_s_output_is_told(jostled, tmp_path):
    order = ORDERS["that of VASP (xx yy zz xy yz zx)"]
    back = tuple(("yz", "xz", "xy")[order.index(place)] for place in ("yz", "xz", "xy"))
    wrong = changed(
        as_frames(jostled, tmp_path), "stress", lambda frame: -10 * GPA * in_order(frame.stress[None], back)[0]
    )
    first, second = check_work(wrong).findings
    assert "that of VASP" in first.message
    assert "the wrong sign and are in kbar" in second.message


def test_order_of_vasp_is_what_vasp_prints():
    """xx yy zz xy yz zx, read as if it were xx yy zz yz xz xy."""
    xx, yy, zz, xy, yz, zx = 1, 2, 3, 12, 23, 31
    as_read = np.array([[xx, zx, yz], [zx, yy, xy], [yz, xy, zz]])[None]
    stress = in_order(as_read, ORDERS["that of VASP (xx yy zz xy yz zx)"])[0]
    assert stress.tolist() == [[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]


def test_energies_in_another_unit_are_not_put_down_to_the_stress_too(jostled, tmp_path):
    (finding,) = check_work(scaled(as_frames(jostled, tmp_path), "energy", 1 / 27.2114)).findings
    assert "energies in Hartree and forces in eV/Å" in finding.message
    (finding,) = check_work(scaled(as_frames(jostled, tmp_path), "energy", 1 / 8)).findings
    assert finding.check == "energy per atom"


def test_energies_of_perfect_crystals_per_atom_show_in_the_stress(stretching, tmp_path):
    frames = as_frames(stretching, tmp_path)
    assert checks(check_work(scaled(frames, "energy", 1 / 8)).findings) == [("error", "energy per atom")]
    (finding,) = check_work(scaled(frames, "energy", 1 / 27.2114)).findings
    assert "as with energies in Hartree" in finding.message


def test_energies_per_atom_of_several_sizes(moving, tmp_path):
    doubled = []
    for frame in as_frames(moving, tmp_path):
        twice = replace(frame, atoms=frame.atoms * (1, 2, 1), forces=np.tile(frame.forces, (2, 1)), stress=frame.stress)
        doubled.append(replace(twice, energy=frame.energy / 8, fixed=np.zeros(16, bool), group="b"))
    frames = scaled(as_frames(moving, tmp_path), "energy", 1 / 8) + doubled
    (finding,) = check_work(frames).findings
    assert finding.message.startswith("energies are per atom, by the work")
    assert " or " not in finding.message


def test_without_paths_the_work_is_silent(frames):
    far = [replace(frame, group=str(i)) for i, frame in enumerate(frames)]
    assert len(find_steps(far)) == 0
    verdict = check_work(far)
    assert (verdict.findings, verdict.stress) == ([], False)


def test_a_molecule_pulled_apart_is_a_path(tmp_path):
    images = []
    for distance in np.arange(1.9, 5.0, 0.08):
        atoms = Atoms("Cu2", [[0, 0, 0], [distance, 0, 0]])
        atoms.calc = EMT()
        images.append(labelled(atoms, stress=False))
    frames = as_frames(images, tmp_path)
    assert check_work(frames).findings == []
    assert checks(check_work(scaled(frames, "forces", -1.0)).findings) == [("error", "force sign")]


def test_slopes_survive_outliers():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 60))
    y = 2 * x - 3 * z + rng.normal(scale=0.01, size=60)
    y[:6] += 100
    fit = fit_slopes([x, z, 1e-12 * z], y)
    assert fit.slopes == pytest.approx([2, -3, 0], abs=0.05)
    assert fit.is_certain(0) and fit.is_close(1, -3.05, 0.05) and not fit.is_close(1, -3.5, 0.05)
