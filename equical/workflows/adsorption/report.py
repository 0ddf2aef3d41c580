"""An adsorption run in words: what was calculated, and the table of what came out."""

from __future__ import annotations

from equical.workflows.adsorption.result import AdsorptionResult, Configuration
from equical.workflows.adsorption.series_result import AdsorptionSeriesResult
from equical.workflows.adsorption.slabs import count_layers, fixed_atoms
from equical.workflows.common.suitability import OUTSIDE

__all__ = ["format_series", "format_summary", "format_table"]


MOST_LINES = 40
"""Configurations that are printed; the table in the folder has all."""


def format_summary(result: AdsorptionResult) -> str:
    """What was calculated and what came out, as text of some lines."""
    lines = [f"{_slab(result)}, one {result.adsorbate} per {result.surface_atoms} surface atoms"]
    lines += _bulk(result)
    if result.references:
        energies = [f"E({r.name}) = {r.energy:.4f} eV" for r in result.references]
        lines.append(f"references  {', '.join(energies)}, E(slab) = {result.slab_energy:.4f} eV")
    if any(c.random for c in result.configurations):
        lines.append(f"placements  {_placements(result)}")
    return "\n".join([*lines, result.equation, "", format_table(result), *_thermo(result)])


def _thermo(result: AdsorptionResult) -> list[str]:
    """Lines on the best configuration at a temperature."""
    thermo = result.thermo
    if thermo is None or result.best is None:
        return []
    energy, heat = result.best.adsorption_energy, thermo.temperature * thermo.entropy
    raised = thermo.adsorbate.num_raised
    note = f"  ({raised} frequencies raised to {thermo.adsorbate.low_frequency_cutoff:g} cm⁻¹)" if raised else ""
    return [
        "",
        f"{thermo.configuration} at {thermo.temperature:g} K, each gas at {thermo.pressure:g} bar:",
        f"  energy              {energy:>8.3f} eV",
        f"  zero-point energy   {thermo.zero_point_energy:>+8.3f} eV",
        f"  enthalpy H          {thermo.enthalpy:>8.3f} eV",
        f"  entropy −T · S      {-heat:>+8.3f} eV{note}",
        f"  Gibbs energy G      {thermo.gibbs_energy:>8.3f} eV",
    ]


def _slab(result: AdsorptionResult) -> str:
    slab, frozen = result.slab, int(fixed_atoms(result.slab).sum())
    return f"slab        {slab.get_chemical_formula()}, {count_layers(slab)} layers, {frozen} atoms frozen"


def _bulk(result: AdsorptionResult) -> list[str]:
    if result.bulk is None:
        return []
    a, b, c, *angles = result.bulk.cell.cellpar()
    angles_text = " ".join(f"{angle:.1f}" for angle in angles)
    return [f"bulk        relaxed, cell {a:.4f} {b:.4f} {c:.4f} Å, {angles_text}°"]


def format_series(series: AdsorptionSeriesResult) -> str:
    """The best configuration of each adsorbate of a series, as text of some lines."""
    first, rows = next(iter(series.results.values())), series.rows()
    gibbs = first.settings.thermo is not None
    width = max([len("name"), *(len(row["name"]) for row in rows), *(len(one.name) for one in series.failures)])
    where = max(len("best"), *(len(row["best"] or "none") for row in rows))
    lines = [_slab(first), *_bulk(first), ""]
    lines.append(
        f"{'name':<{width}}  per surface atom  {'best':<{where}}  E_ads (eV){'  G (eV)' if gibbs else ''}  from"
    )
    for row in rows:
        energy = "" if row["best"] is None else f"{row['adsorption_energy']:.3f}"
        free = f"  {row['gibbs_energy'] or float('nan'):>6.3f}" if gibbs else ""
        line = f"{row['name']:<{width}}  {row['coverage']:>16.3f}  {row['best'] or 'none':<{where}}  {energy:>10}{free}"
        line = f"{line}  {row['reference'] or ''}".rstrip()
        lines.append(f"{line}  {OUTSIDE}" if row["outside"] else line)
    lines += [f"{failure.name:<{width}}  failed: {failure.reason}" for failure in series.failures]
    return "\n".join(lines)


def _placements(result: AdsorptionResult) -> str:
    """Where the adsorbate was put, and what became of the random places."""
    random = [c for c in result.configurations if c.random]
    given_up = sum(c.given_up is not None for c in random)
    same = sum(c.same_as is not None for c in random)
    return (
        f"{len(result.configurations) - len(random)} on sites; {len(random)} at random, of which {given_up} were given "
        f"up and {same} ended where others did"
    )


def format_table(result: AdsorptionResult) -> str:
    """Ranked table of all configurations, as text; of very many the first ones."""
    shown = result.configurations[:MOST_LINES]
    width = max(len("configuration"), *(len(c.name) for c in shown))
    lines = [f"rank  {'configuration':<{width}}  E_ads (eV)  bond (Å)  steps  remarks"]
    for c in shown:
        numbers = f"{c.adsorption_energy:>10.3f}  {c.shortest_bond:>8.2f}  {c.steps:>5}"
        lines.append(f"{c.rank or '-':>4}  {c.name:<{width}}  {numbers}  {_remarks(c)}".rstrip())
    if len(result.configurations) > len(shown):
        lines.append(f" ... and {len(result.configurations) - len(shown)} more")
    return "\n".join(lines)


def _remarks(configuration: Configuration) -> str:
    """Anomalies, with the destination of a migration and the reason of a failure; what another one is the same as."""
    outside = [OUTSIDE] if configuration.outside else []
    if configuration.same_as is not None:
        return ", ".join([f"same as {configuration.same_as}", *outside])
    texts = {
        "migrated": f"migrated to {configuration.final_site}",
        "given up": f"given up: {configuration.given_up}",
        "failed": f"failed: {configuration.error}",
    }
    return ", ".join([*(texts.get(anomaly, anomaly) for anomaly in configuration.anomalies), *outside])
