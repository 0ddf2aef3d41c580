"""Copper at room temperature: how much it expands, how much heat it takes, how stiff it is.

On the command line the same is

    equical qha cu.cif --volume-range 0.97 1.045 --volumes 6 --temperatures 0 300 10
"""

import numpy as np
from ase.build import bulk

from equical import EquiCalc, InputError, qha


def main(
    model: str = "metals-pbe",
    volumes: int = 6,
    supercell: float = 10.0,
    mesh: float = 100.0,
    folder: str = "qha-example",
) -> None:
    # The crystal is relaxed first, then scaled to these parts of its volume, with phonons at each. The range must hold
    # the volume at every temperature, and no volume at which the crystal is unstable. What is asked of the model is how
    # its frequencies change with the volume: more than most models were trained for.
    try:
        result = qha(
            bulk("Cu", "fcc", a=3.61),
            EquiCalc(model, dtype="float64"),
            volume_range=(0.97, 1.045),
            num_volumes=volumes,
            supercell=supercell,
            mesh=mesh,
            temperatures=np.arange(0, 301, 10).tolist(),
            output=folder,
            overwrite=True,
            progress=True,
        )
    except InputError as error:  # says at which volume or temperature, and what to do; what was computed is kept
        print(error)
        return

    found = result.equilibrium
    room = len(result.temperatures) - 1
    at_rest = result.volumes[int(np.argmin(abs(result.ratios - 1)))]
    lattice_constant = (4 * found.volume[[0, room]]) ** (1 / 3)
    print(f"at rest            a = {(4 * at_rest) ** (1 / 3):.4f} Å")
    print(f"with zero-point    a = {lattice_constant[0]:.4f} Å  (experiment 3.603 Å at 0 K)")
    print(f"at 300 K           a = {lattice_constant[1]:.4f} Å  (experiment 3.615 Å)")
    print(f"expansion          {1e6 * found.thermal_expansion[room] / 3:.1f}·10⁻⁶/K along each axis  (experiment 16.7)")
    print(f"bulk modulus       {found.bulk_modulus[room]:.1f} GPa  (experiment 137 GPa)")
    print(f"heat capacity C_P  {found.heat_capacity_p[room]:.2f} J/K/mol  (experiment 24.5)")
    print(f"Grüneisen          {found.gruneisen[room]:.2f}  (experiment 2.0)")
    print(f"plots and numbers are in {folder}/")


if __name__ == "__main__":
    main()
