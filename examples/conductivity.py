"""How well does silicon conduct heat, and which phonons carry it?

    pip install 'equical[conductivity]'
    python examples/conductivity.py

On the command line the same is

    equical conductivity si.cif --isotopes
"""

import numpy as np
from ase.build import bulk

from equical import EquiCalc, InputError, conductivity


def main(
    model: str = "universal-mini",
    supercell: float = 10.0,
    third_order_supercell: float = 8.0,
    mesh: float = 50.0,
    folder: str = "conductivity-example",
) -> None:
    # Relaxed first. Then pairs of atoms are displaced, about a hundred of them in a supercell of 64 atoms; with
    # resume=True a run that was killed goes on, and another mesh or method asks for no forces.
    try:
        result = conductivity(
            bulk("Si", a=5.43, cubic=True),
            EquiCalc(model),
            supercell=supercell,
            third_order_supercell=third_order_supercell,
            mesh=mesh,
            temperatures=[200, 300, 500, 1000],
            isotopes=True,
            output=folder,
            overwrite=True,
            progress=True,
        )
    except InputError as error:  # such as a crystal that is not stable with this model
        print(error)
        return

    found, room = result.transport, result.room
    for kelvin, kappa in zip(result.temperatures, found.mean, strict=True):
        print(f"{kelvin:6.0f} K  {kappa:8.2f} W/m/K" + "  (experiment 148)" * bool(kelvin == 300))
    if result.coarser is not None:
        change = result.coarser.mean[room] / found.mean[room] - 1
        print(f"on a mesh of {result.coarser.mesh} instead of {found.mesh} {100 * change:+.0f} %: converged?")

    # Half of the heat is carried by modes up to this frequency.
    order = np.argsort(found.frequencies, axis=None)
    carried = np.cumsum(found.contributions[room].ravel()[order])
    half = found.frequencies.ravel()[order][np.searchsorted(carried, carried[-1] / 2)]
    print(f"half of the heat is carried below {half:.1f} THz; modes go up to {result.max_frequency:.1f} THz")
    print(f"plots, numbers and phono3py's file are in {folder}/")


if __name__ == "__main__":
    main()
