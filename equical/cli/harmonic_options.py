"""Options of the commands that compute phonons: which supercell, how far atoms go, which q-points and temperatures."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from equical.errors import InputError

__all__ = ["harmonic_options"]

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _options(displacement: float, mesh: float, temperatures: tuple[float, float, float]) -> tuple[Decorator, ...]:
    return (
        click.option("--supercell", type=(int, int, int), metavar="NX NY NZ", help="Repeats of the input cell."),
        click.option("--min-length", type=float, help="Å. Least width of the supercell instead.  [default: 10]"),
        click.option(
            "--displacement", type=float, default=displacement, show_default=True, help="Å. How far atoms are moved."
        ),
        click.option("--mesh", type=float, default=mesh, show_default=True, help="Å. Density of the q-point mesh."),
        click.option(
            "--temperatures",
            type=(float, float, float),
            metavar="FIRST LAST STEP",
            default=temperatures,
            show_default=True,
            help="K. Where thermal properties are wanted.",
        ),
    )


def harmonic_options(
    displacement: float = 0.01, mesh: float = 100.0, temperatures: tuple[float, float, float] = (0, 1000, 10)
) -> Decorator:
    """Add these options, which come as one argument, ``harmonic``, with the keywords of the public functions.

    Args:
        displacement: Å, unless the user says otherwise.
        mesh: Å.
        temperatures: K, the first, the last and the step.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def joined(
            *,
            supercell: tuple[int, int, int] | None,
            min_length: float | None,
            displacement: float,
            mesh: float,
            temperatures: tuple[float, float, float],
            **arguments: Any,
        ) -> None:
            if supercell and min_length is not None:
                raise InputError("give either --supercell or --min-length, not both")
            harmonic = {
                "supercell": supercell or (10.0 if min_length is None else min_length),
                "displacement": displacement,
                "mesh": mesh,
                "temperatures": _kelvin(*temperatures),
            }
            command(harmonic=harmonic, **arguments)

        extended: Callable[..., None] = joined
        for option in reversed(_options(displacement, mesh, temperatures)):
            extended = option(extended)
        return extended

    return decorate


def _kelvin(first: float, last: float, step: float) -> list[float]:
    import numpy as np

    if not (0 <= first <= last and step > 0):
        raise InputError("--temperatures takes FIRST LAST STEP in kelvin, such as 0 1000 10, none of them negative")
    return np.arange(first, last + 1e-6 * step, step).tolist()
