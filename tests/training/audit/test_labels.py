"""Labels beside those that are used: second energies, virials, other forces, marks of convergence, boundaries."""

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule
from ase.io import write

from equical.training.audit import audit_data
from equical.training.audit.boundaries import check_boundaries
from equical.training.audit.convergence import check_convergence
from equical.training.audit.labels import check_other_labels
from equical.training.audit.structures import check_disorder
from equical.training.data.dataset import label_frames, read_images
from tests.training.audit.seeded import checks
from tests.training.labelled import copper, data, labelled, write_copper


def others(tmp_path, images, **settings):
    """What is found in images with more labels than are used."""
    write(tmp_path / "a.extxyz", images)
    config = data(tmp_path / "a.extxyz", **settings)
    images = read_images(config)
    return check_other_labels(images, label_frames(images, config), config)


@pytest.fixture
def steps(moving):
    """A trajectory whose labels are yours to change."""
    images = [image.copy() for image in moving]
    for image, original in zip(images, moving, strict=True):
        image.calc = original.calc.__class__(image, **original.calc.results)
    return images


def noisy(image, scale=0.4):
    return image.calc.results["energy"] + scale * np.sin(100 * image.positions[0, 0])


def test_the_second_energy_is_mentioned_with_the_one_that_fits_the_forces(steps, tmp_path):
    for image in steps:
        image.calc.results["free_energy"] = noisy(image)
    (finding,) = others(tmp_path, steps)
    assert (finding.severity, finding.check) == ("note", "other labels")
    assert "`free_energy` differs from `energy`" in finding.message
    assert "fits the work of the forces worse" in finding.message
    (finding,) = others(tmp_path, steps, energy_key="free_energy")
    assert finding.severity == "warning"
    assert "`energy` differs from `free_energy`" in finding.message
    assert finding.advice == "Set energy_key to energy"


def test_a_second_energy_that_cannot_be_judged_is_mentioned(tmp_path):
    images = copper(12)
    for i, image in enumerate(images):
        image.info["REF_energy"] = image.calc.results["energy"] + 0.1 * i
        image.info["run"] = i
    (finding,) = others(tmp_path, images, group_key="run")
    assert "`REF_energy` differs from `energy` by up to" in finding.message
    assert "Forces belong to one of them" in finding.advice


def test_the_same_energy_in_another_form_is_not_mentioned(tmp_path):
    images = copper(12)
    for image in images:
        energy = image.calc.results["energy"]
        image.info |= {"Energy": energy, "energy_per_atom": energy / len(image), "formation_energy": energy + 17.0}
        image.info["energy_unit"] = "eV"
    assert others(tmp_path, images) == []


@pytest.mark.parametrize("key", ["virial", "REF_stress", "dft_virials"])
def test_a_stress_that_is_not_used_is_mentioned(tmp_path, key):
    images = copper(4)
    for image in images:
        image.info[key] = image.get_stress(voigt=False)
        del image.calc.results["stress"]
    (finding,) = others(tmp_path, images)
    assert finding.severity == "note"
    assert f"there is no `stress`, but `{key}`" in finding.message
    assert "virial" in finding.advice
    assert others(tmp_path, images, stress_key=None) == []


def test_other_forces_are_mentioned(tmp_path):
    images = copper(4)
    for image in images:
        image.arrays["dft_forces"] = image.calc.results["forces"].copy()
    assert others(tmp_path, images) == []
    images[2].arrays["dft_forces"][0] += 0.1
    (finding,) = others(tmp_path, images)
    assert "other forces too: `dft_forces`" in finding.message


def opened(images, pbc=False):
    for atoms in images:
        atoms.pbc = pbc
    return {str(i): atoms for i, atoms in enumerate(images)}


def test_crystals_that_are_not_periodic(tmp_path):
    images = copper(4)
    assert check_boundaries(opened(images, True), "stress") == []
    (finding,) = check_boundaries(opened(images), "stress")
    assert (finding.severity, finding.check, len(finding.frames)) == ("error", "boundaries", 4)
    assert 'Set pbc to True ("T T T")' in finding.advice
    write(tmp_path / "a.extxyz", images)
    _, findings = audit_data(data(tmp_path / "a.extxyz", group_key="run"))
    assert ("error", "boundaries") in checks(findings)


def test_layers_and_molecules_in_boxes_are_as_they_should_be():
    layer = fcc111("Cu", (2, 2, 3), vacuum=8)
    water = molecule("H2O", vacuum=5)
    for atoms in (layer, water):
        labelled(atoms, stress=False)
    assert check_boundaries({"a": layer, "b": water, "c": molecule("H2O")}, "stress") == []
    water.info["stress"] = np.zeros(6)  # as some programs write it where there is none
    assert check_boundaries({"b": water}, "stress") == []
    water.info["stress"] = np.ones(6)
    assert checks(check_boundaries({"b": water}, "stress")) == [("warning", "boundaries")]
    layer = labelled(bulk("Cu", cubic=True), stress=False)
    assert checks(check_boundaries(opened([layer], [True, True, False]), "stress")) == [("warning", "boundaries")]


def test_marks_of_disorder():
    image = bulk("Cu")
    assert check_disorder({"a": image}) == []
    image.info["occupancy"] = {"0": {"Cu": 0.6, "Ni": 0.4}}
    (finding,) = check_disorder({"a": image})
    assert finding.severity == "warning"
    assert "Cu 0.6, Ni 0.4" in finding.message


def test_frames_that_say_that_they_did_not_converge():
    images = {str(i): atoms for i, atoms in enumerate(copper(3))}
    images["1"].info["scf_converged"] = False
    images["2"].info["converged"] = True
    (finding,) = check_convergence(images, data("none.extxyz").model_copy(update={"paths": []}))
    assert (finding.severity, finding.frames) == ("warning", ("1",))


STEP = "Iteration {0}( 1)\n{1}FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
REACHED = "---- aborting loop because EDIFF is reached ----\n"


@pytest.mark.parametrize(
    ("name", "text", "frames"),
    [
        ("OUTCAR", STEP.format(1, REACHED) + STEP.format(2, "") + STEP.format(3, REACHED), ("1",)),
        ("OUTCAR", STEP.format(1, "aborting loop EDIFF was not reached (unconverged)\n"), ("0",)),
        ("OUTCAR", STEP.format(1, REACHED), None),
        (
            "vasprun.xml",
            '<i type="int" name="NELM">   3</i>' + "".join(f"<calculation>{n * '<scstep>'}" for n in (2, 3)),
            ("1",),
        ),
        ("pw.pwo", "     convergence NOT achieved after 100 iterations: stopping", ()),
        ("pw.pwo", "     convergence has been achieved", None),
    ],
)
def test_outputs_are_searched_for_loops_that_did_not_converge(tmp_path, name, text, frames):
    path = tmp_path / name
    path.write_text(text)
    findings = check_convergence({}, data(path))
    if frames is None:
        assert findings == []
    else:
        assert [finding.severity for finding in findings] == ["warning"]
        assert findings[0].frames == tuple(f"{path}, frame {index}" for index in frames)


def test_outputs_that_are_not_searched_are_named(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("nothing")
    (finding,) = check_convergence({}, data(path, format="abinit-out"))
    assert (finding.severity, "some.txt" in finding.message) == ("note", True)


def test_ordinary_files_are_not_searched(tmp_path):
    assert check_convergence({}, data(write_copper(tmp_path, 2))) == []
