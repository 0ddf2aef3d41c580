"""Pictures of elastic constants: the fits they come from, and Young's modulus in every direction of three planes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.files import atomic_path
from equical.workflows.elastic.tensor import COMPONENTS

if TYPE_CHECKING:
    from equical.workflows.elastic.result import ElasticResult

__all__ = ["plot_stress_strain", "plot_young", "young_modulus"]


def plot_stress_strain(result: ElasticResult, path: Path) -> None:
    """Draw the change of each stress component with each strain mode, and the straight lines of the fit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True)
    percent = 100 * result.strains
    ends = percent[[0, -1]]
    for mode, axes in enumerate(panels.flat):
        for component, name in enumerate(COMPONENTS):
            change = result.stresses[mode, :, component] - result.reference_stress[component]
            slope = result.stiffness_fitted[component, mode]
            size = 9 - 1.2 * component  # equal components lie under each other, and all stay visible
            axes.plot(percent, change, "o", color=f"C{component}", markersize=size, label=name)
            axes.plot(ends, slope * ends / 100, "-", color=f"C{component}", linewidth=1)
        axes.set_title(f"strain {COMPONENTS[mode]}", fontsize=10)
    figure.supxlabel("strain (%)")
    figure.supylabel("change of stress (GPa)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), title="stress", loc="outside right", frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def young_modulus(stiffness: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Young's modulus ``[D]`` along unit vectors ``[D, 3]``, in the unit of the stiffness ``[6, 6]``."""
    x, y, z = directions.T
    uniaxial = np.stack([x * x, y * y, z * z, y * z, x * z, x * y])
    return 1 / np.einsum("id,ij,jd->d", uniaxial, np.linalg.inv(stiffness), uniaxial)


def plot_young(result: ElasticResult, path: Path) -> None:
    """Draw Young's modulus against direction in the three coordinate planes of the standard conventional cell."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 3, subplot_kw={"projection": "polar"})
    angle = np.linspace(0, 2 * np.pi, 361)
    highest = 0.0
    for axes, (i, j) in zip(panels, ((0, 1), (0, 2), (1, 2)), strict=True):
        directions = np.zeros((len(angle), 3))
        directions[:, i], directions[:, j] = np.cos(angle), np.sin(angle)
        modulus = young_modulus(result.stiffness_standard, directions)
        highest = max(highest, modulus.max())
        axes.plot(angle, modulus)
        axes.set_title(f"{'xyz'[i]}{'xyz'[j]} plane ({'xyz'[i]} at 0°)", fontsize=10)
    for axes in panels:
        axes.set_ylim(0, 1.05 * highest)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_rlabel_position(90)
        axes.tick_params(labelsize=8)
    figure.suptitle(f"Young's modulus (GPa), {result.space_group}, standard axes", fontsize=11)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
