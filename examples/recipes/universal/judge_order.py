"""Which of several simple structures of an element or a compound is the stablest, beside the teacher's answer."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator
from equilibrium import equilibrium
from judge_crystals import PBE
from prototypes import equilibria, prototype

CLEAR = 0.03
"""eV for each atom between the two stablest structures, from where on the teacher's answer is taken for clear."""


def judge_order(calculator: Calculator, data: Path, quick: bool) -> dict[str, Any]:
    """Energies (eV for each atom) of each substance in every structure that the teacher has a minimum of."""
    table = equilibria()
    substances: dict[str, list[str]] = defaultdict(list)
    for name in table:
        if " " in name:
            substances[name.partition(" ")[2]].append(name)
    asked = {name.partition(" ")[2] for name in PBE} if quick else set(substances)
    found = {}
    for substance, names in sorted(substances.items()):
        if substance not in asked or len(names) < 2:
            continue
        own = {name: equilibrium(calculator, prototype(name), table[name]["volume"]) for name in names}
        energies = {name.split()[0]: [row["energy"], table[name]["energy"]] for name, row in own.items() if row}
        if len(energies) > 1:
            found[substance] = energies
    return {"substances": found}


def report_order(found: dict[str, Any]) -> list[str]:
    """How often both name the same structure, how far energies above the stablest are off, and where they disagree."""
    lines, errors = [], []
    agree = clear = agree_where_clear = 0
    for substance, energies in found["substances"].items():
        names = list(energies)
        model, teacher = np.array([energies[name] for name in names]).T
        best = int(np.argmin(teacher))
        errors += list(np.delete((model - model[best]) - (teacher - teacher[best]), best))
        is_clear = bool(np.sort(teacher)[1] - teacher[best] > CLEAR)
        same = int(np.argmin(model)) == best
        agree, clear, agree_where_clear = agree + same, clear + is_clear, agree_where_clear + (same and is_clear)
        if is_clear and not same:
            other = int(np.argmin(model))
            lines.append(
                f"  {substance}: {names[other]} below {names[best]} by {1000 * (model[best] - model[other]):.0f}"
                f" (teacher: above by {1000 * (teacher[other] - teacher[best]):.0f})"
            )
    head = [
        f"{len(found['substances'])} substances in 2 to 5 structures; energies in meV/atom",
        f"  same structure stablest as with the teacher: {agree}",
        f"  where the next is more than {1000 * CLEAR:.0f} above: {agree_where_clear} of {clear}",
        f"  energy above the stablest: MAE {1000 * np.mean(np.abs(errors)) if errors else 0:.0f}",
    ]
    return head + lines
