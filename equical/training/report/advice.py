"""What would make an adapted model better, judged by what its training came to."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

__all__ = ["advice", "relative_error"]

JUDGED = {"energy_rmse_meV_per_atom": 1.0, "forces_mae_meV_per_A": 2.0}
"""Errors that decide, each with the size below which it counts as nothing: there labels are no better."""

LATE = 0.85
"""Share of the steps after which a best step means that errors were still falling."""

GAP = 1.5
"""Times the errors on the training data: larger ones on held-out data mean that there are too few."""


def relative_error(errors: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Errors of energies and forces against those of the starting model: 1 as good, 0.5 half of it.

    The root of the mean of the squares of both ratios, so that a worse energy is not paid for by slightly better
    forces, whatever weights the loss has.
    """
    squares = [_ratio(errors[key], baseline[key], key) ** 2 for key in JUDGED if key in errors and key in baseline]
    return sqrt(sum(squares) / len(squares))


def advice(
    errors: Mapping[str, float],
    baseline: Mapping[str, float],
    training: Mapping[str, float],
    *,
    best_step: int,
    steps: int,
) -> list[str]:
    """What would help, each in one sentence.

    Args:
        errors: of the best model on held-out data, see :func:`equical.training.report.metrics.error_summary`.
        baseline: of the starting model on them.
        training: of the best model on what it was trained on; empty where nothing is held out.
        best_step: step of the best model.
        steps: steps taken.
    """
    if best_step == 0:
        return [
            "no step made it better: train longer with a lower --learning-rate, add data, or train from scratch "
            "(`equical train`) if these structures are unlike what the model knows"
        ]
    found = []
    for key, name in (("energy_rmse_meV_per_atom", "energy"), ("forces_mae_meV_per_A", "forces")):
        if key in errors and key in baseline and _ratio(errors[key], baseline[key], key) > 1.02:
            found.append(
                f"train longer with a lower --learning-rate, or add frames that tell about it: the error of the {name} "
                f"rose, from {baseline[key]:.3g} to {errors[key]:.3g} {_unit(key)}"
            )
    if best_step > LATE * steps:
        found.append("train longer: errors were still falling at the end (--max-minutes or --max-epochs)")
    ratios = [_ratio(errors[key], training[key], key) for key in JUDGED if key in errors and key in training]
    if ratios and max(ratios) > GAP:
        found.append(
            f"add data: errors on held-out frames are {max(ratios):.1f} times those on frames that it was trained on"
        )
    elif ratios and best_step <= LATE * steps:
        found.append(
            "train a larger model from scratch (`equical train`): this one is no better on the frames that it was "
            "trained on, and had stopped getting better"
        )
    return found


def _ratio(error: float, reference: float, key: str) -> float:
    return max(error, JUDGED[key]) / max(reference, JUDGED[key])


def _unit(key: str) -> str:
    return "meV/atom" if key.endswith("atom") else "meV/Å"
