"""Is LAMMPS's energy conserved with a model behind it, and does LAMMPS see what ASE sees? 500 atoms of copper.

mpiexec -n 2 python examples/recipes/benchmarks/lammps_copper.py
"""

import argparse
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.io.lammpsdata import write_lammps_data
from ase.md.verlet import VelocityVerlet

from equical import EquiCalc
from equical.interfaces.lammps import fix_external, start_lammps

SETUP = """
units metal
atom_modify map yes
boundary p p p
read_data copper.data
pair_style none
velocity all create 600 4711 loop geom
timestep {timestep}
thermo_modify norm no
"""
TIMESTEP = 0.003
"""ps."""

BAR = 1 / 1.6021765e6
"""eV/Å³, as LAMMPS has it in units metal."""


def vectors(lmp: Any, name: str) -> np.ndarray:
    """Positions (``"x"``), velocities (``"v"``) or forces (``"f"``) of all atoms, in order; called by all ranks."""
    return np.array(lmp.gather_atoms(name, 1, 3)).reshape(-1, 3)


def state(lmp: Any) -> Atoms:
    """The atoms that LAMMPS has now, with their velocities."""
    low, high, *_ = lmp.extract_box()
    copper = Atoms("Cu" * lmp.get_natoms(), vectors(lmp, "x"), cell=np.subtract(high, low), pbc=True)
    copper.positions -= low
    copper.set_velocities(vectors(lmp, "v") / (1000 * units.fs))
    return copper


def compare(lmp: Any, calculator: EquiCalc | None) -> str:
    """Largest differences between LAMMPS's energy, forces and virial and those of ASE for the same atoms."""
    atoms, forces, energy = state(lmp), vectors(lmp, "f"), lmp.get_thermo("pe")
    virial = BAR * np.array([lmp.get_thermo(f"p{name}") for name in ("xx", "yy", "zz", "yz", "xz", "xy")])
    if calculator is None:
        return ""
    virial += atoms.get_kinetic_stress(voigt=True)  # LAMMPS counts the motion in
    atoms.calc = calculator
    differences = (
        energy - atoms.get_potential_energy(),
        forces - atoms.get_forces(),
        (virial + atoms.get_stress()) * atoms.get_volume(),
    )
    e, f, v = (np.abs(one).max() for one in differences)
    return f"energy {e:.0e} eV, forces {f:.0e} eV/Å, virial {v:.0e} eV"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="metals-pbe")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--size", type=int, default=5, help="repeats of the cubic cell of four atoms")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    lmp = start_lammps(["-log", "none", "-screen", "none"])
    first = lmp.extract_setting("world_rank") == 0
    say = print if first else (lambda line: None)
    copper = bulk("Cu", a=3.63, cubic=True).repeat(options.size)
    if first:
        write_lammps_data("copper.data", copper, specorder=["Cu"], units="metal", masses=True)
    lmp.commands_string(SETUP.format(timestep=TIMESTEP))
    calculator = EquiCalc(options.model, dtype=options.dtype) if first else None
    fix_external(lmp, calculator, ["Cu"])
    say(f"{len(copper)} atoms, {lmp.extract_setting('world_size')} MPI ranks, {options.dtype}")

    few = min(10, options.steps)
    lmp.command("run 0")
    beside = state(lmp)
    lmp.commands_string(f"fix move all nve\nrun {few}")
    reached = state(lmp)
    if first:
        beside.calc = calculator
        VelocityVerlet(beside, timestep=1000 * TIMESTEP * units.fs).run(few)
        apart = np.abs(beside.positions - reached.positions)
        apart = np.minimum(apart, abs(beside.cell.lengths() - apart)).max()
        say(f"{few} steps of both    positions within {apart:.0e} Å")

    energies = [lmp.get_thermo("etotal")]
    for _ in range(10):
        lmp.command(f"run {max(1, options.steps // 10)} pre no")
        energies.append(lmp.get_thermo("etotal"))
    drift = 1000 * (energies[-1] - energies[0]) / len(copper)
    spread = 1000 * np.ptp(energies) / len(copper)
    say(f"NVE, {options.steps} steps    total energy {drift:+.4f} meV/atom in all, {spread:.4f} between extremes")
    said = compare(lmp, calculator)
    say(f"  beside ASE       {said}")

    lmp.commands_string(f"""
unfix move
fix move all npt temp 300 300 0.1 iso 1 1 0.5
run {options.steps // 2}
reset_timestep 0  # means are taken at multiples of their length
variable edge equal lx/{options.size}
variable now equal temp
fix mean all ave/time 1 {max(1, options.steps // 2)} {max(1, options.steps // 2)} v_edge v_now
run {max(1, options.steps // 2)}
""")
    edge, kelvin = (lmp.extract_fix("mean", 0, 1, nrow=index) for index in range(2))
    say(f"NPT, {options.steps} steps     {kelvin:.0f} K and an edge of {edge:.3f} Å over the second half")
    said = compare(lmp, calculator)
    say(f"  beside ASE       {said}")
    lmp.close()


if __name__ == "__main__":
    main()
