"""Molecular dynamics: settings and ensembles, the loop, checkpoints, and what a trajectory tells."""

from equical.workflows.md.result import Average, MDResult
from equical.workflows.md.run import md
from equical.workflows.md.settings import BAROSTATS, ENSEMBLES, MDSettings

__all__ = ["BAROSTATS", "ENSEMBLES", "Average", "MDResult", "MDSettings", "md"]
