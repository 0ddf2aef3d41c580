"""Vibrations of oxygen on platinum and of nitrogen in the gas: zero-point energies, entropies, free energies.

On the command line much the same is

    equical relax o-pt111.extxyz --model catalysis-rpbe --fmax 0.005
    equical vib relax-o-pt111/relaxed.extxyz --model catalysis-rpbe --indices -1 --temperature 300
"""

from ase import units
from ase.build import add_adsorbate, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from equical import EquiCalc, relax, vib
from equical.workflows.vib.thermo import of_harmonic_modes


def main(
    model: str = "catalysis-rpbe", size: int = 2, steps: int = 200, force: bool = False, folder: str = "vib-example"
) -> None:
    # An adsorbate: the slab is frozen for the vibrations, all but its two lowest layers were free to relax.
    slab = fcc111("Pt", (size, size, 4), a=3.99, vacuum=8.0)
    slab.set_constraint(FixAtoms(range(2 * size**2)))
    add_adsorbate(slab, "O", 1.2, "fcc")
    calculator = EquiCalc(model, dtype="float64")
    relaxed = relax(slab, calculator, fmax=0.005, steps=steps)
    oxygen = vib(
        relaxed.atoms,
        calculator,
        indices=[-1],
        temperature=300,
        force=force,
        output=folder,
        overwrite=True,
        progress=True,
    )
    print("O on Pt(111), cm⁻¹:", *(f"{frequency:.0f}" for frequency in oxygen.frequencies))
    print(f"zero-point energy   {1000 * oxygen.zero_point_energy:.0f} meV")

    # Frequencies are known now: other temperatures cost nothing.
    for temperature in (300, 500, 700):
        thermo = of_harmonic_modes(oxygen.energy, oxygen.modes.real, temperature=temperature)
        print(f"F − E at {temperature} K      {1000 * (thermo.gibbs_energy - oxygen.energy):+.0f} meV")

    # A free molecule, with any of ASE's calculators: it also moves and turns, and is an ideal gas.
    nitrogen = vib(molecule("N2"), EMT(), relax_first=True, temperature=298.15, pressure=1.0)
    entropy = nitrogen.thermo.entropy / units.J * units.mol
    print(f"N2, {nitrogen.point_group}, {nitrogen.frequencies[0]:.0f} cm⁻¹  (experiment 2359 cm⁻¹)")
    print(f"its entropy         {entropy:.1f} J/K/mol at 298 K and 1 bar  (experiment 191.6 J/K/mol)")
    for part, value in nitrogen.thermo.entropy_parts.items():
        print(f"  of {part:<14} {value / units.J * units.mol:7.1f} J/K/mol")
    print(f"modes to look at (ase gui {folder}/modes.extxyz), numbers and the spectrum are in {folder}/")


if __name__ == "__main__":
    main()
