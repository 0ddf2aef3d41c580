"""Move atoms, and on request the cell, until forces and stress vanish.

``settings`` say how; ``descent`` is one way down; ``run`` relaxes a structure, and ``many`` a list of them; ``files``
keep every step, so that a killed run goes on; ``result``, ``plots`` and ``page`` tell what came out.
"""

from equical.workflows.relax.many import relax_many
from equical.workflows.relax.result import RelaxFailure, RelaxManyResult, RelaxResult
from equical.workflows.relax.run import relax
from equical.workflows.relax.settings import CellMode, RelaxSettings

__all__ = ["CellMode", "RelaxFailure", "RelaxManyResult", "RelaxResult", "RelaxSettings", "relax", "relax_many"]
