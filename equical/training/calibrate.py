"""Find out what a model knows and how sure it may be, from its data and from data that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from equical.checkpoint import load_checkpoint
from equical.errors import InputError
from equical.model.frozen import freeze
from equical.training.calibration.fit import (
    crossed_alarms,
    crossed_energies,
    crossed_forces,
    farthest_atoms,
    halves,
    learned,
    scale_of,
    scales_of,
    uncalibrated,
)
from equical.training.calibration.kept import within_reach
from equical.training.calibration.plots import PLOT_FILE, plot_calibration
from equical.training.calibration.score import Score, score
from equical.training.calibration.seen import look, look_at_forces, pairs_of, without_zeros
from equical.training.config import DataSource, resolve_data
from equical.training.data.dataset import read_frames
from equical.training.data.elements import symbols
from equical.training.data.labels import Frame
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.result import Result

__all__ = ["CalibrationResult", "calibrate"]

FEWEST_HELD_OUT = 5


@dataclass(frozen=True, kw_only=True)
class CalibrationResult(Result):
    """How well stated uncertainties fit the errors on data that the model has not seen.

    Held-out structures are parted in two, no composition in both; each half is judged by the scale that the other one
    gives. The scale that is written is that of both.

    Attributes:
        structures: whose features were looked at.
        held_out: structures of the calibration.
        elements: chemical symbols that the data hold.
        pairs: how many pairs of elements were neighbours, of how many.
        outside: share of held-out structures with atoms that count as outside what the model knows.
        energy: of energies, meV per atom.
        forces: of components of forces, meV/Å; None where the data have none, or the model is not conservative.
        files: of energies in each file of held-out structures, where there are several; structures and score.
        plot: picture of stated against found errors.
        converged, warnings, wall_time, output: see :class:`.Result`; ``output`` is the folder of the model.
    """

    structures: int
    held_out: int
    elements: tuple[str, ...]
    pairs: tuple[int, int]
    outside: float
    energy: Score
    forces: Score | None
    files: Mapping[str, tuple[int, Score]] = field(repr=False)
    plot: Path = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = {"energy": "meV/atom", "forces": "meV/Å", "files": "structures, meV/atom"}

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        names = ["structures", "held_out", "elements", "pairs", "outside", "energy", "forces", "files"]
        return {name: getattr(self, name) for name in names}


def calibrate(
    model: str | PathLike[str],
    data: DataSource,
    held_out: DataSource,
    *,
    shift_references: bool = False,
    most: int = 5000,
    plot: str | PathLike[str] | None = None,
    progress: bool = False,
) -> CalibrationResult:
    """Give a trained model its uncertainty: ``uncertainty.safetensors`` beside its weights.

    Args:
        model: name or folder of a model, which is written to.
        data: what it was trained on; as for :func:`equical.evaluate`.
        held_out: labelled structures that it has not seen, from the same sources.
        shift_references: take a difference of the zeros of energy, by element, out of the errors first.
        most: structures of ``data`` whose features are looked at, evenly spread over them; more make it slower and
            hardly better. Pairs of elements are looked for in all.
        plot: picture of stated against found errors; by default ``uncertainty.png`` beside the weights.
        progress: show progress bars.

    Returns:
        How well stated uncertainties fit the errors.

    Raises:
        InputError: model or data are not usable, there are too few held-out structures, or the folder of the model
            cannot be written to.
    """
    began = time.perf_counter()
    with noted_warnings() as noted:
        checkpoint = load_checkpoint(model)
        data_frames, unseen = (read_frames(resolve_data(source)) for source in (data, held_out))
        if len(unseen) < FEWEST_HELD_OUT or not data_frames:
            raise InputError(
                f"a calibration needs {FEWEST_HELD_OUT} held-out structures at least, and data: there are "
                f"{len(unseen)} and {len(data_frames)}"
            )
        potential = freeze(checkpoint.potential)
        for frames in (data_frames, unseen):
            uncovered = {int(z) for frame in frames for z in frame.atoms.numbers}.difference(potential.elements)
            if uncovered:
                raise InputError(f"the data hold {symbols(uncovered)}, which the model does not cover")
        some = data_frames[:: -(-len(data_frames) // most)]
        seen = look(potential, some, progress)
        if shift_references:
            seen = replace(seen, errors=without_zeros(seen.errors, some))
        knowledge = learned(seen, pairs_of(potential, data_frames), _spread(data_frames))
        missing = set(potential.elements).difference(np.flatnonzero(knowledge.surroundings.reach))
        if missing:
            warn(
                f"the data hold no {symbols(missing)}: structures with them will count as outside what the model knows"
            )

        judged, half = look(potential, unseen, progress), halves(unseen)
        errors = without_zeros(judged.errors, unseen) if shift_references else judged.errors
        farthest = farthest_atoms(knowledge, judged)
        outside = crossed_alarms(farthest, half)
        knowledge = replace(knowledge, surroundings=knowledge.surroundings.scaled(within_reach(farthest)))
        parts = uncalibrated(knowledge, judged)
        stated = crossed_energies(errors, parts, half)
        knowledge = replace(knowledge, scales=scales_of(errors, parts))
        forces = look_at_forces(potential, unseen, knowledge.posterior, progress)
        side = half[forces.structure]
        stated_forces = crossed_forces(forces.errors, forces.spread, side)
        if len(set(side)) == 2:
            knowledge = replace(knowledge, force_scale=np.array([scale_of(forces.errors, forces.spread)]))
        knowledge.write(checkpoint.folder, checkpoint.sha256)
        picture = checkpoint.folder / PLOT_FILE if plot is None else Path(plot)
        found = {"energy": (1000 * errors, 1000 * stated), "forces": (1000 * forces.errors, 1000 * stated_forces)}
        plot_calibration(picture, **found)
        elements = np.flatnonzero(knowledge.surroundings.reach)
        result = CalibrationResult(
            structures=len(some),
            held_out=len(unseen),
            elements=tuple(chemical_symbols[z] for z in elements),
            pairs=(int(np.triu(knowledge.pairs).sum()), len(elements) * (len(elements) + 1) // 2),
            outside=float(outside.mean()),
            energy=score(*found["energy"]),
            forces=score(*found["forces"]) if knowledge.tells_forces else None,
            files=_by_file(unseen, *found["energy"]),
            plot=picture,
            converged=True,
        )
    return replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=checkpoint.folder)


def _spread(frames: list[Frame]) -> float:
    """eV per atom: by how much energies vary beyond what elements alone tell."""
    return float(np.std(without_zeros(np.array([frame.energy / len(frame.atoms) for frame in frames]), frames)))


def _by_file(
    frames: list[Frame], errors: NDArray[np.float64], stated: NDArray[np.float64]
) -> dict[str, tuple[int, Score]]:
    names = np.array([Path(frame.origin.rpartition(", frame")[0]).name for frame in frames])
    if len(set(names)) == 1:
        return {}
    return {
        str(name): (int((names == name).sum()), score(errors[names == name], stated[names == name]))
        for name in dict.fromkeys(names)
    }
