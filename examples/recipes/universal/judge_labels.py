"""Errors on labels that no training has seen: real ones, and a teacher's by kind and by element."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols
from frames import read_frames

FILES = ("real-held-out", "unseen-crystals", "unseen-numbers")

QUICK = 60
"""Structures of each file that are looked at in quick mode."""

GPA = 160.21766208

LARGE = 10.0
"""eV/Å. A few frames with larger forces make up half of a mean error; it is also given without them."""


def judge_labels(calculator: Calculator, data: Path, quick: bool) -> dict[str, Any]:
    """Errors by file, by kind of structure and by element."""
    files, kinds, elements = {}, defaultdict(list), defaultdict(list)
    for name in FILES:
        frames = read_frames(data / f"{name}.extxyz.gz")
        frames = frames[:: max(1, len(frames) // QUICK)] if quick else frames
        rows = [differences(calculator, atoms) for atoms in frames]
        files[name] = summary(rows)
        usual = [row for row in rows if row["largest"] <= LARGE]
        files[f"{name}, forces ≤ {LARGE:g} eV/Å"] = summary(usual)
        for atoms, row in zip(frames, rows, strict=True):
            if name != "real-held-out":
                kinds[atoms.info["kind"]].append(row)
            for z in np.unique(atoms.numbers):
                mine = atoms.numbers == z
                elements[chemical_symbols[z]].append((row["forces"][mine], row["labels"][mine]))
    return {
        "files": files,
        "kinds": {kind: summary(rows) for kind, rows in sorted(kinds.items())},
        "elements": {
            symbol: {
                "atoms": sum(len(errors) for errors, _ in found),
                "forces": milli(np.abs(np.concatenate([errors for errors, _ in found]))),
                "mean_force": milli(np.abs(np.concatenate([labels for _, labels in found]))),
            }
            for symbol, found in sorted(elements.items())
        },
    }


def differences(calculator: Calculator, frame: Atoms) -> dict[str, Any]:
    """Model minus label: energy for each atom (eV), forces ``[N, 3]`` (eV/Å), stress (eV/Å³)."""
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc, calculator=calculator)
    labels = frame.get_forces()
    periodic = bool(frame.pbc.all())
    return {
        "energy": (atoms.get_potential_energy() - frame.get_potential_energy()) / len(frame),
        "forces": atoms.get_forces() - labels,
        "stress": atoms.get_stress() - frame.get_stress() if periodic else np.zeros(0),
        "labels": labels,
        "largest": float(np.abs(labels).max()),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Mean and median errors: energy in meV/atom, components of forces in meV/Å, of the stress in GPa."""
    if not rows:
        return {"structures": 0}
    energy = np.abs([row["energy"] for row in rows])
    forces = np.abs(np.concatenate([row["forces"].ravel() for row in rows]))
    labels = np.abs(np.concatenate([row["labels"].ravel() for row in rows]))
    stress = np.abs(np.concatenate([row["stress"] for row in rows]))
    return {
        "structures": len(rows),
        "energy": milli(energy),
        "energy_median": float(1e3 * np.median(energy)),
        "forces": milli(forces),
        "forces_median": float(1e3 * np.median(forces)),
        "mean_force": milli(labels),
        "stress": float(GPA * stress.mean()) if len(stress) else 0.0,
    }


def milli(values: np.ndarray) -> float:
    """The mean in thousandths."""
    return float(1e3 * values.mean())


def report_labels(found: dict[str, Any]) -> list[str]:
    """Tables for reading."""
    columns = "structures  energy MAE (median) meV/atom  force MAE (median; of zero) meV/Å  stress MAE GPa"
    form = "{structures:10d}  {energy:14.1f} ({energy_median:6.1f})        {forces:13.1f} ({forces_median:5.1f}; "
    form += "{mean_force:6.1f})    {stress:14.2f}"
    lines = [f"{'':36s}{columns}"]
    for name, row in [*found["files"].items(), *found["kinds"].items()]:
        if row["structures"]:
            lines.append(f"{name:36s}{form.format(**row)}")
    worst = sorted(found["elements"].items(), key=lambda item: -item[1]["forces"])
    lines += ["", "force MAE on atoms of an element (of zero), meV/Å, worst first:"]
    words = [f"{symbol} {row['forces']:.0f} ({row['mean_force']:.0f})" for symbol, row in worst]
    return lines + ["  ".join(words[start : start + 10]) for start in range(0, len(words), 10)]
