"""Train a small model of copper and nickel on labels of an analytic potential, and use it.

On the command line, with the data in place, the same is

    equical data check copper-nickel.extxyz --group-key run
    equical train examples/train_small.yaml --output train-small
    equical eval copper-nickel.extxyz --model train-small/model --group-key run
"""

import shutil
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical import EquiCalc
from equical.training.config import load_config
from equical.training.loop.trainer import Trainer
from equical.training.start.prepare import prepare


def labelled_crystals(runs: int) -> list[Atoms]:
    """Strained and rattled cells of copper, nickel and their alloys, four for each run, with EMT labels."""
    rng = np.random.default_rng(0)
    images = []
    for run in range(runs):
        crystal = bulk("Cu", cubic=True) * (2, 1, 1)
        crystal.numbers[rng.random(len(crystal)) < rng.random()] = 28
        crystal.set_cell(crystal.cell.array * (1 + rng.uniform(-0.06, 0.02)), scale_atoms=True)
        for _ in range(4):
            atoms = crystal.copy()
            atoms.positions += rng.normal(scale=0.1, size=(len(atoms), 3))
            atoms.calc = EMT()
            labels = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
            atoms.calc = SinglePointCalculator(atoms, **labels)
            atoms.info["run"] = f"run-{run}"
            images.append(atoms)
    return images


def main(runs: int = 40, epochs: int = 60, folder: str = "train-small") -> None:
    output = Path(folder)
    output.mkdir(exist_ok=True)
    images = labelled_crystals(runs)
    write(output / "copper-nickel.extxyz", images)
    shutil.copy(Path(__file__).with_suffix(".yaml"), output)

    # Everything is in the YAML file; here one limit is changed, to show how.
    config = load_config(output / "train_small.yaml")
    limits = config.training.limits.model_copy(update={"max_epochs": epochs})
    config = config.model_copy(update={"training": config.training.model_copy(update={"limits": limits})})

    # The split keeps runs together; reference energies are fitted before the first step.
    result = Trainer(config, prepare(config), output).run()
    errors = result.validation
    print(f"after {result.steps} steps, on frames it has not seen:")
    print(f"  energy {errors['energy_rmse_meV_per_atom']:.1f} meV/atom (RMSE)")
    print(f"  forces {errors['forces_mae_meV_per_A']:.1f} meV/Å (MAE)")

    # The best model is a folder that any calculator can be made of.
    atoms = images[0].copy()
    atoms.calc = EquiCalc(output / "model")
    difference = atoms.get_potential_energy() - images[0].get_potential_energy()
    print(f"energy of one crystal: {1000 * difference / len(atoms):+.1f} meV/atom from its label")


if __name__ == "__main__":
    main()
