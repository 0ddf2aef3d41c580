"""An adsorption run in words: what was calculated, and the table of what came out."""

from __future__ import annotations

from equical.workflows.adsorption.result import AdsorptionResult, Configuration
from equical.workflows.adsorption.slabs import count_layers, fixed_atoms

__all__ = ["format_summary", "format_table"]


def format_summary(result: AdsorptionResult) -> str:
    """What was calculated and what came out, as text of some lines."""
    frozen = int(fixed_atoms(result.slab).sum())
    lines = [
        f"slab        {result.slab.get_chemical_formula()}, {count_layers(result.slab)} layers, {frozen} atoms frozen, "
        f"one {result.adsorbate} per {result.surface_atoms} surface atoms"
    ]
    if result.bulk is not None:
        a, b, c, *angles = result.bulk.cell.cellpar()
        angles_text = " ".join(f"{angle:.1f}" for angle in angles)
        lines.append(f"bulk        relaxed, cell {a:.4f} {b:.4f} {c:.4f} Å, {angles_text}°")
    if result.references:
        energies = [f"E({r.name}) = {r.energy:.4f} eV" for r in result.references]
        lines.append(f"references  {', '.join(energies)}, E(slab) = {result.slab_energy:.4f} eV")
    return "\n".join([*lines, result.equation, "", format_table(result)])


def format_table(result: AdsorptionResult) -> str:
    """Ranked table of all configurations, as text."""
    width = max(len("configuration"), *(len(c.name) for c in result.configurations))
    lines = [f"rank  {'configuration':<{width}}  E_ads (eV)  bond (Å)  steps  remarks"]
    for c in result.configurations:
        numbers = f"{c.adsorption_energy:>10.3f}  {c.shortest_bond:>8.2f}  {c.steps:>5}"
        lines.append(f"{c.rank or '-':>4}  {c.name:<{width}}  {numbers}  {_remarks(c)}".rstrip())
    return "\n".join(lines)


def _remarks(configuration: Configuration) -> str:
    """Anomalies, with the destination of a migration and the reason of a failure."""
    texts = {"migrated": f"migrated to {configuration.final_site}", "failed": f"failed: {configuration.error}"}
    return ", ".join(texts.get(anomaly, anomaly) for anomaly in configuration.anomalies)
