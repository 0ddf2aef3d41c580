"""Errors of catalysis-rpbe on relaxations and slabs its training held out, adsorption energies included.

    python examples/recipes/catalysis_rpbe/errors.py

Adsorption energies are those of O and OH from H2O and H2. They are compared on the DFT geometries, and again where
the model relaxes slab, molecules and adsorbate by itself, starting from the first frames of the DFT relaxations.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read

from equical import EquiCalc, relax

HELD_OUT = Path(__file__).parent / "validation.extxyz.gz"
"""By ``info["part"]``: ``relaxation`` and ``slab`` were held out; ``reference`` (bare slabs and molecules) was not."""


def force_errors(calculator: EquiCalc, frames: list[Atoms]) -> dict[str, float]:
    """Print energy errors in meV/atom and force errors in meV/Å by part; return those of the forces on free atoms."""
    of_free_atoms = {}
    print("part        frames  energy MAE, RMSE (meV/atom)  free atoms: force MAE  of zero  fixed atoms: MAE  of zero")
    for part in ("relaxation", "slab"):
        energy: list[float] = []
        found: dict[str, list[np.ndarray]] = defaultdict(list)
        for frame in (frame for frame in frames if frame.info["part"] == part):
            atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc, calculator=calculator)
            forces, fixed = frame.get_forces(), frame.arrays["fixed"].astype(bool)
            energy.append(1e3 * (atoms.get_potential_energy() - frame.get_potential_energy()) / len(atoms))
            difference = 1e3 * np.abs(atoms.get_forces() - forces)
            for kind, mask in (("free", ~fixed), ("fixed", fixed)):
                found[kind].append(difference[mask].ravel())
                found[f"zero {kind}"].append(1e3 * np.abs(forces[mask]).ravel())
        mean = {kind: np.concatenate(values).mean() for kind, values in found.items()}
        errors, of_free_atoms[part] = np.array(energy), float(mean["free"])
        print(
            f"{part:10s}  {len(errors):6d}  {np.abs(errors).mean():13.1f} {np.sqrt((errors**2).mean()):5.1f}"
            f"  {mean['free']:29.1f}  {mean['zero free']:7.1f}  {mean['fixed']:16.1f}  {mean['zero fixed']:7.1f}"
        )
    return of_free_atoms


def adsorption_energies(calculator: EquiCalc, frames: list[Atoms], steps: int) -> np.ndarray:
    """Print the adsorption energy of each relaxation held out; ``[n, 3]`` of DFT, model, model relaxed (eV)."""
    runs: dict[str, list[Atoms]] = defaultdict(list)
    for frame in frames:
        if frame.info["part"] != "slab":
            runs[frame.info["src"]].append(frame)
    own = {name: (energy(calculator, run[-1]), relaxed_energy(calculator, run[0], steps)) for name, run in runs.items()}
    rows = []
    print("\nadsorption energy (eV)                       DFT    model   model, relaxed")
    for name, run in sorted(runs.items()):
        if run[-1].info["part"] != "relaxation":
            continue
        hydrogens, oxygens = (run[-1].get_chemical_symbols().count(symbol) for symbol in "HO")
        slab = next(other for other in runs if other == f"{surface_of(name)}_slab.traj")
        parts = [(name, 1), (slab, -1), ("gas_h2o.traj", -oxygens), ("gas_h2.traj", oxygens - hydrogens / 2)]
        dft = sum(number * runs[part][-1].get_potential_energy() for part, number in parts)
        model, relaxed = (sum(number * own[part][place] for part, number in parts) for place in (0, 1))
        rows.append((dft, model, relaxed))
        adsorbate = "O" if not hydrogens else "OH"
        print(f"{adsorbate:2s} {name:36s} {dft:9.2f} {model:8.2f} {relaxed:16.2f}")
    table = np.array(rows)
    errors = np.abs(table[:, 1:] - table[:, :1]).mean(axis=0)
    print(f"{'mean absolute error':39s} {errors[0]:18.2f} {errors[1]:16.2f}")
    return table


def surface_of(source: str) -> str:
    """``agirpdptru_0000`` of ``agirpdptru_0000_fcc_O_5.traj``."""
    for mark in ("_fcc", "_ontop", "_ads"):
        source = source.split(mark)[0]
    return source


def energy(calculator: EquiCalc, frame: Atoms) -> float:
    """eV, in the geometry of DFT."""
    return calculator.get_property("energy", frame)


def relaxed_energy(calculator: EquiCalc, frame: Atoms, steps: int) -> float:
    """eV, in the model's own geometry; atoms that DFT held fixed stay fixed."""
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.set_constraint(FixAtoms(mask=frame.arrays["fixed"].astype(bool)))
    result = relax(atoms, calculator, fmax=0.03, steps=steps)
    if not result.converged:
        print(f"{frame.info['src']} did not converge in {steps} steps", file=sys.stderr)
    return result.energy


def main(model: str = "catalysis-rpbe", steps: int = 300) -> np.ndarray:
    calculator, frames = EquiCalc(model), read(HELD_OUT, ":")
    force_errors(calculator, frames)
    return adsorption_energies(calculator, frames, steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
