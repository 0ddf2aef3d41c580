"""Pictures of an adsorption run: energy per site, the sites on the surface, the best structure from two sides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.files import atomic_path
from equical.workflows.adsorption.result import AdsorptionResult
from equical.workflows.adsorption.sites import exposed_atoms
from equical.workflows.adsorption.slabs import nearest_distance

if TYPE_CHECKING:
    from ase import Atoms
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_energies", "plot_sites", "plot_structure"]

KIND_COLORS = {"top": "C0", "bridge": "C1", "hollow": "C2"}


def plot_energies(result: AdsorptionResult, path: Path) -> None:
    """Draw adsorption energies by the site where the adsorbate started; open symbols are anomalies, not ranked."""
    from matplotlib.figure import Figure

    started = {configuration.site for configuration in result.configurations}
    sites = [site for site in result.sites if site.name in started]
    figure = Figure(figsize=(min(max(5, 1.0 * len(sites) + 2), 10), 4.5), layout="constrained")
    axes = figure.subplots()
    for place, site in enumerate(sites):
        here = [c for c in result.configurations if c.site == site.name and not c.error]
        here = sorted(here, key=lambda c: c.adsorption_energy)
        for offset, configuration in zip(_spread(len(here)), here, strict=True):
            energy = configuration.adsorption_energy
            face = "white" if configuration.anomalies else KIND_COLORS[site.kind]
            size = 4 if configuration.random else 8
            axes.plot(place + offset, energy, "o", ms=size, mfc=face, mec=KIND_COLORS[site.kind], zorder=3)
            if configuration.anomalies and not configuration.random:
                _annotate(axes, place + offset, energy, "\n".join(configuration.anomalies))
    best = result.best
    if best is not None:
        axes.axhline(best.adsorption_energy, color="0.6", lw=1, ls=":")
        axes.set_title(f"{result.adsorbate}, best: {best.name}, {_eV(best.adsorption_energy)}", fontsize=10)
    axes.set_xticks(
        range(len(sites)),
        [site.name for site in sites],
        rotation=40 if len(sites) > 5 else 0,
        ha="right" if len(sites) > 5 else "center",
    )
    axes.set_xlim(-0.6, len(sites) - 0.4)
    axes.margins(y=0.15)
    axes.set_ylabel("adsorption energy (eV)")
    small = "; small: random places" if any(c.random for c in result.configurations) else ""
    axes.set_xlabel(f"site at the start (open symbols: not ranked{small})")
    axes.grid(axis="y", color="0.9")
    _save(figure, path)


def _eV(energy: float) -> str:
    return f"{energy:.3f} eV".replace("-", "−")


def _annotate(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), (0, 7), textcoords="offset points", ha="center", fontsize=7)


def _spread(count: int) -> np.ndarray:
    """Sideways offsets that keep symbols of one site apart."""
    return (np.arange(count) - (count - 1) / 2) * min(0.2, 0.7 / max(count, 1))


def plot_sites(result: AdsorptionResult, path: Path) -> None:
    """Draw the surface from above with one site of each class numbered and the equivalent ones in small."""
    from matplotlib.figure import Figure

    slab = result.slab
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    _draw_from_above(axes, slab)
    markers = {"top": "^", "bridge": "s", "hollow": "o"}
    for number, site in enumerate(result.sites, start=1):
        positions = np.array([one.position[:2] for one in site.sites])
        style: dict[str, Any] = {"marker": markers[site.kind], "color": KIND_COLORS[site.kind], "linestyle": "none"}
        axes.plot(*positions.T, ms=4, alpha=0.6, zorder=3, **style)
        axes.plot(*positions[0], ms=13, mec="k", zorder=4, label=f"{number}  {site.name} × {len(site.sites)}", **style)
        axes.annotate(str(number), positions[0], ha="center", va="center_baseline", fontsize=7, color="w", zorder=5)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, markerscale=0.6, labelspacing=0.8)
    axes.set_title(f"Sites on {slab.get_chemical_formula()}, and how many of each in the cell", fontsize=10)
    axes.set_xlabel("x (Å)")
    axes.set_ylabel("y (Å)")
    _save(figure, path)


def _draw_from_above(axes: Axes, slab: Atoms) -> None:
    """Discs for all atoms in sight, paler the deeper, those not exposed palest, and the outline of the cell."""
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Polygon

    a, b = slab.cell[:2, :2]
    corners = np.array([0 * a, a, a + b, b])
    low, high = corners.min(axis=0) - 1.0, corners.max(axis=0) + 1.0
    exposed = set(exposed_atoms(slab).tolist())
    depth = (slab.positions[:, 2].max() - slab.positions[:, 2]) / nearest_distance(slab)
    radii = 0.85 * covalent_radii[slab.numbers]
    discs = []
    for atom in np.argsort(slab.positions[:, 2]):  # higher atoms are painted over lower ones
        strength = max(0.5, 1 - 0.4 * depth[atom]) if int(atom) in exposed else 0.2
        face = 1 - (1 - jmol_colors[slab.numbers[atom]]) * strength
        for shift in [i * a + j * b for i in range(-3, 4) for j in range(-3, 4)]:
            centre = slab.positions[atom, :2] + shift
            if (centre > low - radii[atom]).all() and (centre < high + radii[atom]).all():
                discs.append(Circle(centre, radii[atom], fc=face, ec="0.5", lw=0.8))
    axes.add_collection(PatchCollection(discs, match_original=True))
    axes.add_patch(Polygon(corners, fill=False, ls="--", ec="k", zorder=2))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")


def plot_structure(result: AdsorptionResult, path: Path) -> None:
    """Draw the most stable configuration from above and from the side."""
    from ase.visualize.plot import plot_atoms
    from matplotlib.figure import Figure

    best = result.best
    assert best is not None
    shown = best.atoms.copy()
    shown.set_constraint()
    shown.positions += shown.cell[:2].sum(axis=0) / 2 - shown.positions[-1] * [1, 1, 0]
    shown.wrap(pbc=[True, True, False])
    wide, deep, high = np.ptp(shown.positions, axis=0) + 3.0  # Å; atoms have radii
    figure = Figure(figsize=(9, min(4.5 * max(deep, high) / wide, 9) + 0.7), layout="constrained")
    top, side = figure.subplots(1, 2)
    plot_atoms(shown, top, rotation="0x")
    along = shown.cell[0]
    if abs(along[1]) < 1e-3:  # a skewed cell would look like a staircase from the side
        left = shown.positions[-1, 0] - along[0] / 2
        shown.positions -= np.floor((shown.positions[:, 0] - left) / along[0])[:, None] * along
    shown.set_cell([*shown.cell[:2], [0, 0, 0]])  # the outline of the vacuum would make the side view small
    plot_atoms(shown, side, rotation="-90x", show_unit_cell=0)
    for axes, title in ((top, "from above"), (side, "from the side")):
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    energy = _eV(best.adsorption_energy)
    figure.suptitle(f"{result.adsorbate} on {best.final_site}: {energy}, nearest atom at {best.shortest_bond:.2f} Å")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
