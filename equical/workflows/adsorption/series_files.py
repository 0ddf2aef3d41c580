"""Files of a series of adsorption runs, beside those of each of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from equical.files import atomic_path
from equical.workflows.adsorption.files import ADSORPTION_FILES
from equical.workflows.adsorption.series_result import AdsorptionSeriesResult
from equical.workflows.adsorption.thermo import THERMO_FILES
from equical.workflows.common.folder import RunFolder

__all__ = ["series_files", "write_series"]

COLUMNS = {
    "name": "name",
    "adsorbate": "adsorbate",
    "coverage": "coverage_per_surface_atom",
    "best": "configuration",
    "final_site": "final_site",
    "adsorption_energy": "adsorption_energy_eV",
    "gibbs_energy": "gibbs_energy_eV",
    "converged": "converged",
    "outside": "outside",
}
"""Entries of a row, and what their columns are called."""


def series_files(names: Sequence[str]) -> tuple[str, ...]:
    """Patterns of what a series of these cases leaves in its folder."""
    from glob import escape

    each = ("run.json", "result.json", *ADSORPTION_FILES)
    return (
        "steps/*.npz",
        "adsorption.csv",
        *THERMO_FILES,
        *(f"{escape(name)}/{file}" for name in names for file in each),
    )


def write_series(folder: RunFolder, series: AdsorptionSeriesResult) -> None:
    """Write the table of the best configurations."""
    with atomic_path(folder / "adsorption.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(list(COLUMNS.values()))
        for row in series.rows():
            table.writerow([row[column] for column in COLUMNS])
