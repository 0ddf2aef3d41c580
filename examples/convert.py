"""Convert a published EquiformerV2 or EquiformerV3 checkpoint, and ask what kind of model it is before using it.

Download a checkpoint from its authors first, then on the command line the same is

    equical convert eqV2_31M_omat.pt eqv2-31m
"""

import sys

import numpy as np
from ase.build import bulk

import equical


def main(checkpoint: str, folder: str = "converted") -> None:
    # Nothing in the file is executed. The folder appears complete or not at all.
    conversion = equical.convert(checkpoint, folder, overwrite=True)
    print(f"{conversion.model}: {conversion.num_parameters:,} parameters, {len(conversion.elements)} elements")
    for note in conversion.warnings:
        print("note:", note)

    # Adsorption energies are relative to slab and gas; forces of a head are no gradient.
    calculator = equical.EquiCalc(folder)
    print(f"energies: {calculator.energy_kind}, conservative: {calculator.conservative}, smooth: {calculator.smooth}")

    copper = bulk("Cu", cubic=True)
    copper.rattle(0.05, seed=1)
    copper.calc = calculator
    net = np.linalg.norm(copper.get_forces().sum(axis=0))
    print(f"{copper.get_potential_energy():.4f} eV; forces sum to {net:.1e} eV/Å, exactly zero for a gradient")


if __name__ == "__main__":
    main(*sys.argv[1:3])
