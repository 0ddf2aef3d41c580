"""The picture of a screening: adsorption energies by surface and adsorbate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from equical.files import atomic_path
from equical.workflows.screen.result import Adsorption

__all__ = ["plot_screen"]

MOST_ROWS = 200
"""Surfaces beyond which the numbers could not be read."""


def plot_screen(adsorptions: Sequence[Adsorption], path: Path) -> None:
    """Draw a map of the energies; of very many surfaces the first ones."""
    from matplotlib.figure import Figure

    surfaces = list(dict.fromkeys(one.surface for one in adsorptions))[:MOST_ROWS]
    columns = list(dict.fromkeys((one.adsorbate, one.reference) for one in adsorptions))
    energies = np.full((len(surfaces), len(columns)), np.nan)
    for one in adsorptions:
        if one.surface in surfaces and one.adsorption_energy is not None:
            energies[surfaces.index(one.surface), columns.index((one.adsorbate, one.reference))] = one.adsorption_energy
    figure = Figure(figsize=(2.5 + 1.1 * len(columns), 1.5 + 0.3 * len(surfaces)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(energies, aspect="auto", cmap="viridis")
    limits = np.nanmin(energies), np.nanmax(energies)
    for (row, column), energy in np.ndenumerate(energies):
        dark = energy < np.mean(limits)
        text = "–" if np.isnan(energy) else f"{energy:.2f}".replace("-", "−")
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=8)
    axes.set_xticks(range(len(columns)), [f"{name}\n{reference}" for name, reference in columns], fontsize=8)
    axes.set_yticks(range(len(surfaces)), surfaces, fontsize=8)
    figure.colorbar(image, label="adsorption energy (eV)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
