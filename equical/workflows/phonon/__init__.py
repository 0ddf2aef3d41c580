"""Harmonic phonons of a crystal from finite displacements."""

from equical.workflows.phonon.run import PhononResult, phonon

__all__ = ["PhononResult", "phonon"]
