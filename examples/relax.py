"""Relax a distorted crystal with its cell, and a slab whose bottom layers are frozen.

On the command line the same is

    equical relax examples/structures/cu-distorted.cif --cell
    equical relax examples/structures/cu111-slab.extxyz
"""

from pathlib import Path

import numpy as np
from ase.io import read

from equical import EquiCalc, relax

STRUCTURES = Path(__file__).parent / "structures"


def main(model: str = "metals-pbe", steps: int = 200, folder: str = "relax-example") -> None:
    calculator = EquiCalc(model)

    # A cell strained by up to 5 % goes back to fcc. Converged means forces and stress.
    distorted = read(STRUCTURES / "cu-distorted.cif")
    crystal = relax(
        distorted,
        calculator,
        cell="free",
        fmax=0.01,
        smax=0.02,
        steps=steps,
        output=f"{folder}/crystal",
        overwrite=True,
    )
    print(f"crystal: converged {crystal.converged} after {crystal.steps} steps")
    print(f"  {crystal.space_group_before} → {crystal.space_group_after}")
    print(f"  lattice vectors of {', '.join(f'{length:.3f}' for length in crystal.atoms.cell.lengths())} Å")

    # The same crystal under 10 GPa is smaller.
    squeezed = relax(crystal.atoms, calculator, cell="free", pressure=10, steps=steps)
    ratio = squeezed.atoms.cell.volume / crystal.atoms.cell.volume
    print(f"  under 10 GPa {100 * (1 - ratio):.1f} % less volume")

    # Constraints in the file are respected: the two bottom layers stay where they are.
    slab = read(STRUCTURES / "cu111-slab.extxyz")
    surface = relax(slab, calculator, fmax=0.02, steps=steps, output=f"{folder}/slab", overwrite=True)
    moved = np.linalg.norm(surface.atoms.positions - slab.positions, axis=1)
    frozen = slab.constraints[0].index
    print(f"slab: converged {surface.converged} after {surface.steps} steps")
    print(f"  {len(frozen)} frozen atoms moved by {moved[frozen].max():.3f} Å, the others by up to {moved.max():.3f} Å")
    print(f"plots, trajectories and numbers are in {folder}/")


if __name__ == "__main__":
    main()
