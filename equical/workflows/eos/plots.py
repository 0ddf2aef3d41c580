"""The picture of an equation of state: points, fit and what the fit leaves over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.eos.result import EosResult

__all__ = ["plot_eos"]


def plot_eos(result: EosResult, path: Path) -> None:
    """Draw energy against volume, both per atom, with the residuals of the fit below."""
    from matplotlib.figure import Figure

    num_atoms = len(result.structures[0])
    volumes = result.volumes / num_atoms
    finite = result.energies[np.isfinite(result.energies)]
    zero = finite.min() if finite.size else 0.0
    figure = Figure(figsize=(6, 5), layout="constrained")
    energy_axes, residual_axes = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    height = 1000 * (result.energies - zero) / num_atoms
    energy_axes.plot(volumes, height, "o", color="C0", label="calculated", zorder=3)
    if len(result.fit.curve):
        curve_volumes, curve_energies = result.fit.curve.T
        label = f"{result.form} fit" + (" (refused)" if result.fit.problem else "")
        style = "--" if result.fit.problem else "-"
        curve_height = 1000 * (curve_energies - zero) / num_atoms
        energy_axes.plot(curve_volumes / num_atoms, curve_height, style, color="C1", label=label)
        residual_axes.plot(volumes, 1000 * result.fit.residuals, "o", color="C0", markersize=4)
    if result.fit.problem:
        energy_axes.set_title("fit refused", color="C3")
    else:
        energy_axes.axvline(result.volume / num_atoms, color="0.6", linestyle=":")
        energy_axes.set_title(
            f"{result.structures[0].get_chemical_formula(empirical=True)}:  "
            f"$V_0$ = {result.volume / num_atoms:.3f} Å³/atom,  $B_0$ = {result.bulk_modulus:.1f} GPa,  "
            f"$B_0'$ = {result.bulk_modulus_derivative:.2f}"
        )
    energy_axes.set_ylabel("energy above lowest (meV/atom)")
    energy_axes.legend(frameon=False)
    residual_axes.axhline(0, color="C1", linewidth=1)
    residual_axes.set_xlabel("volume (Å³/atom)")
    residual_axes.set_ylabel("misfit\n(meV/atom)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
