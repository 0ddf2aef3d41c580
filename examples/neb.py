"""How fast does a vacancy move in copper? The barrier of a hop, and a look at its saddle point.

On the command line the same is

    equical neb initial.extxyz final.extxyz --relax-ends
    equical vib neb-initial/saddle.extxyz --indices 0 --force
"""

import numpy as np
from ase import units
from ase.build import bulk

from equical import EquiCalc, neb, vib


def main(
    model: str = "metals-pbe",
    repeats: int = 2,
    images: int = 5,
    steps: int = 200,
    relax_ends: bool = True,
    folder: str = "neb-example",
) -> None:
    # Both ends: an atom is missing, and in the other one a neighbour of it. Nobody needs to sort the atoms.
    crystal = bulk("Cu", "fcc", a=3.63, cubic=True) * (repeats, repeats, repeats)
    initial, final = crystal.copy(), crystal.copy()
    del initial[0]
    del final[1]
    calculator = EquiCalc(model, dtype="float64")

    # All images of a step are evaluated in one batch. With resume=True a run that was killed goes on.
    result = neb(
        initial,
        final,
        calculator,
        images=images,
        steps=steps,
        relax_ends=relax_ends,
        output=folder,
        overwrite=True,
        progress=True,
    )
    print(f"converged {result.converged} after {result.steps} steps")
    for length, energy in zip(result.lengths, result.energies - result.energies[0], strict=True):
        print(f"{length:6.2f} Å  {energy:7.3f} eV")
    print(f"barrier           {result.barrier:.2f} eV  (experiment 0.70 eV)")

    # At the saddle point the atom that hops has one imaginary mode, along the path.
    if result.saddle is None:
        return
    way = result.images[-1].positions - result.images[0].positions
    hopping = int(np.linalg.norm(way, axis=1).argmax())
    there = vib(result.saddle, calculator, indices=[hopping], force=True)
    here = vib(result.images[0], calculator, indices=[hopping], force=True)
    print(
        "at the saddle     ", *(f"{frequency:.0f}" for frequency in there.frequencies), "cm⁻¹, imaginary ones negative"
    )
    print("before the hop    ", *(f"{frequency:.0f}" for frequency in here.frequencies), "cm⁻¹")

    # Vineyard's attempt frequency, from this atom alone, and how often it hops.
    attempts = np.prod(here.frequencies) / np.prod(there.modes.real) * units._c * 100
    rate = attempts * np.exp(-result.barrier / (units.kB * 600))
    print(f"attempt frequency {attempts / 1e12:.1f} THz, hops at 600 K {rate:.2g} per second")
    print(f"plot, path and numbers are in {folder}/")


if __name__ == "__main__":
    main()
