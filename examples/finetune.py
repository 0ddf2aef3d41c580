"""Adapt a shipped model to one's own data, here copper as an analytic potential has it, with all guard rails.

The script writes the data and runs the two command lines that it prints:

    equical data check copper.extxyz --group-key run
    equical finetune --model metals-pbe --data copper.extxyz --group-key run --max-epochs 30
"""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical import EquiCalc


def write_data(path: Path, runs: int) -> None:
    """Rattled copper, two frames for each run, with the energies, forces and stresses of EMT."""
    rng = np.random.default_rng(0)
    images = []
    for run in range(runs):
        crystal = bulk("Cu", cubic=True)
        crystal.set_cell(crystal.cell.array * (1 + rng.uniform(-0.02, 0.02)), scale_atoms=True)
        for _ in range(2):
            atoms = crystal.copy()
            atoms.positions += rng.normal(scale=0.1, size=(len(atoms), 3))
            atoms.calc = EMT()
            labels = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
            atoms.calc = SinglePointCalculator(atoms, **labels)
            atoms.info["run"] = f"run-{run}"
            images.append(atoms)
    write(path, images)


def equical(*arguments: str) -> None:
    """Run a command and show what it says."""
    print("equical", shlex.join(arguments), flush=True)
    done = subprocess.run([sys.executable, "-m", "equical", *arguments], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="", flush=True)
    done.check_returncode()


def main(model: str = "metals-pbe", runs: int = 20, epochs: int = 30, folder: str = "finetune-example") -> None:
    Path(folder).mkdir(exist_ok=True)
    data, output = f"{folder}/copper.extxyz", f"{folder}/run"
    write_data(Path(data), runs)

    # Units, signs, outliers, duplicates, frames that belong together: best known before training.
    equical("data", "check", data, "--group-key", "run")

    # The zero of energy is shifted first; the error at step 0 is that of the model one starts from.
    options = ["--group-key", "run", "--max-epochs", str(epochs), "--batch-atoms", "32", "--skip-check"]
    equical("finetune", "--model", model, "--data", data, "--output", output, "--overwrite", *options)

    atoms = bulk("Cu", cubic=True)
    atoms.calc = EquiCalc(f"{output}/model")
    print(f"energy of copper with the adapted model: {atoms.get_potential_energy() / len(atoms):.4f} eV/atom")


if __name__ == "__main__":
    main()
