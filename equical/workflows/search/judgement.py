"""How far a search can be trusted: whether it found its best more than once, and what it has missed."""

from __future__ import annotations

from equical.workflows.common.notes import warn
from equical.workflows.common.suitability import warn_of_unknown
from equical.workflows.search.result import SearchResult

__all__ = ["judge"]

MANY_FAILED = 0.5
"""Share of structures that came to nothing, from which on something is wrong with how they are made."""


def judge(result: SearchResult) -> bool:
    """Warn of what a search leaves open.

    Returns:
        Whether the lowest structure of every composition has converged.
    """
    lowest = [one for one in result.found if one.above_lowest == 0.0]
    once = [one.formula for one in lowest if len(one.numbers) == 1]
    if once:
        warn(
            f"the lowest structure of {_some(once)} was found only once: more structures (--structures, with --resume) "
            "may find a lower one"
        )
    unconverged = [one.formula for one in lowest if not one.converged]
    if unconverged:
        warn(f"the lowest structure of {_some(unconverged)} has not converged in {result.settings.steps} steps")
    if len(result.failures) > MANY_FAILED * result.settings.structures:
        number, reason = min(result.failures.items())
        count = f"{len(result.failures)} of {result.settings.structures}"
        warn(f"{count} structures came to nothing; number {number}: {reason}")
    reasons = [(f"rank {rank} ({one.formula})", one.outside) for rank, one in enumerate(result.found, 1)]
    warn_of_unknown(reasons, "distinct structures")
    elements = result.settings.elements
    missing = [symbol for symbol in elements if symbol not in result.formulas]
    if len(result.settings.compositions) > 1 and len(result.formulas) > 1 and missing:
        warn(
            f"no structure of pure {_some(missing)} was found: the hull says nothing about decomposition into it, and "
            "there are no formation energies"
        )
    return not unconverged


def _some(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
