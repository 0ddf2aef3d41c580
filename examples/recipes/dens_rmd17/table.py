"""What DeNS gains: errors at the end of all finished runs, and on the way at equal steps and at equal time.

    python table.py [FOLDER]

Mean ± standard deviation over seeds. The first table is about the 1000 test frames and the best model of each run. The
second is about the 50 validation frames: errors at the last evaluation that every run of a molecule has reached,
counted in steps and in minutes. Minutes are those of undisturbed training: steps times the time of a step, which is the
shortest tenth of the intervals between evaluations of all runs of a kind. What else a machine does, and the time for
which a run was stopped, are not counted.
"""

import csv
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ENERGY, FORCES = "energy_mae_meV_per_atom", "forces_mae_meV_per_A"


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        atoms: of the molecule.
        test: ``(energy, forces)`` on the test frames, meV and meV/Å.
        curve: rows of step, minutes since the start, energy (meV) and forces (meV/Å) on the validation frames.
    """

    atoms: int
    test: tuple[float, float]
    curve: np.ndarray

    def at(self, column: int, limit: float) -> tuple[float, float]:
        """Validation errors at the last evaluation whose column 0 (steps) or 1 (minutes) is in the limit, or nan."""
        reached = self.curve[self.curve[:, column] <= 1.01 * limit]  # runs of one length end a step apart
        return (float(reached[-1, 2]), float(reached[-1, 3])) if len(reached) else (np.nan, np.nan)


Runs = dict[tuple[str, str], dict[str, list[Run]]]


def collect(folder: Path) -> Runs:
    """Finished runs by molecule and budget, then by kind."""
    runs: Runs = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/test/result.json")):
        molecule, budget, kind, _ = path.parents[1].name.split("-")
        test = json.loads(path.read_text())
        atoms = test["atoms"] // test["structures"]
        with open(path.parents[1] / "run" / "validation.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        curve = np.array([[float(row[key]) for key in ("step", "minutes", ENERGY, FORCES)] for row in rows])
        curve[:, 2] *= atoms
        errors = test["errors"]
        runs[molecule, budget][kind].append(Run(atoms, (errors[ENERGY] * atoms, errors[FORCES]), curve))
    for kinds in runs.values():
        for members in kinds.values():
            pace = minutes_per_step(members)
            for run in members:
                run.curve[:, 1] = pace * run.curve[:, 0]
    return runs


def minutes_per_step(members: list[Run]) -> float:
    """Of undisturbed training."""
    differences = np.concatenate([np.diff(run.curve[:, :2], axis=0) for run in members])
    return float(np.quantile(differences[:, 1] / differences[:, 0], 0.1)) if len(differences) else np.nan


def mean_and_spread(values: list[float], digits: int) -> str:
    """Mean ± standard deviation over seeds."""
    if np.isnan(values).any():
        return "–"
    spread = f"{np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else "?"
    return f"{np.mean(values):.{digits}f} ± {spread}"


def cells(errors: dict[str, list[tuple[float, float]]], kind: str) -> str:
    """Energy, forces and the gain in forces over plain training."""
    energy, forces = ([pair[i] for pair in errors[kind]] for i in (0, 1))
    gain = ""
    if kind != "plain" and errors.get("plain"):
        ratio = np.mean(forces) / np.mean([pair[1] for pair in errors["plain"]])
        gain = "" if np.isnan(ratio) else f"{100 * (1 - ratio):+.1f} %"
    return f"{mean_and_spread(energy, 1)} | {mean_and_spread(forces, 2)} | {gain}"


def at_the_end(runs: Runs) -> None:
    """The first table."""
    print("| molecule | budget | training | seeds | steps | minutes | energy MAE (meV) | force MAE (meV/Å) | gain |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (molecule, budget), kinds in sorted(runs.items()):
        errors = {kind: [run.test for run in members] for kind, members in kinds.items()}
        for kind in sorted(kinds, reverse=True):  # plain comes first
            steps, minutes = np.mean([run.curve[-1, :2] for run in kinds[kind]], axis=0)
            row = f"| {molecule} | {budget} | {kind} | {len(kinds[kind])} | {steps:.0f} | {minutes:.1f} "
            print(f"{row}| {cells(errors, kind)} |")


def on_the_way(runs: Runs) -> None:
    """The second table."""
    print("| molecule | budget | compared at | training | energy MAE (meV) | force MAE (meV/Å) | gain |")
    print("|---|---|---|---|---|---|---|")
    for (molecule, budget), kinds in sorted(runs.items()):
        for column, unit in enumerate(("steps", "minutes")):
            limit = min(run.curve[-1, column] for members in kinds.values() for run in members)
            errors = {kind: [run.at(column, limit) for run in members] for kind, members in kinds.items()}
            for kind in sorted(kinds, reverse=True):
                print(f"| {molecule} | {budget} | {limit:.4g} {unit} | {kind} | {cells(errors, kind)} |")


def main(folder: str = "dens-rmd17") -> None:
    runs = collect(Path(folder))
    if not runs:
        sys.exit(f"no finished run in {folder}")
    print("At the end, on the test frames:\n")
    at_the_end(runs)
    print("\nOn the way, on the validation frames:\n")
    on_the_way(runs)


if __name__ == "__main__":
    main(*sys.argv[1:])
