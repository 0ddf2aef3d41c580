"""The quasi-harmonic approximation on a page: what changes with temperature, and the crystal at each volume."""

from __future__ import annotations

from equical.html import Page, Structure, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]

AT_TEMPERATURES = {
    "temperatures": "temperature", "volume": "", "thermal_expansion": "", "bulk_modulus": "", "gibbs_energy": "",
    "heat_capacity_p": "C_P", "heat_capacity_v": "C_V", "gruneisen": "Grüneisen parameter",
}  # fmt: skip
AT_VOLUMES = {"ratios": "V/V_relaxed", "volumes": "volume", "energies": "energy", "zero_point_energies": ""}
"""Lists in the result that make a table, and what to call those that have another name in it."""


def page(run: FinishedRun) -> Page:
    """Of phonons over volumes."""
    frames = run.structures("structures.extxyz")
    volumes = _table(run, "Volumes", AT_VOLUMES)
    names = [f"{ratio:.4g} of the relaxed volume" for ratio in run.result["ratios"]]
    whole = len(frames) == len(names)
    return run.page(
        f"Thermal expansion of {frames[0].get_chemical_formula(empirical=True)}" if frames else "Thermal expansion",
        facts=run.facts("pressure", "form", "space_group", "supercell_width", "num_displacements"),
        tables=[
            _table(run, "Against temperature", AT_TEMPERATURES),
            Table(volumes.title, volumes.columns, volumes.rows, names if whole else ()),
        ],
        structures=[Structure(*pair, "structures.extxyz") for pair in zip(names, frames, strict=True)] if whole else [],
    )


def _table(run: FinishedRun, title: str, lists: dict[str, str]) -> Table:
    columns = [run.column(name, label) for name, label in lists.items()]
    return Table(title, columns, list(zip(*(run.result[name] for name in lists), strict=True)))
