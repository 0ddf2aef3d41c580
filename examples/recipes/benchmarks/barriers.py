"""Barriers of equical beside those of ASE's own nudged elastic band, with EMT: the same ends, images and springs.

python examples/recipes/benchmarks/barriers.py
"""

from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.mep import NEB
from ase.optimize import FIRE

from equical import neb

IMAGES, FMAX = 5, 0.01


def vacancy(symbol: str) -> tuple[Atoms, Atoms]:
    """A crystal without an atom, and without a neighbour of it."""
    crystal = bulk(symbol, cubic=True) * (2, 2, 2)
    initial, final = crystal.copy(), crystal.copy()
    del initial[0]
    del final[1]
    return initial, final


def oxygen_on_platinum() -> tuple[Atoms, Atoms]:
    """Oxygen in an fcc and in a neighbouring hcp hollow of Pt(111), two of four layers frozen."""
    ends = []
    for site in ("fcc", "hcp"):
        slab = fcc111("Pt", (2, 2, 4), vacuum=7.0)
        slab.set_constraint(FixAtoms(range(8)))
        add_adsorbate(slab, "O", 1.2, site)
        ends.append(slab)
    return ends[0], ends[1]


def barrier_of_ase(first: Atoms, last: Atoms) -> float:
    """eV, by ASE's classes alone."""
    path = [first.copy() for _ in range(IMAGES + 1)] + [last.copy()]
    band = NEB(path, k=0.1, climb=True, method="improvedtangent")
    band.interpolate("idpp", mic=True, apply_constraint=True)
    for image in path:
        image.calc = EMT()
    FIRE(band, logfile=None).run(fmax=FMAX, steps=500)
    energies = [image.get_potential_energy() for image in path]
    return max(energies) - energies[0]


def main() -> None:
    cases = {
        "vacancy in Cu": vacancy("Cu"),
        "vacancy in Al": vacancy("Al"),
        "O on Pt(111), fcc to hcp": oxygen_on_platinum(),
    }
    print(f"{'barrier (eV), EMT':<26} equical     ASE")
    for name, (initial, final) in cases.items():
        ours = neb(initial, final, EMT(), images=IMAGES, fmax=FMAX, relax_ends=True)
        print(f"{name:<26} {ours.barrier:.4f}  {barrier_of_ase(ours.images[0], ours.images[-1]):.4f}")


if __name__ == "__main__":
    main()
