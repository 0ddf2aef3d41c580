"""Molecular dynamics in seven ensembles, and what its trajectory tells.

``settings`` say what to do, and ``checks`` whether a structure can be run so; ``simulate`` takes the time steps, with
``ensembles`` that move the atoms from the ``velocities`` they begin with, and a ``guard`` that watches them. ``record``
writes frames to ``growing`` files and ``state`` what the run goes on from. ``summary`` reads the files and applies
``analysis``, ``diffusion`` and ``correlation``; ``files`` and ``plots`` keep the ``result``, ``page`` shows it.
"""

from equical.workflows.md.result import Average, MDResult
from equical.workflows.md.run import md
from equical.workflows.md.settings import BAROSTATS, ENSEMBLES, Ensemble, MDSettings

__all__ = ["BAROSTATS", "ENSEMBLES", "Average", "Ensemble", "MDResult", "MDSettings", "md"]
