"""Phonons of copper: is it stable, how much heat does it hold, how fast is sound in it? The last with phonopy's help.

On the command line much the same is

    equical relax cu.cif --cell --symmetry --write cu-relaxed.cif
    equical phonon cu-relaxed.cif --supercell 3 3 3
"""

import numpy as np
import phonopy
from ase.build import bulk

from equical import EquiCalc
from equical.workflows.phonon.run import phonon
from equical.workflows.relax import relax


def main(
    model: str = "metals-pbe",
    steps: int = 200,
    repeats: int = 3,
    mesh: float = 100.0,
    folder: str = "phonon-example",
) -> None:
    # Phonons belong to the model's own lattice constant, and to a structure without forces.
    calculator = EquiCalc(model, dtype="float64")
    start = bulk("Cu", "fcc", a=3.61, cubic=True)
    copper = relax(start, calculator, cell="free", fmax=1e-4, steps=steps, symmetry=True)

    # Every displaced supercell is kept as soon as it is done: with resume=True a run that was killed goes on.
    result = phonon(
        copper.atoms,
        calculator,
        supercell=(repeats, repeats, repeats),
        mesh=mesh,
        temperatures=np.arange(0, 601, 10).tolist(),
        output=folder,
        overwrite=True,
        progress=True,
    )
    for mode in result.imaginary_modes:
        print(f"imaginary: {mode.frequency:.2f} THz at q = {mode.q}, band {mode.band} ({mode.where})")
    highest = max(frequencies.max() for frequencies in result.band_frequencies)
    print(f"highest frequency  {highest:.2f} THz  (experiment 7.4 THz)")
    thermal = result.thermal
    room = int(np.argmin(abs(thermal.temperatures - 300)))
    print(f"heat capacity      {thermal.heat_capacity[room]:.2f} J/K/mol at 300 K  (experiment 23.8)")
    print(f"entropy            {thermal.entropy[room]:.2f} J/K/mol at 300 K  (experiment 33.2)")

    # phonopy takes it from here: the speed of sound along [100], from group velocities near Γ.
    force_constants = phonopy.load(f"{folder}/phonopy.yaml")
    force_constants.run_qpoints([[0.0, 0.01, 0.01]], with_group_velocities=True)  # in the primitive cell's basis
    velocities = np.linalg.norm(force_constants.qpoints.group_velocities[0], axis=1) * 100  # Å THz → m/s
    print(f"sound along [100]  {velocities[2]:.0f} and {velocities[0]:.0f} m/s  (experiment 4440 and 3020 m/s)")
    print(f"plots, numbers and phonopy's files are in {folder}/")


if __name__ == "__main__":
    main()
