"""Options of the commands that compute phonons: which supercell, how far atoms go, which q-points and temperatures."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from equical.errors import InputError

__all__ = ["harmonic_options"]

OPTIONS = (
    click.option("--supercell", type=(int, int, int), metavar="NX NY NZ", help="Repeats of the input cell."),
    click.option("--min-length", type=float, help="Å. Least width of the supercell instead.  [default: 10]"),
    click.option("--displacement", type=float, default=0.01, show_default=True, help="Å. How far atoms are moved."),
    click.option("--mesh", type=float, default=100.0, show_default=True, help="Å. Density of the q-point mesh."),
    click.option(
        "--temperatures",
        type=(float, float, float),
        metavar="FIRST LAST STEP",
        default=(0, 1000, 10),
        show_default=True,
        help="K. Where thermal properties are wanted.",
    ),
)


def harmonic_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options, which come as one argument, ``harmonic``, with the keywords of the public functions."""

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

    for option in reversed(OPTIONS):
        joined = option(joined)
    return joined


def _kelvin(first: float, last: float, step: float) -> list[float]:
    import numpy as np

    if not (0 <= first <= last and step > 0):
        raise InputError("--temperatures takes FIRST LAST STEP in kelvin, such as 0 1000 10, none of them negative")
    return np.arange(first, last + 1e-6 * step, step).tolist()
