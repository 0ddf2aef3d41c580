"""Relaxations of numbered structures, read from the folder of a run where they are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from equical.workflows.common.evaluations import AT_ONCE, Arrays, Evaluations
from equical.workflows.relax.settings import RelaxSettings
from equical.workflows.relax.together import Relaxation, relax_together

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["relaxed"]


def relaxed(
    starts: Iterable[tuple[int, Atoms]],
    store: Evaluations,
    calculator: BaseCalculator,
    settings: RelaxSettings,
    give_up: Callable[[Atoms], str | None],
    bar: Any,
) -> Iterator[tuple[int, Relaxation]]:
    """Relax numbered structures some at a time, each on disk as soon as it is there.

    Args:
        starts: numbers and structures, made as they are needed.
        store: where results are kept.
        calculator: any of ASE's.
        settings: how to relax.
        give_up: says of a structure why it is not worth another step, or None.
        bar: of progress, moved by one for each structure.

    Yields:
        Numbers and where they came to, in their order.
    """

    def calculate(images: list[Atoms]) -> Iterator[Mapping[str, Any]]:
        return map(_as_arrays, relax_together(images, calculator, settings, give_up))

    starts = iter(starts)
    while some := dict(islice(starts, AT_ONCE)):
        named = {f"{number:06d}": atoms for number, atoms in some.items()}
        for (number, atoms), arrays in zip(some.items(), store.get_all(named, calculate), strict=True):
            bar.update(1)
            yield number, _from_arrays(atoms, arrays)


def _as_arrays(outcome: Relaxation) -> dict[str, Any]:
    atoms = outcome.atoms
    about = {"steps": outcome.steps, "converged": outcome.converged, "failure": outcome.failure or ""}
    if outcome.failure is not None:
        return about
    results = {name: atoms.calc.results[name] for name in ("energy", "forces", "stress")}
    return about | {"positions": atoms.positions, "cell": atoms.cell.array} | results


def _from_arrays(start: Atoms, arrays: Arrays) -> Relaxation:
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = start.copy()
    failure = str(arrays["failure"]) or None
    if failure is None:
        atoms.set_cell(arrays["cell"])
        atoms.positions = arrays["positions"]
        energy = float(arrays["energy"])
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=arrays["forces"], stress=arrays["stress"])
    return Relaxation(atoms, None, int(arrays["steps"]), bool(arrays["converged"]), failure)
