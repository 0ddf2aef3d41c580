"""What a step costs here.

``run`` makes crystals of the sizes in ``settings``; ``measure`` takes steps with them, none beyond its ``deadline``;
``machine`` says where, ``files`` and ``plots`` keep the ``result``.
"""

from equical.workflows.bench.result import STAGES, BenchResult, BenchRow, BenchSkip
from equical.workflows.bench.run import bench
from equical.workflows.bench.settings import BenchSettings

__all__ = ["STAGES", "BenchResult", "BenchRow", "BenchSettings", "BenchSkip", "bench"]
