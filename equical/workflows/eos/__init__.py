"""Energy against volume, and what an equation of state makes of it.

``run`` scans the volumes as ``settings`` say, ``fit`` makes an equation of state of them, ``files`` and ``plots`` keep
the ``result``, ``page`` shows it.
"""

from equical.workflows.eos.result import EosResult
from equical.workflows.eos.run import eos
from equical.workflows.eos.settings import EosSettings

__all__ = ["EosResult", "EosSettings", "eos"]
