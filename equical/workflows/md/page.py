"""Molecular dynamics on a page: averages, and the trajectory to play."""

from __future__ import annotations

from collections.abc import Mapping

from equical.html import Fact, Page, Structure
from equical.workflows.common.finished import FinishedRun
from equical.workflows.md.record import TRAJECTORY

__all__ = ["page"]

AVERAGES = ("temperature", "potential_energy", "pressure", "volume")


def page(run: FinishedRun) -> Page:
    """Of a run of molecular dynamics."""
    numbers, frames = run.trajectory(TRAJECTORY)
    times = [frame.info.get("time_ps") for frame in frames]
    labels = [f"frame {n}" if time is None else f"{time:g} ps" for n, time in zip(numbers, times, strict=True)]
    formula = f" of {frames[0].get_chemical_formula()}" if frames else ""
    return run.page(
        f"Molecular dynamics{formula}, {run.settings.get('ensemble')}",
        facts=[*_averages(run), *run.facts("time", "steps", "density", "energy_drift"), *_diffusion(run)],
        structures=[Structure("trajectory", frames, TRAJECTORY, labels)] if frames else [],
    )


def _averages(run: FinishedRun) -> list[Fact]:
    found = {name: run.result.get(name) for name in AVERAGES}
    return [
        Fact(name.replace("_", " "), value["mean"], run.unit(name)[0], note=f"± {value['error']}")
        for name, value in found.items()
        if isinstance(value, Mapping)
    ]


def _diffusion(run: FinishedRun) -> list[Fact]:
    coefficients, unit = run.result.get("diffusion") or {}, run.unit("diffusion")[0]
    return [Fact(f"diffusion of {species}", value, unit) for species, value in coefficients.items()]
