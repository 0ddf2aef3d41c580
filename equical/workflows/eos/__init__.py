"""Energy against volume, and what an equation of state makes of it."""

from equical.workflows.eos.run import EosResult, eos

__all__ = ["EosResult", "eos"]
