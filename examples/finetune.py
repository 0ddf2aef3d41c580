"""Adapt a shipped model to one's own data, here copper as an analytic potential has it, with all guard rails.

On the command line, with the data in place, the same is

    equical data check copper.extxyz --group-key run
    equical finetune --model metals-pbe --data copper.extxyz --group-key run --max-epochs 30
"""

from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

import equical


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


def main(model: str = "metals-pbe", runs: int = 20, epochs: int = 30, folder: str = "finetune-example") -> None:
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder, "copper.extxyz")
    write_data(path, runs)
    data = {"paths": path, "group_key": "run"}  # frames of one run stay on one side of the split

    # Units, signs, outliers, duplicates, frames that belong together: best known before training.
    found = equical.check_data(data)
    print(found.summary)
    for finding in found.findings:
        print(finding.line())

    # The zero of energy is shifted first; the error at step 0 is that of the model one starts from. These labels are of
    # another level of theory than the model's, which the check would take for a mistake.
    result = equical.finetune(
        model,
        data,
        max_epochs=epochs,
        batch_atoms=32,
        skip_check=True,
        output=Path(folder, "run"),
        overwrite=True,
        progress=True,
    )
    print(f"forces: {result.validation['forces_mae_meV_per_A']:.1f} meV/Å (MAE) on frames it has not seen")

    atoms = bulk("Cu", cubic=True)
    atoms.calc = equical.EquiCalc(result.model)
    print(f"energy of copper with the adapted model: {atoms.get_potential_energy() / len(atoms):.4f} eV/atom")


if __name__ == "__main__":
    main()
