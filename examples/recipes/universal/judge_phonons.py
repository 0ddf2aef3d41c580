"""Phonons of common crystals, none of which has imaginary modes."""

import warnings
from pathlib import Path
from typing import Any

from ase.calculators.calculator import Calculator
from equilibrium import equilibrium, scaled
from prototypes import equilibria, prototype

from equical import InputError, phonon

STABLE = (
    "diamond Si", "diamond C", "fcc Cu", "fcc Al", "fcc Pt", "bcc W", "bcc Na", "rocksalt Mg O", "rocksalt Na Cl",
    "zincblende Ga As", "zincblende Si C", "zincblende Zn S", "rocksalt Ti N", "rocksalt Li F", "cesiumchloride Cs Cl",
    "zincblende B N",
)  # fmt: skip

WIDTH = 9.0
"""Å between opposite faces of the supercell."""


def judge_phonons(calculator: Calculator, data: Path, quick: bool) -> dict[str, Any]:
    """Lowest and highest frequency (THz) of each crystal at the model's own volume; why not, where there are none."""
    found: dict[str, dict[str, Any]] = {}
    for name in STABLE[: 3 if quick else None]:
        own = equilibrium(calculator, prototype(name), equilibria()[name]["volume"])
        if own is None:
            found[name] = {"problem": "no equilibrium volume"}
            continue
        crystal = scaled(prototype(name), own["volume"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = phonon(crystal, calculator, supercell=WIDTH, mesh=30.0, force=True)
        except InputError as error:
            found[name] = {"problem": str(error)}
            continue
        frequencies = [f for segment in result.band_frequencies for f in segment.ravel()]
        exact = [mode.frequency for mode in result.imaginary_modes if mode.where == "supercell"]
        found[name] = {
            "lowest": float(min(frequencies)),
            "highest": float(max(frequencies)),
            "imaginary": bool(result.imaginary_modes),
            "imaginary_in_supercell": min(exact, default=None),
        }
    return {"crystals": found}


def report_phonons(found: dict[str, Any]) -> list[str]:
    """One line for each crystal."""
    lines = ["crystal                lowest   highest (THz)"]
    for name, row in found["crystals"].items():
        if "problem" in row:
            lines.append(f"{name:20s}  {row['problem']}")
        else:
            remark = "imaginary modes" if row["imaginary"] else ""
            lines.append(f"{name:20s}{row['lowest']:9.2f} {row['highest']:9.2f}   {remark}")
    return lines
