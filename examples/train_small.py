"""Train a small model of copper and nickel on labels of an analytic potential, and use it.

On the command line, with the data in place, the same is

    equical data check copper-nickel.extxyz --group-key run
    equical train examples/train_small.yaml --output train-small
    equical eval copper-nickel.extxyz --model train-small/model --group-key run
"""

from pathlib import Path

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

import equical


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

    # Everything is in the YAML file; here it is read to change two of its keys.
    config = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    config["data"][0]["paths"] = str(output / "copper-nickel.extxyz")
    config["training"]["limits"]["max_epochs"] = epochs

    # The split keeps runs together; reference energies are fitted before the first step.
    result = equical.train(config, output=output / "run", overwrite=True, progress=True)
    errors = result.validation
    print(f"after {result.steps} steps, on frames it has not seen:")
    print(f"  energy {errors['energy_rmse_meV_per_atom']:.1f} meV/atom (RMSE)")
    print(f"  forces {errors['forces_mae_meV_per_A']:.1f} meV/Å (MAE)")

    # The best model is a folder that any calculator can be made of.
    atoms = images[0].copy()
    atoms.calc = equical.EquiCalc(result.model)
    difference = atoms.get_potential_energy() - images[0].get_potential_energy()
    print(f"energy of one crystal: {1000 * difference / len(atoms):+.1f} meV/atom from its label")


if __name__ == "__main__":
    main()
