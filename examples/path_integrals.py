"""How fast do copper nuclei move at 100 K, quantum mechanics included? Path integrals with i-PI.

    pip install 'equical[ipi]'
    python examples/path_integrals.py

This process answers i-PI, as the command `equical serve start.extxyz --socket copper` would.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from ase import units
from ase.build import bulk
from ase.io import write

from equical import EquiCalc, vib
from equical.interfaces.ipi import serve

INPUT = """
<simulation verbosity='low'>
  <output prefix='run'>
    <properties filename='out'> [ step, kinetic_cv{{electronvolt}}, conserved{{electronvolt}} ] </properties>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>4711</seed></prng>
  <ffsocket mode='unix' name='equical'><address>{socket}</address><latency>1e-3</latency></ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='ase'>start.extxyz</file>
      <velocities mode='thermal' units='kelvin'>{temperature}</velocities>
    </initialize>
    <forces><force forcefield='equical'/></forces>
    <ensemble><temperature units='kelvin'>{temperature}</temperature></ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'>4</timestep>
        <thermostat mode='pile_g'><tau units='femtosecond'>100</tau></thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
"""


def main(
    model: str = "metals-pbe", beads: int = 8, steps: int = 300, temperature: float = 100, socket: str = "copper"
) -> None:
    atoms = bulk("Cu", a=3.63, cubic=True)
    calculator = EquiCalc(model)

    # What a harmonic crystal would have: per mode ħω/4 coth(ħω/2kT), and kT/2 where the whole crystal moves.
    modes = vib(atoms, EquiCalc(model, dtype="float64"), force=True).modes
    energies, thermal = modes.real * units.invcm, units.kB * temperature
    harmonic = np.sum(energies / 4 / np.tanh(energies / thermal / 2)) + 1.5 * thermal

    write("start.extxyz", atoms)
    Path("input.xml").write_text(INPUT.format(beads=beads, steps=steps, temperature=temperature, socket=socket))
    ipi = subprocess.Popen(
        [sys.executable, Path(sys.executable).with_name("i-pi"), "input.xml"], stdout=subprocess.DEVNULL
    )
    try:
        count = serve(atoms, calculator, socket=socket)
        ipi.wait()
    finally:
        ipi.kill()
    rows = np.loadtxt("run.out")
    kinetic = rows[len(rows) // 5 :, 1]

    print(f"{beads} beads, {steps} steps of 4 fs, {count} evaluations")
    print(f"kinetic energy, path integrals    {1000 * kinetic.mean() / len(atoms):.1f} meV per atom")
    print(f"kinetic energy, harmonic crystal  {1000 * harmonic / len(atoms):.1f} meV per atom")
    print(f"kinetic energy, classical nuclei  {1000 * 1.5 * thermal:.1f} meV per atom")
    print(f"conserved energy                  {1000 * np.ptp(rows[:, 2]) / len(atoms):.1f} meV per atom, extremes")


if __name__ == "__main__":
    main()
