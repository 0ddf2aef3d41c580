"""Thermal expansion, heat capacity and elasticity at a temperature, in the quasi-harmonic approximation.

``run`` computes phonons over volumes as ``settings`` say, ``equilibrium`` finds the volume of least free energy at each
temperature and what follows from it, ``files`` and ``plots`` keep the ``result``.
"""

from equical.workflows.qha.result import QhaResult
from equical.workflows.qha.run import qha
from equical.workflows.qha.settings import QhaSettings

__all__ = ["QhaResult", "QhaSettings", "qha"]
