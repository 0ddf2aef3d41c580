"""Find out what a model knows and how sure it may be, from its data and from data that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from equical.checkpoint import load_checkpoint
from equical.errors import InputError
from equical.model import Potential
from equical.model.frozen import freeze
from equical.training.config import DataSource, resolve_data
from equical.training.data.dataset import Frame, read_frames
from equical.training.data.elements import symbols
from equical.training.data.references import fit_references
from equical.uncertainty import OUTSIDE, Knowledge, neighbor_pairs, read_features
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.result import Result

__all__ = ["CalibrationResult", "calibrate"]

RIDGE = 1e-6
"""Added to the variances of features, relative to their mean: far below, features are rounding."""

RARE = 0.999
"""Share of the atoms of an element that are closer than the distance which counts as 1."""

FEWEST_ATOMS = 200
"""Of an element with fewer atoms, this distance is taken from all elements together where that is larger."""

FEWEST_HELD_OUT = 5


@dataclass(frozen=True, kw_only=True)
class CalibrationResult(Result):
    """How well the stated uncertainty of energies fits the errors on data that the model has not seen.

    Attributes:
        structures: whose features were looked at.
        held_out: structures of the calibration.
        elements: chemical symbols that the data hold.
        pairs: how many pairs of elements were neighbours, of how many.
        rmse: meV per atom, error of the energies of held-out structures.
        within_one: share of held-out structures whose error is within one standard deviation; 0.68 of a normal one.
        within_two: within two; 0.95.
        correlation: rank correlation of stated and found errors.
        outside: share of held-out structures that count as outside what the model knows.
        groups: held-out structures in quarters by stated uncertainty: mean of what was stated and RMS of what was
            found, meV per atom.
        converged, warnings, wall_time, output: see :class:`.Result`; ``output`` is the folder of the model.
    """

    structures: int
    held_out: int
    elements: tuple[str, ...]
    pairs: tuple[int, int]
    rmse: float
    within_one: float
    within_two: float
    correlation: float
    outside: float
    groups: tuple[tuple[float, float], ...] = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = {"rmse": "meV/atom", "groups": "meV/atom, stated and found"}

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        names = ["structures", "held_out", "elements", "pairs", "rmse", "within_one", "within_two", "correlation"]
        return {name: getattr(self, name) for name in [*names, "outside", "groups"]}


@dataclass(frozen=True)
class _Seen:
    """What was read off structures: their atoms' numbers and features, energies per atom, pairs."""

    numbers: list[NDArray[np.int64]]
    features: list[NDArray[np.float64]]
    errors: NDArray[np.float64]
    pairs: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        return np.stack([features.mean(axis=0) for features in self.features])


