"""Lattice thermal conductivity from phonons and their scattering among each other, through phono3py.

``run`` relaxes the crystal and computes force constants as ``settings`` say, ``third_order`` those of third order;
``transport`` solves the Boltzmann equation on a mesh of wave vectors; ``files`` and ``plots`` keep the ``result``,
``page`` shows it.
"""

from equical.workflows.conductivity.result import ConductivityResult
from equical.workflows.conductivity.run import conductivity
from equical.workflows.conductivity.settings import ConductivitySettings

__all__ = ["ConductivityResult", "ConductivitySettings", "conductivity"]
