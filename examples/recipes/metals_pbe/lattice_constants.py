"""Lattice constants of the six elements of metals-pbe, relaxed from cells distorted by 5 %, beside those of PBE.

python examples/recipes/metals_pbe/lattice_constants.py
"""

import sys

import numpy as np
from ase import Atoms
from ase.build import bulk

from equical import EquiCalc, RelaxResult, relax

PBE = {
    "Li": ("bcc", 3.44),
    "Si": ("diamond", 5.47),
    "Ni": ("fcc", 3.52),
    "Cu": ("fcc", 3.63),
    "Ge": ("diamond", 5.76),
    "Mo": ("bcc", 3.16),
}
"""Structure and lattice constant (Å)."""

TIGHT = {"cell": "free", "fmax": 1e-3, "smax": 5e-3, "steps": 300}
"""How they are relaxed."""


def distorted(symbol: str, seed: int = 0) -> Atoms:
    """The conventional cell with every strain component drawn from ±5 %, and atoms off their sites by 0.05 Å."""
    structure, constant = PBE[symbol]
    crystal = bulk(symbol, structure, a=constant, cubic=True)
    strain = np.random.default_rng(seed).uniform(-0.05, 0.05, (3, 3))
    crystal.set_cell(crystal.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    crystal.rattle(0.05, seed=seed)
    return crystal


def lattice_constant(result: RelaxResult) -> float:
    """Å, of the conventional cell."""
    return result.atoms.cell.volume ** (1 / 3)


def main(model: str = "metals-pbe") -> dict[str, float]:
    """Relative deviation of each lattice constant."""
    calculator = EquiCalc(model, dtype="float64")
    deviations = {}
    print("element  structure  relaxed (Å)  PBE (Å)  deviation (%)  space group")
    for symbol, (structure, constant) in PBE.items():
        result = relax(distorted(symbol), calculator, **TIGHT)
        relaxed = lattice_constant(result)
        deviations[symbol] = relaxed / constant - 1
        state = result.space_group_after if result.converged else "not converged"
        percent = 100 * deviations[symbol]
        print(f"{symbol:7s}  {structure:9s}  {relaxed:11.3f}  {constant:7.2f}  {percent:13.2f}  {state}")
    return deviations


if __name__ == "__main__":
    main(*sys.argv[1:])
