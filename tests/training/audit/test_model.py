"""A model is a witness too: it need not be good to tell a unit or a sign."""

from dataclasses import replace

import numpy as np
import pytest

from equical.training.audit.model import Predictions, compare_with_model

GPA = 160.21766


@pytest.fixture
def predictions(frames):
    """Of a model whose forces are off by a fifth, and whose stress is 1.2 times too large."""
    rng = np.random.default_rng(0)
    forces = np.concatenate([frame.forces for frame in frames])
    stress = np.array([frame.stress for frame in frames])
    energy = np.array([frame.energy for frame in frames])
    return Predictions(
        energy=(energy, 1.1 * energy + 3),
        forces=(forces, forces + rng.normal(scale=0.2 * forces.std(), size=forces.shape)),
        stress=(stress, 1.2 * stress),
        volume=np.array([frame.atoms.cell.volume for frame in frames]),
        atoms=np.array([float(len(frame.atoms)) for frame in frames]),
        composition=[str(frame.atoms.symbols) for frame in frames],
    )


def told(predictions):
    return [(finding.severity, finding.check) for finding in compare_with_model(predictions)]


def labels(predictions, name, factor):
    label, predicted = getattr(predictions, name)
    factor = np.reshape(factor, (-1,) + (1,) * (label.ndim - 1)) if np.ndim(factor) else factor
    return replace(predictions, **{name: (label * factor, predicted)})


def test_right_labels_are_confirmed(predictions):
    assert told(predictions) == []


@pytest.mark.parametrize(
    ("factor", "check", "unit"),
    [
        (-1, "force sign", "the wrong sign, by the model's forces"),
        (1 / 51.4221, "force unit", "forces in Hartree/Bohr"),
        (1 / 25.7110, "force unit", "forces in Rydberg/Bohr"),
        (23.0605, "force unit", "forces in kcal/mol/Å"),
    ],
)
def test_forces_in_other_units(predictions, factor, check, unit):
    (finding,) = compare_with_model(labels(predictions, "forces", factor))
    assert (finding.severity, finding.check) == ("error", check)
    assert unit in finding.message


@pytest.mark.parametrize(
    ("factor", "severity", "words"),
    [
        (-1, "error", "the wrong sign, by the model's stress"),
        (GPA, "error", "the unit GPa"),
        (-10 * GPA, "error", "the wrong sign and are in kbar"),
        (0.59, "warning", "need a factor of 2.03"),
    ],
)
def test_stresses_in_other_units(predictions, factor, severity, words):
    (finding,) = compare_with_model(labels(predictions, "stress", factor))
    assert finding.severity == severity
    assert words in finding.message


def test_virials(predictions):
    for sign in (1, -1):
        (finding,) = compare_with_model(labels(predictions, "stress", sign * predictions.volume))
        assert (finding.severity, finding.check) == ("error", "virial")


def test_energies_per_atom(predictions):
    assert told(labels(predictions, "energy", 1 / predictions.atoms)) == [("error", "energy per atom")]


def test_a_model_that_is_soft_or_knows_nothing_says_nothing(predictions):
    forces, predicted = predictions.forces
    assert told(replace(predictions, forces=(forces, 0.55 * predicted))) == []
    noise = np.random.default_rng(1).normal(size=forces.shape)
    assert told(replace(predictions, forces=(forces, noise))) == []
    nothing = np.zeros((0, 3, 3))
    assert told(replace(predictions, stress=(nothing, nothing), volume=np.zeros(0))) == []
