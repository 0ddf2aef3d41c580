"""Pictures of a run: thermodynamics, structure, motion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equical.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from equical.workflows.md.analysis import RadialDistribution, Spectrum
    from equical.workflows.md.diffusion import Diffusion
    from equical.workflows.md.result import MDResult

__all__ = ["plot_diffusion", "plot_radial_distribution", "plot_spectrum", "plot_thermo"]

Floats = NDArray[np.float64]


def plot_thermo(table: Mapping[str, Floats], result: MDResult, title: str, path: Path) -> None:
    """Temperature, energies, and under a barostat pressure and volume, against time; equilibration is shaded.

    Args:
        table: Columns of the thermo table.
        result: What was made of it.
        title: Above the first panel.
        path: PNG file.
    """
    time, num_atoms, energy_drift = table["time_ps"], len(result.atoms), result.energy_drift
    skipped = result.settings.equilibration_steps(result.steps) * result.settings.timestep / 1000
    panels = 5 if "volume_A3" in table else 3
    figure, axes = _figure(panels, height=1.9 * panels)
    axes[0].plot(time, table["temperature_K"], color="C3", linewidth=0.8)
    axes[0].plot(time, table["target_K"], color="0.2", linewidth=1, linestyle="--", label="target")
    axes[0].set_ylabel("temperature (K)")
    axes[0].legend(frameon=False, loc="best")
    axes[0].set_title(title)
    for name, label, colour in (("potential_eV", "potential", "C0"), ("total_eV", "total", "C1")):
        energy = 1000 * (table[name] - table[name][0]) / num_atoms
        axes[1].plot(time, energy, color=colour, linewidth=0.8, label=label)
    axes[1].set_ylabel("change of energy\n(meV/atom)")
    axes[1].legend(frameon=False, loc="best")
    conserved = 1000 * (table["conserved_eV"] - table["conserved_eV"][0]) / num_atoms
    axes[2].plot(time, conserved, color="C2", linewidth=0.8)
    axes[2].set_ylabel("conserved energy\n(meV/atom)")
    axes[2].set_title(
        f"drift {energy_drift:.2g} meV/atom/ps" if np.isfinite(energy_drift) else "not defined here", fontsize="medium"
    )
    if panels == 5:
        axes[3].plot(time, table["pressure_GPa"], color="C4", linewidth=0.8)
        axes[3].set_ylabel("pressure (GPa)")
        axes[4].plot(time, table["volume_A3"] / num_atoms, color="C5", linewidth=0.8)
        axes[4].set_ylabel("volume (Å³/atom)")
    for panel in axes:
        panel.axvspan(time[0], skipped, color="0.92", zorder=0, linewidth=0)
        panel.margins(x=0)
    axes[-1].set_xlabel("time (ps); shaded: equilibration, left out of averages")
    _save(figure, path)


def plot_radial_distribution(rdf: RadialDistribution, title: str, path: Path) -> None:
    """g(r), with the partial ones where there are several elements."""
    figure, axes = _figure(1, height=3.6)
    axes[0].axhline(1, color="0.8", linewidth=1)
    if len(rdf.partial) > 1:
        for name, values in rdf.partial.items():
            axes[0].plot(rdf.distance, values, linewidth=1, label=name)
    axes[0].plot(rdf.distance, rdf.total, color="0.1", linewidth=1.5, label="all atoms")
    axes[0].set(xlabel="distance (Å)", ylabel="g(r)", title=title, xlim=(0, rdf.distance[-1]))
    axes[0].set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    if not rdf.total.any():
        nothing = "no atoms as close as half the smallest height of the cell: run a larger one"
        axes[0].text(0.5, 0.5, nothing, transform=axes[0].transAxes, ha="center", fontsize=9)
    _save(figure, path)


def plot_diffusion(diffusion: Diffusion, title: str, path: Path) -> None:
    """Mean square displacement, with the line that gives the diffusion coefficient where there is one."""
    figure, axes = _figure(1, height=3.6)
    for index, (element, msd) in enumerate(diffusion.msd.items()):
        value, error = diffusion.coefficient[element], diffusion.error[element]
        diffuses = element not in diffusion.reason
        label = f"{element}: D = ({value / 1e-5:.2g} ± {error / 1e-5:.1g}) · 10⁻⁵ cm²/s" if diffuses else element
        axes[0].plot(diffusion.lag, msd, color=f"C{index}", label=label)
        if diffuses:
            fitted = diffusion.lag >= diffusion.window[0]
            lag = diffusion.lag[fitted]
            line = msd[fitted].mean() + 6e4 * value * (lag - lag.mean())
            axes[0].plot(lag, line, color="0.2", linestyle="--", linewidth=1)
    axes[0].set(xlabel="lag (ps)", ylabel="mean square displacement (Å²)", title=title)
    axes[0].set_ylim(bottom=0)
    axes[0].margins(x=0)
    axes[0].legend(frameon=False)
    _save(figure, path)


def plot_spectrum(spectrum: Spectrum, title: str, path: Path) -> None:
    """Velocity autocorrelation above, vibrational density of states below."""
    figure, axes = _figure(2, height=5.4, share=False)
    axes[0].axhline(0, color="0.8", linewidth=1)
    for element, values in spectrum.vacf.items():
        axes[0].plot(spectrum.lag, values, linewidth=1, label=element)
    axes[0].set(xlabel="lag (ps)", ylabel="⟨v(0)·v(t)⟩ / ⟨v²⟩", title=title)
    axes[0].margins(x=0)
    total = np.sum(list(spectrum.dos.values()), axis=0)
    if len(spectrum.dos) > 1:
        for element, values in spectrum.dos.items():
            axes[1].plot(spectrum.frequency, values, linewidth=1, label=element)
    axes[1].plot(spectrum.frequency, total, color="0.1", linewidth=1.5, label="all atoms")
    axes[1].axhline(0, color="0.8", linewidth=1)
    significant = spectrum.frequency[total > 0.005 * total.max()]
    axes[1].set(xlabel="frequency (THz)", ylabel="density of states (1/THz)")
    axes[1].set_xlim(0, min(1.1 * significant[-1], spectrum.frequency[-1]) if len(significant) else None)
    for panel in axes:
        panel.legend(frameon=False)
    _save(figure, path)


def _figure(panels: int, height: float, share: bool = True) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, height), layout="constrained")
    axes: Any = figure.subplots(panels, 1, sharex=share, squeeze=False)
    return figure, list(axes[:, 0])


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
