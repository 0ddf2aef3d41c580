"""Harmonic phonons of a crystal from finite displacements.

``run`` displaces atoms as ``settings`` say, ``forces`` makes force constants of what comes back, ``modes`` bands,
densities and thermal properties of these, ``projections`` the part of each atom; ``files`` and ``plots`` keep the
``result``, ``page`` shows it.
"""

from equical.workflows.phonon.result import PhononResult
from equical.workflows.phonon.run import phonon
from equical.workflows.phonon.settings import PhononSettings

__all__ = ["PhononResult", "PhononSettings", "phonon"]
