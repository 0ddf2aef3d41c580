"""Test errors of all finished runs: mean and spread over the seeds, and what DeNS gains.

python table.py [FOLDER]
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ENERGY, FORCES = "energy_mae_meV_per_atom", "forces_mae_meV_per_A"


def collect(folder: Path) -> dict[tuple[str, str, str], list[dict[str, float]]]:
    """Errors, steps and minutes of each run by molecule, budget and kind."""
    runs: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    for path in sorted(folder.glob("*/test/result.json")):
        molecule, budget, kind, _ = path.parents[1].name.split("-")
        test = json.loads(path.read_text())
        training = json.loads((path.parents[1] / "run" / "result.json").read_text())
        atoms = test["atoms"] / test["structures"]
        runs[molecule, budget, kind].append(
            {
                "energy": test["errors"][ENERGY] * atoms,
                "forces": test["errors"][FORCES],
                "steps": training["steps"],
                "minutes": training["wall_time_s"] / 60,
            }
        )
    return runs


def main(folder: str = "dens-rmd17") -> None:
    runs = collect(Path(folder))
    print("| molecule | same | training | seeds | steps | minutes | energy MAE (meV) | force MAE (meV/Å) | gain |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (molecule, budget, kind), members in sorted(
        runs.items(), key=lambda item: (item[0][:2], item[0][2] != "plain")
    ):
        column = {name: np.array([member[name] for member in members]) for name in members[0]}
        spread = {name: values.std(ddof=1) if len(values) > 1 else np.nan for name, values in column.items()}
        gain = ""
        plain = runs.get((molecule, budget, "plain"))
        if kind == "dens" and plain:
            before = np.mean([member["forces"] for member in plain])
            gain = f"{100 * (1 - column['forces'].mean() / before):+.1f} %"
        print(
            f"| {molecule} | {budget} | {kind} | {len(members)} | {column['steps'].mean():.0f} "
            f"| {column['minutes'].mean():.0f} | {column['energy'].mean():.1f} ± {spread['energy']:.1f} "
            f"| {column['forces'].mean():.2f} ± {spread['forces']:.2f} | {gain} |"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
