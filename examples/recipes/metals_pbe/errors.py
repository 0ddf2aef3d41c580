"""Errors of metals-pbe on the frames its training held out, element by element.

python examples/recipes/metals_pbe/errors.py
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from ase.io import read

from equical import EquiCalc

HELD_OUT = Path(__file__).parent / "validation.extxyz.gz"


def main(model: str = "metals-pbe") -> dict[str, dict[str, float]]:
    """Errors by element: energy in meV/atom, forces in meV/Å, stress in GPa."""
    calculator = EquiCalc(model)
    differences: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for frame in read(HELD_OUT, ":"):
        energy, forces, stress = frame.get_potential_energy(), frame.get_forces(), frame.get_stress()
        frame.calc = calculator
        of_element = differences[frame.info["dataset"]]
        of_element["energy"].append((frame.get_potential_energy() - energy) / len(frame))
        of_element["forces"].append((frame.get_forces() - forces).ravel())
        of_element["stress"].append(frame.get_stress() - stress)
    errors = {}
    print("element  frames  energy RMSE, MAE (meV/atom)  force MAE, RMSE (meV/Å)  stress MAE (GPa)")
    for element, of_element in differences.items():
        energy = 1e3 * np.array(of_element["energy"])
        forces = 1e3 * np.concatenate(of_element["forces"])
        stress = 160.21766208 * np.array(of_element["stress"])
        errors[element] = {
            "energy_rmse": float(np.sqrt(np.mean(energy**2))),
            "energy_mae": float(np.mean(np.abs(energy))),
            "forces_mae": float(np.mean(np.abs(forces))),
            "forces_rmse": float(np.sqrt(np.mean(forces**2))),
            "stress_mae": float(np.mean(np.abs(stress))),
        }
        numbers = "{energy_rmse:13.1f} {energy_mae:5.1f} {forces_mae:20.1f} {forces_rmse:6.1f} {stress_mae:20.2f}"
        print(f"{element:7s}  {len(energy):6d}  {numbers.format(**errors[element])}")
    return errors


if __name__ == "__main__":
    main(*sys.argv[1:])