def calibrate(
    model: str | PathLike[str],
    data: DataSource,
    held_out: DataSource,
    *,
    shift_references: bool = False,
    most: int = 5000,
    progress: bool = False,
) -> CalibrationResult:
    """Give a trained model its uncertainty: ``uncertainty.safetensors`` beside its weights.

    Args:
        model: name or folder of a model, which is written to.
        data: what it was trained on; as for :func:`equical.evaluate`.
        held_out: labelled structures that it has not seen, from the same sources.
        shift_references: take a difference of the zeros of energy, by element, out of the errors first.
        most: structures of ``data`` to look at, evenly spread over them; more make it slower and hardly better.
        progress: show a progress bar.

    Returns:
        How well stated uncertainties fit the errors.

    Raises:
        InputError: model or data are not usable, there are too few held-out structures, or the folder of the model
            cannot be written to.
    """
    began = time.perf_counter()
    with noted_warnings() as noted:
        checkpoint = load_checkpoint(model)
        learned, unseen = (read_frames(resolve_data(source)) for source in (data, held_out))
        if len(unseen) < FEWEST_HELD_OUT or not learned:
            raise InputError(
                f"a calibration needs {FEWEST_HELD_OUT} held-out structures at least, and data: there are "
                f"{len(unseen)} and {len(learned)}"
            )
        potential = freeze(checkpoint.potential)
        for frames in (learned, unseen):
            uncovered = {int(z) for frame in frames for z in frame.atoms.numbers}.difference(potential.elements)
            if uncovered:
                raise InputError(f"the data hold {symbols(uncovered)}, which the model does not cover")
        learned = learned[:: -(-len(learned) // most)]
        seen, judged = (_look(potential, frames, progress) for frames in (learned, unseen))
        errors = _shifted(judged.errors, unseen) if shift_references else judged.errors
        knowledge = _fitted(seen, judged, errors, _spread(learned))
        knowledge.write(checkpoint.folder, checkpoint.sha256)
        missing = set(potential.elements).difference(np.flatnonzero(knowledge.reach))
        if missing:
            warn(
                f"the data hold no {symbols(missing)}: structures with them will count as outside what the model knows"
            )
        result = _result(knowledge, seen, judged, errors)
    return replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=checkpoint.folder)


def _look(potential: Potential, frames: Sequence[Frame], progress: bool) -> _Seen:
    numbers, features, errors = [], [], []
    pairs = np.zeros((len(chemical_symbols),) * 2)
    for frame in progress_bar(frames, "features", "structures", show=progress):
        graph = potential.graph(frame.atoms)
        found, energy = read_features(potential, graph)
        numbers.append(frame.atoms.numbers)
        features.append(found)
        errors.append((energy[0] - frame.energy) / len(frame.atoms))
        pairs += neighbor_pairs(graph, potential.cutoff)
    return _Seen(numbers, features, np.array(errors), pairs)


def _shifted(errors: NDArray[np.float64], frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Errors per atom without a difference of the zeros of energy."""
    counts = np.array([len(frame.atoms) for frame in frames])
    fit = fit_references([frame.atoms.numbers for frame in frames], errors * counts)
    shift = [sum(fit.energies[int(z)] for z in frame.atoms.numbers) for frame in frames]
    return errors - np.array(shift) / counts


def _spread(frames: Sequence[Frame]) -> float:
    """eV per atom: by how much energies vary beyond what elements alone tell."""
    counts = np.array([len(frame.atoms) for frame in frames])
    energies = np.array([frame.energy for frame in frames])
    return float(np.std(_shifted(energies / counts, frames)))


def _fitted(seen: _Seen, judged: _Seen, errors: NDArray[np.float64], spread: float) -> Knowledge:
    numbers, features = np.concatenate(seen.numbers), np.concatenate(seen.features)
    width = features.shape[1]
    means = np.zeros((len(chemical_symbols), width))
    for z in np.unique(numbers):
        means[z] = features[numbers == z].mean(axis=0)
    whitening = _root_of_inverse(features - means[numbers])
    posterior = _root_of_inverse(seen.means)
    leverage = np.linalg.norm(judged.means @ posterior.T, axis=1)
    scale = float(np.sqrt(np.mean((errors / np.maximum(leverage, 1e-12)) ** 2)))
    lengths = np.linalg.norm((features - means[numbers]) @ whitening.T, axis=1)
    reach, common = np.zeros(len(chemical_symbols)), float(np.quantile(lengths, RARE))
    for z in np.unique(numbers):
        own = lengths[numbers == z]
        reach[z] = np.quantile(own, RARE) if len(own) >= FEWEST_ATOMS else max(common, own.max())
    return Knowledge(means, whitening, reach, posterior, np.array([scale]), np.array([spread]), seen.pairs > 0)


def _root_of_inverse(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """R with RᵀR = (⟨rᵀr⟩ + λ)⁻¹."""
    moments = rows.T @ rows / len(rows)
    moments += max(RIDGE * np.trace(moments) / len(moments), 1e-12) * np.eye(len(moments))
    return np.linalg.inv(np.linalg.cholesky(moments))


def _result(knowledge: Knowledge, seen: _Seen, judged: _Seen, errors: NDArray[np.float64]) -> CalibrationResult:
    stated = knowledge.scale[0] * knowledge.leverage(judged.means)
    ratios = np.abs(errors) / np.maximum(stated, 1e-12)
    far = [knowledge.distances(n, f).max() for n, f in zip(judged.numbers, judged.features, strict=True)]
    quarters = np.array_split(np.argsort(stated, kind="stable"), 4)
    elements = np.flatnonzero(knowledge.reach)
    return CalibrationResult(
        structures=len(seen.numbers),
        held_out=len(errors),
        elements=tuple(chemical_symbols[z] for z in elements),
        pairs=(int(np.triu(knowledge.pairs).sum()), len(elements) * (len(elements) + 1) // 2),
        rmse=1000 * float(np.sqrt(np.mean(errors**2))),
        within_one=float((ratios < 1).mean()),
        within_two=float((ratios < 2).mean()),
        correlation=float(np.corrcoef(_ranks(stated), _ranks(np.abs(errors)))[0, 1]),
        outside=float(np.mean(np.array(far) > OUTSIDE)),
        groups=tuple(
            (1000 * float(stated[part].mean()), 1000 * float(np.sqrt(np.mean(errors[part] ** 2)))) for part in quarters
        ),
        converged=True,
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")
