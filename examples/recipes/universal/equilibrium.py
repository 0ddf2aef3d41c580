"""Volume, energy and bulk modulus of simple crystals, and of parents that no training sees, with a calculator.

    python equilibrium.py --calculator nequix_teacher:calculator --real mptrj-random-1k.extxyz.gz

Scans, slabs and vibrations begin at these volumes, and judge.py compares with them. A run that was interrupted goes on
where it stopped.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from calculators import load_calculator
from frames import read_frames
from prototypes import EQUILIBRIA, binary_names, elemental_names, prototype
from sources import PARENTS, Sources
from split import Split

GPA = 160.21766208
"""eV/Å³ in GPa."""

STEP = 0.02
"""Of the logarithm of the volume: half the distance of the pressures that the bulk modulus is taken from."""

STRIDE = 0.1
"""Of the logarithm of the volume: the most that it changes in one step."""

SETTLED = 2e-4
"""Of the logarithm of the volume: a smaller step is the last."""

NOBLE_GASES = {2: 20.0, 10: 25.0, 18: 45.0, 36: 55.0, 54: 70.0}
"""Å³ for each atom of a solid, of which parents say nothing; at half of it the teacher has minima that are not real."""

UNSEEN = 120
"""Parents whose bulk moduli are computed."""


def scaled(crystal: Atoms, volume: float) -> Atoms:
    """A crystal with another volume (Å³) for each atom, fractional coordinates kept."""
    atoms = crystal.copy()
    atoms.set_cell(atoms.cell.array * (volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    return atoms


def pressure(calculator: Calculator, crystal: Atoms, volume: float) -> float:
    """eV/Å³ at a volume (Å³) for each atom."""
    return -float(np.mean(calculator.get_property("stress", scaled(crystal, volume))[:3]))


def equilibrium(calculator: Calculator, crystal: Atoms, volume: float) -> dict[str, float] | None:
    """Where the pressure vanishes on the way down from a volume (Å³ for each atom).

    Returns:
        ``volume`` (Å³) and ``energy`` (eV) for each atom, ``bulk_modulus`` (GPa); None if the way leads nowhere.
    """
    found = pressure(calculator, crystal, volume)
    step = STRIDE * np.sign(found) / 2
    for _ in range(20):
        before, volume = found, volume * np.exp(step)
        found = pressure(calculator, crystal, volume)
        stiffness = (before - found) / step
        downhill = found / stiffness if stiffness > 0 else STRIDE * np.sign(found)
        step = float(np.clip(downhill, -STRIDE, STRIDE)) or SETTLED / 2
        if abs(step) < SETTLED:
            break
    else:
        return None
    left, right = (pressure(calculator, crystal, volume * np.exp(sign * STEP)) for sign in (-1, 1))
    if left <= right:
        return None
    energy = calculator.get_property("energy", scaled(crystal, volume)) / len(crystal)
    return {
        "volume": round(float(volume), 4),
        "energy": round(float(energy), 5),
        "bulk_modulus": round((left - right) / (2 * STEP) * GPA, 2),
    }


def unseen_parents(sources: Sources, split: Split) -> list[Atoms]:
    """Small parents that no training sees, some of them."""
    found = []
    for number, parent in enumerate(sources.small):
        probe = parent.copy()
        probe.info.update(kind="perturbed", number=number)
        if split.part(probe) == "unseen crystals":
            found.append(parent)
    return found[:: max(1, len(found) // UNSEEN)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calculator", required=True, help="module:function that returns an ASE calculator")
    parser.add_argument("--real", type=Path, help="mptrj-random-1k.extxyz.gz, for parents that no training sees")
    parser.add_argument("--parents", type=Path, default=PARENTS)
    parser.add_argument("--output", type=Path, default=EQUILIBRIA)
    options = parser.parse_args(arguments)
    calculator, sources = load_calculator(options.calculator), Sources.read(options.parents)
    done = json.loads(options.output.read_text(encoding="utf-8")) if options.output.exists() else {}
    crystals = [prototype(name) for name in elemental_names() + binary_names()]
    if options.real:
        crystals += unseen_parents(sources, Split.of(read_frames(options.real), sources.parents))
    for crystal in crystals:
        name = crystal.info["parent"]
        if name in done:
            continue
        is_prototype = " " in name
        volumes = [NOBLE_GASES.get(int(z), sources.volumes[z]) for z in crystal.numbers]
        guess = np.mean(volumes) if is_prototype else crystal.get_volume() / len(crystal)
        done[name] = equilibrium(calculator, crystal, float(guess))
        part = options.output.with_suffix(".part")
        part.write_text(json.dumps(done, indent=0), encoding="utf-8")
        part.rename(options.output)
        print(name, done[name], flush=True)


if __name__ == "__main__":
    main()
