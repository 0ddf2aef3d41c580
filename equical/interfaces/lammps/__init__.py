"""LAMMPS moves the atoms, a calculator gives the forces: by ``fix external``, which ordinary builds of LAMMPS have."""

from equical.interfaces.lammps.external import fix_external
from equical.interfaces.lammps.start import start_lammps

__all__ = ["fix_external", "start_lammps"]
