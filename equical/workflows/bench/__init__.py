"""What a step costs here."""

from equical.workflows.bench.run import BenchResult

__all__ = ["BenchResult"]
