"""Relax many structures side by side: a step of all of them is one batch, where the calculator can evaluate batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equical.workflows.common.batch import evaluate_each
from equical.workflows.relax.descent import RelaxStep, is_converged, make_optimizer, measure, relaxing_strains
from equical.workflows.relax.settings import RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["Relaxation", "relax_together"]


@dataclass(frozen=True)
class Relaxation:
    """Where the relaxation of one structure among many has ended.

    Attributes:
        atoms: with energy, forces and, where the cell relaxes, stress attached; without them if there are none.
        last: what was measured at the end; None where nothing could be.
        steps: taken.
        converged: whether forces and stress fell below their thresholds.
        failure: why it was given up, one line, or None.
    """

    atoms: Atoms
    last: RelaxStep | None
    steps: int
    converged: bool
    failure: str | None = None


def relax_together(
    structures: Sequence[Atoms],
    calculator: BaseCalculator,
    settings: RelaxSettings,
    hopeless: Callable[[Atoms], str | None] = lambda atoms: None,
) -> Iterator[Relaxation]:
    """Relax structures, each as if it were alone.

    Args:
        structures: they are not changed.
        calculator: one with a method ``batch`` as :meth:`.EquiCalc.batch` gets a step of all structures at once; any
            other one gets one structure after the other.
        settings: how to relax all of them.
        hopeless: looks at a structure after each step, and says why it is given up, or None.

    Yields:
        What came of each structure, in their order. Those that fail do not keep the others from going on.

    Raises:
        InputError: the cell is to be relaxed, and cannot be.
        OSError: the calculator cannot write its files.
    """
    side_by_side = len(structures) if hasattr(calculator, "batch") else 1
    for first in range(0, len(structures), max(side_by_side, 1)):
        moving = [_Moving(atoms, calculator, settings) for atoms in structures[first : first + side_by_side]]
        given = 0
        while given < len(moving):
            active = [one for one in moving if one.outcome is None]
            found = _evaluated(calculator, [one.atoms for one in active], moving[0].properties)
            for one, results in zip(active, found, strict=True):
                one.go_on(results, hopeless)
            while given < len(moving) and (outcome := moving[given].outcome) is not None:
                yield outcome
                given += 1


class _Moving:
    """One structure on its way, moved by results that are handed in.

    Attributes:
        atoms: where it is now.
        properties: what is to be known about it.
        outcome: None as long as it moves.
    """

    def __init__(self, start: Atoms, calculator: BaseCalculator, settings: RelaxSettings):
        self.atoms = start.copy()
        self.outcome: Relaxation | None = None
        self._settings = settings
        self._mask = relaxing_strains(start, settings, calculator)
        self.properties = ("energy", "forces") if self._mask is None else ("energy", "forces", "stress")
        self._optimizer = make_optimizer(self.atoms, settings, self._mask)
        self._steps = 0

    def go_on(self, results: dict[str, Any] | str, hopeless: Callable[[Atoms], str | None]) -> None:
        """Take the next step, or come to an end."""
        from ase.calculators.singlepoint import SinglePointCalculator

        if isinstance(results, str):
            self._end(None, results)
            return
        self.atoms.calc = SinglePointCalculator(self.atoms, **results)
        try:
            now = measure(self.atoms, self._settings, self._mask)
            failure = hopeless(self.atoms)
            if failure or is_converged(now, self._settings) or self._steps >= self._settings.steps:
                self._end(now, failure)
                return
            self._optimizer.step()
        except Exception as error:  # what has come apart breaks the optimizer in many ways
            self._end(None, _one_line(error))
        self._steps += 1

    def _end(self, last: RelaxStep | None, failure: str | None) -> None:
        converged = last is not None and failure is None and is_converged(last, self._settings)
        self.outcome = Relaxation(self.atoms, last, self._steps, converged, failure)


def _evaluated(
    calculator: BaseCalculator, structures: list[Atoms], properties: tuple[str, ...]
) -> list[dict[str, Any] | str]:
    if hasattr(calculator, "batch"):
        return list(evaluate_each(calculator, structures, properties))
    try:
        return list(evaluate_each(calculator, structures, properties))
    except OSError:
        raise  # a full disk is no fault of this structure
    except Exception as error:  # calculators raise what they like, and the next structure may be fine
        return [_one_line(error)]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
