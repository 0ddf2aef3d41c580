"""Move atoms, and on request the cell, until forces and stress vanish."""

from equical.workflows.relax.descent import RelaxSettings
from equical.workflows.relax.many import RelaxFailure, relax_many
from equical.workflows.relax.run import RelaxResult, relax

__all__ = ["RelaxFailure", "RelaxResult", "RelaxSettings", "relax", "relax_many"]
