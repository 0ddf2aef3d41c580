"""Molecular dynamics of copper: does the model conserve energy, and what does the liquid look like?

On the command line much the same is

    equical md cu.cif --ensemble langevin --temperature 300 --timestep 2 --steps 1000
    equical md md-cu/final.extxyz --ensemble nve --keep-velocities --timestep 2 --steps 1000 --output crystal
    equical md cu.cif --ensemble langevin --temperature 300:4000 --timestep 2 --steps 2000 --output melting
    equical md melting/final.extxyz --ensemble bussi --temperature 1600 --timestep 2 --steps 4000 --output liquid
"""

import sys

from ase.build import bulk

from equical import EquiCalc, md

LIQUID = {"volume": 13.2, "first peak": 2.50, "diffusion": 6.0e-5}
"""Of the liquid near 1600 K by experiment: Å³/atom, Å, cm²/s."""


def main(model: str = "metals-pbe", steps: int = 1000, size: int = 3, folder: str = "md-example") -> None:
    calculator = EquiCalc(model)
    copper = bulk("Cu", "fcc", a=3.61, cubic=True) * (size, size, size)

    # Noise and friction bring the crystal to 300 K; left alone from there, its energy should stay what it is.
    warm = md(copper, calculator, ensemble="langevin", temperature=300, timestep=2, steps=steps, progress=True)
    free = md(
        warm.atoms,
        calculator,
        ensemble="nve",
        keep_velocities=True,
        timestep=2,
        steps=steps,
        output=f"{folder}/crystal",
        overwrite=True,
        progress=True,
    )
    print(f"crystal: {free.temperature} K")
    print(f"energy drift {free.energy_drift:.1e} meV/atom/ps without a thermostat")

    # Melted at the density of the liquid by heating it well beyond its melting point, then cooled and measured.
    volume = LIQUID["volume"] * len(copper)
    copper.set_cell(copper.cell * (volume / copper.get_volume()) ** (1 / 3), scale_atoms=True)
    melting = md(
        copper, calculator, ensemble="langevin", temperature=(300, 4000), timestep=2, steps=2 * steps, progress=True
    )
    # A run with an output folder can be killed at any moment, and goes on with resume=True, to the last bit.
    liquid = md(
        melting.atoms,
        calculator,
        ensemble="bussi",
        temperature=1600,
        timestep=2,
        steps=4 * steps,
        equilibrate=0.5,
        output=f"{folder}/liquid",
        overwrite=True,
        progress=True,
    )
    if liquid.radial_distribution is not None:
        rdf = liquid.radial_distribution
        peak = rdf.distance[rdf.total.argmax()]
        print(f"liquid: first peak of g(r) {peak:.2f} Å, height {rdf.total.max():.2f}")
        print(f"        (experiment {LIQUID['first peak']:.2f} Å)")
    if liquid.diffusion is not None:
        value, error = liquid.diffusion.coefficient["Cu"], liquid.diffusion.error["Cu"]
        found = liquid.diffusion.reason.get("Cu", f"({value:.1e} ± {error:.0e}) cm²/s")
        print(f"        diffusion: {found}  (experiment {LIQUID['diffusion']:.1e} cm²/s)")
    print(f"trajectories, tables and plots are in {folder}/")


if __name__ == "__main__":
    main(steps=int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
