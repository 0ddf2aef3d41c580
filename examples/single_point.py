"""Energy, forces and stress of real structures with the model as an ASE calculator.

Run it anywhere: ``python examples/single_point.py``.
"""

from pathlib import Path

import numpy as np
from ase import units
from ase.io import read

from equical import EquiCalc

STRUCTURES = Path(__file__).parent / "structures"


def main(model: str = "metals-pbe") -> None:
    calculator = EquiCalc(model)  # loaded once; it serves any sequence of different structures
    print(f"{calculator.name}: cutoff {calculator.cutoff} Å, elements {' '.join(calculator.elements)}")

    for name in ("cu-distorted.cif", "cu111-slab.extxyz"):
        atoms = read(STRUCTURES / name)
        atoms.calc = calculator

        # Units are ASE's: eV, eV/Å, eV/Å³. Per-atom energies sum to the energy.
        energy = atoms.get_potential_energy()
        energies = atoms.get_potential_energies()
        forces = atoms.get_forces(apply_constraint=False)
        print(f"\n{name}: {atoms.get_chemical_formula()}")
        print(f"  energy         {energy:.4f} eV = {energy / len(atoms):.4f} eV/atom")
        print(f"  atoms          {energies.min():.4f} … {energies.max():.4f} eV")
        print(f"  largest force  {np.linalg.norm(forces, axis=1).max():.4f} eV/Å")

        # Stress in Voigt order xx, yy, zz, yz, xz, xy. Positive: the crystal wants to shrink in that direction.
        stress = atoms.get_stress() / units.GPa
        print("  stress         " + " ".join(f"{component:.3f}" for component in stress) + " GPa")


if __name__ == "__main__":
    main()
