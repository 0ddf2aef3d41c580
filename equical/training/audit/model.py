"""Labels against the predictions of a model that knows the elements: a second opinion where there are no paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equical.checkpoint import load_checkpoint
from equical.training.audit.finding import DataFinding
from equical.training.audit.fit import fit_slopes
from equical.training.audit.verdicts import (
    Witness,
    judge_forces,
    judge_stress,
    per_atom_finding,
    stress_readings,
)
from equical.training.config import DataConfig
from equical.training.data.labels import Frame
from equical.training.evaluation import evaluate_model

__all__ = ["Predictions", "audit_with_model", "compare_with_model"]

Floats = NDArray[np.float64]

SAMPLED = 50
"""Frames that the model is asked about."""

ENOUGH = 8
"""Frames, or atoms, needed for a verdict."""

RIGHT = (0.4, 2.5)
"""Slopes that are right: of units and signs models know enough, of numbers they need not."""

ANY = (0.0, np.inf)


@dataclass(frozen=True)
class Predictions:
    """Labels of B structures and what a model predicts for them, each as a pair of arrays.

    Attributes:
        energy: ``[B]`` eV; differences within a composition count.
        forces: ``[..., 3]`` eV/Å.
        stress: ``[S, 3, 3]`` eV/Å³, of structures that have a label.
        volume: ``[S]`` Å³ of these.
        atoms: ``[B]`` number of atoms.
        composition: for each structure, what it consists of.
    """

    energy: tuple[Floats, Floats]
    forces: tuple[Floats, Floats]
    stress: tuple[Floats, Floats]
    volume: Floats
    atoms: Floats
    composition: Sequence[str]


def audit_with_model(frames: Sequence[Frame], model: str | PathLike[str]) -> list[DataFinding]:
    """Units and signs by comparison with what a model predicts for some of the frames.

    Args:
        frames: labelled structures; those with elements that the model does not cover are passed over.
        model: name or folder.
    """
    potential = load_checkpoint(model).potential
    covered = [frame for frame in frames if set(frame.atoms.numbers.tolist()) <= set(potential.elements)]
    findings = []
    if len(covered) < len(frames):
        present = {int(z) for frame in frames for z in frame.atoms.numbers} - set(potential.elements)
        message = (
            f"{len(frames) - len(covered)} of {len(frames)} frames hold {_names(present)}, which {model} does not cover"
        )
        findings.append(DataFinding("note", "model", message, "They are not compared with it"))
    if not covered:
        return findings
    chosen = covered[:: max(1, len(covered) // SAMPLED)]
    found = evaluate_model(potential, chosen, DataConfig(paths=[Path("data")])).comparison
    stressed = [frame for frame in chosen if frame.stress is not None] if len(found.stress) else []
    return findings + compare_with_model(
        Predictions(
            energy=(found.energy_label, found.energy),
            forces=(found.forces_label[found.scored], found.forces[found.scored]),
            stress=(found.stress_label, found.stress),
            volume=np.array([frame.atoms.cell.volume for frame in stressed]),
            atoms=found.atoms.astype(np.float64),
            composition=[frame.atoms.get_chemical_formula() for frame in chosen],
        )
    )


def _names(numbers: Iterable[int]) -> str:
    from ase.data import chemical_symbols

    return ", ".join(chemical_symbols[z] for z in sorted(numbers))


def compare_with_model(predictions: Predictions) -> list[DataFinding]:
    """What is wrong with labels, by predictions. A model need not be accurate to give away a unit or a sign."""
    findings = []
    labels, predicted = predictions.forces
    if len(labels) >= ENOUGH:
        witness = Witness("the model's forces", RIGHT, ANY, tolerance=0.25, mistakes=RIGHT, exact=False)
        findings += judge_forces(fit_slopes([labels.ravel()], predicted.ravel()), witness)
    labels, predicted = predictions.stress
    if len(labels) >= ENOUGH:
        witness = Witness("the model's stress", (0.7, 1.4), ANY, tolerance=0.25, mistakes=RIGHT, exact=False)
        readings = stress_readings(labels, predictions.volume)
        fits = {name: fit_slopes([stress.ravel()], predicted.ravel()) for name, stress in readings.items()}
        findings += judge_stress(fits, witness)[0]
    return findings + _judge_energies(predictions)


def _judge_energies(predictions: Predictions) -> list[DataFinding]:
    """Energies per atom, told by their differences within a composition."""
    label, predicted = (np.array(values, dtype=np.float64) for values in predictions.energy)
    kinds = np.array(predictions.composition)
    compared = np.zeros(len(label), dtype=bool)
    for kind in set(predictions.composition):
        members = kinds == kind
        if members.sum() > 1:
            compared |= members
            label[members] -= label[members].mean()
            predicted[members] -= predicted[members].mean()
    if compared.sum() < ENOUGH:
        return []
    witness = Witness("the model's energies", RIGHT, ANY, tolerance=0.25, mistakes=RIGHT, exact=False)
    fit = fit_slopes([(predicted / predictions.atoms)[compared]], label[compared])
    per_atom = fit.left < 0.5 and fit.is_certain(0) and fit.is_close(0, 1.0, witness.tolerance)
    small = float(np.median(predictions.atoms[compared])) < RIGHT[1]
    return [per_atom_finding(witness)] if per_atom and not small else []
