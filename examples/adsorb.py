"""Where do oxygen and hydroxyl sit on platinum, how strongly are they bound, and does a step bind them more strongly?

On the command line the same is

    equical adsorb O --bulk Pt --miller 1 1 1 --layers 5 --size 3x3 --model catalysis-rpbe
    equical adsorb O --slab examples/structures/pt211-slab.extxyz --site hollow --model catalysis-rpbe
"""

from pathlib import Path

from equical import EquiCalc
from equical.workflows.adsorption import SlabFromBulk, adsorption_energy
from equical.workflows.adsorption.report import format_summary

STRUCTURES = Path(__file__).parent / "structures"

DENSITY_FUNCTIONAL = {"O": 1.36, "OH": 0.89}
"""eV on Pt(111), from H2O and H2. RPBE, 3×3 cell of 5 layers, of the data set the model is trained on."""


def main(model: str = "catalysis-rpbe", size: int = 3, steps: int = 300, folder: str = "adsorb-example") -> None:
    calculator = EquiCalc(model)

    # The crystal is relaxed, a slab of five layers cut from it, the lower two frozen. Each adsorbate goes to all sites.
    terrace = SlabFromBulk("Pt", miller=(1, 1, 1), layers=5, size=(size, size))
    for adsorbate in ("O", "OH"):
        result = adsorption_energy(
            terrace,
            adsorbate,
            calculator,
            steps=steps,
            output=f"{folder}/{adsorbate}-terrace",
            overwrite=True,
            progress=True,
        )
        print(format_summary(result))
        if result.best is not None:  # None where each and every configuration desorbed, fell apart or did not converge
            energy, site = result.best.adsorption_energy, result.best.site
            print(f"{adsorbate} prefers {site}: {energy:.2f} eV  (RPBE: {DENSITY_FUNCTIONAL[adsorbate]:.2f} eV)")
        print()

    # Energies from O2 instead of water: the same structures, another zero.
    oxygen = adsorption_energy(terrace, "O", calculator, reference="1/2 O2", sites=["fcc"], steps=steps)
    print(f"{oxygen.equation} = {oxygen.configurations[0].adsorption_energy:.2f} eV in the fcc hollow\n")

    # A step from a file, whose constraints are respected. Sites are lettered from the highest, the edge, downwards.
    step = adsorption_energy(
        STRUCTURES / "pt211-slab.extxyz",
        "O",
        calculator,
        sites=["bridge-Pt2-a", "hollow"],
        steps=steps,
        output=f"{folder}/O-step",
        overwrite=True,
        progress=True,
    )
    print(format_summary(step))
    print(f"pictures, structures and numbers are in {folder}/")


if __name__ == "__main__":
    main()
