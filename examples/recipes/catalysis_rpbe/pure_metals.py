"""Oxygen on the close-packed faces of five metals, and hydroxyl on platinum: which site, how strongly?

    python examples/recipes/catalysis_rpbe/pure_metals.py

Platinum has values of the density functional to compare with, from slabs that the training knew. Of the other pure
metals it knew crystals and small slabs: what they show is whether the order of RPBE comes out, Ru > Ir > Pd ≈ Pt > Ag.
"""

import sys

from equical import EquiCalc
from equical.workflows.adsorption import SlabFromBulk, adsorption_energy

FACES = {"Ru": (0, 0, 1), "Ir": (1, 1, 1), "Pd": (1, 1, 1), "Pt": (1, 1, 1), "Ag": (1, 1, 1)}
DENSITY_FUNCTIONAL = {("O", "Pt"): 1.36, ("OH", "Pt"): 0.89}
"""eV from H2O and H2: fcc hollow and top, of the 3×3×5 slabs in the data set."""


def main(model: str = "catalysis-rpbe", folder: str = "pure-metals") -> dict[tuple[str, str], float]:
    """Adsorption energy (eV) on the best site, by adsorbate and metal."""
    calculator, found = EquiCalc(model), {}
    for adsorbate, metals in (("O", FACES), ("OH", ["Pt"])):
        for metal in metals:
            slab = SlabFromBulk(metal, miller=FACES[metal], layers=5, size=(3, 3))
            output = f"{folder}/{adsorbate}-{metal}"
            result = adsorption_energy(slab, adsorbate, calculator, output=output, overwrite=True)
            energies = []
            for each in result.configurations:
                flags = f" ({', '.join(each.anomalies)})" if each.anomalies else ""
                energies.append(f"{each.site} {each.adsorption_energy:.2f}{flags}")
            lattice = "" if result.bulk is None else f"lattice vectors {result.bulk.cell.lengths().round(3)} Å; "
            print(f"{adsorbate} on {metal}: {lattice}{'; '.join(energies)}")
            if result.best is not None:
                found[adsorbate, metal] = result.best.adsorption_energy
                dft = DENSITY_FUNCTIONAL.get((adsorbate, metal))
                beside = "" if dft is None else f"  (RPBE {dft:.2f} eV)"
                print(f"  best: {result.best.site} {result.best.adsorption_energy:.2f} eV{beside}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
