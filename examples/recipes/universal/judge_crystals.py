"""Volumes, bulk moduli and equations of state of crystals, beside a teacher's and those of PBE."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from equilibrium import equilibrium, scaled
from prototypes import ELEMENTAL, equilibria, prototype
from sources import Sources

PBE = {
    "fcc Al": (4.04, 77), "fcc Cu": (3.63, 138), "fcc Ag": (4.15, 90), "fcc Au": (4.16, 139), "fcc Ni": (3.52, 198),
    "fcc Pd": (3.94, 169), "fcc Pt": (3.97, 248), "bcc Li": (3.44, 14), "bcc Na": (4.19, 7.8), "bcc V": (3.00, 183),
    "bcc Nb": (3.31, 172), "bcc Mo": (3.16, 262), "bcc Ta": (3.32, 195), "bcc W": (3.19, 305),
    "diamond C": (3.57, 433), "diamond Si": (5.47, 89), "diamond Ge": (5.76, 59), "zincblende Si C": (4.38, 212),
    "zincblende Ga As": (5.75, 61), "rocksalt Mg O": (4.26, 150), "rocksalt Na Cl": (5.69, 24),
    "rocksalt Li F": (4.07, 67), "rocksalt Ti C": (4.34, 250), "rocksalt Ti N": (4.25, 277),
}  # fmt: skip
"""Lattice constant (Å, of the cubic cell) and bulk modulus (GPa), as published with PBE many times."""

CUBIC_CELL = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8, "rocksalt": 8, "zincblende": 8, "cesiumchloride": 2}
"""Atoms in it."""

RATIOS = np.linspace(0.75, 1.3, 45)
"""Volumes of an equation of state, relative to the teacher's."""

KINK = 5e-3
"""eV for each atom. How far an energy may lie from what four of its neighbours say before it counts as rough."""


def judge_crystals(calculator: Calculator, data: Path, quick: bool) -> dict[str, Any]:
    """Equilibria of all crystals of the table, and what equations of state of the elements look like."""
    table = equilibria()
    names = sorted({*list(table)[::40], *(name for name in PBE if name in table)}) if quick else list(table)
    parents: dict[str, Atoms] = {}
    if any(" " not in name for name in names):
        parents = {atoms.info["parent"]: atoms for atoms in Sources.read().small}
    crystals, scans = {}, {}
    for name in names:
        crystal = prototype(name) if " " in name else parents[name]
        crystals[name] = equilibrium(calculator, crystal, table[name]["volume"])
        if name.split()[0] in ELEMENTAL:
            scans[name] = roughness(calculator, name, table[name]["volume"])
    return {"crystals": crystals, "scans": scans}


def roughness(calculator: Calculator, name: str, volume: float) -> dict[str, float]:
    """Of energies against volume: number of minima between the ends, and the largest kink (eV for each atom)."""
    crystal = prototype(name)
    energies = np.array(
        [calculator.get_property("energy", scaled(crystal, volume * ratio)) / len(crystal) for ratio in RATIOS]
    )
    slopes = np.diff(energies)
    middle = (4 * (energies[1:-3] + energies[3:-1]) - energies[:-4] - energies[4:]) / 6  # a cubic through four points
    minima = int(np.count_nonzero((slopes[:-1] < 0) & (slopes[1:] >= 0)))
    return {"minima": minima, "kink": float(np.abs(energies[2:-2] - middle).max())}


def report_crystals(found: dict[str, Any]) -> list[str]:
    """Deviations from the teacher by structure, from PBE one by one, and elements with odd equations of state."""
    return [*beside_teacher(found["crystals"]), "", *beside_pbe(found["crystals"]), "", *oddities(found["scans"])]


def beside_teacher(crystals: dict[str, Any]) -> list[str]:
    """Mean deviations by structure."""
    table = equilibria()
    groups: dict[str, list[str]] = {}
    for name in crystals:
        groups.setdefault(name.split()[0] if " " in name else "unseen crystals", []).append(name)
    lines = [
        "beside the teacher  crystals  no minimum  lattice constant: mean |Δ| (median; share within 1 %)  "
        "bulk modulus: MAE (median) GPa"
    ]
    for group, names in groups.items():
        pairs = [(crystals[name], table[name]) for name in names if crystals[name] is not None]
        if not pairs:
            continue
        lattice = 100 * np.array([abs(one["volume"] / other["volume"] - 1) / 3 for one, other in pairs])
        moduli = np.array([abs(one["bulk_modulus"] - other["bulk_modulus"]) for one, other in pairs])
        within = 100 * np.mean(lattice < 1)
        lines.append(
            f"{group:18s}  {len(names):8d}  {len(names) - len(pairs):10d}  "
            f"{lattice.mean():22.2f} % ({np.median(lattice):.2f} %; {within:3.0f} %) "
            f"{moduli.mean():28.1f} ({np.median(moduli):.1f})"
        )
    return lines


def beside_pbe(crystals: dict[str, Any]) -> list[str]:
    """Model, teacher and PBE."""
    table = equilibria()
    lines = ["                  lattice constant (Å): model, teacher, PBE     bulk modulus (GPa): model, teacher, PBE"]
    for name, (constant, modulus) in PBE.items():
        if crystals.get(name) is None:
            continue
        per_cell = CUBIC_CELL[name.split()[0]]
        own, teacher = ((per_cell * row["volume"]) ** (1 / 3) for row in (crystals[name], table[name]))
        moduli = crystals[name]["bulk_modulus"], table[name]["bulk_modulus"], modulus
        numbers = " ".join(f"{value:8.0f}" for value in moduli)
        lines.append(f"{name:18s}{own:27.3f} {teacher:7.3f} {constant:6.2f} {numbers:>30s}")
    return lines


def oddities(scans: dict[str, Any]) -> list[str]:
    """Elements with several minima or kinks."""
    several = [name for name, scan in scans.items() if scan["minima"] > 1]
    rough = [name for name, scan in scans.items() if scan["kink"] > KINK]
    return [
        f"{len(scans)} equations of state of elements, volumes from {RATIOS[0]} to {RATIOS[-1]}",
        f"  with more than one minimum: {listed(several)}",
        f"  with a kink above {1e3 * KINK:g} meV/atom: {listed(rough)}",
    ]


def listed(names: list[str], most: int = 12) -> str:
    """How many names there are, and the first of them."""
    dots = ["..."] if len(names) > most else []
    return f"{len(names)} ({', '.join(names[:most] + dots)})" if names else "0"
