"""One zero of energy for all data sets and the model: reference energies fitted, labels shifted onto them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from equical.errors import InputError
from equical.training.config import TrainConfig
from equical.training.data.elements import symbol, symbols
from equical.training.data.lone_atoms import lone_energies, to_be_fitted
from equical.training.data.references import ReferenceFit, fit_references
from equical.training.data.samples import Sample

__all__ = ["EnergyZero", "find_energy_zero", "given_references"]


@dataclass(frozen=True)
class EnergyZero:
    """How energies of different origin are brought together.

    Attributes:
        references: eV for each atomic number: the model's new reference energies.
        shifts: for each data set, eV for each atomic number to add to its labels.
        lines: what was fitted, for a terminal.
        rmse: eV per atom that reference energies leave unexplained (beyond the starting model, if there is one).
    """

    references: dict[int, float]
    shifts: dict[str, dict[int, float]]
    lines: list[str]
    rmse: float

    def shifted(self, sample: Sample) -> Sample:
        """The sample with its energy on the model's zero.

        Raises:
            InputError: the sample has an element for which its data set does not determine a shift.
        """
        shift = self.shifts[sample.dataset]
        numbers = sample.graph.numbers.tolist()
        missing = set(numbers) - shift.keys()
        if missing:
            raise InputError(
                f"{sample.origin}: {symbols(missing)} is not in the training structures of {sample.dataset}"
            )
        total = sum(shift[z] for z in numbers)
        return sample if total == 0 else replace(sample, energy=sample.energy + total)


def find_energy_zero(
    config: TrainConfig,
    samples: Sequence[Sample],
    predicted: Sequence[float] | None = None,
    base: Mapping[int, float] | None = None,
) -> EnergyZero:
    """Fit reference energies to what the labels hold beyond the starting model's predictions.

    Data sets that share a zero are fitted together; the model takes this zero. A set with its own zero is fitted
    alone, and a set on the starting model's zero is not fitted; both are shifted onto the model's zero. Without a
    starting model the energies of isolated atoms in the data are reference energies, and are not fitted.

    Args:
        config: says which data set is which.
        samples: training structures with their labels as read.
        predicted: eV, the starting model's energy of each sample; without one, all is in the references.
        base: the starting model's reference energies.

    Raises:
        InputError: no data set defines the model's zero.
    """
    kinds = {data.label: data.references for data in (*config.validation.data, *config.data)}
    energies = np.array([sample.energy for sample in samples])
    residual = energies if predicted is None else energies - np.asarray(predicted)
    base = dict(base or {})
    known = given_references(config)
    fits: dict[str, ReferenceFit] = {}
    lines: list[str] = []
    for name in ["", *sorted(label for label, kind in kinds.items() if kind == "own")]:
        labels = {name} if name else {label for label, kind in kinds.items() if kind == "shared"}
        members = [i for i, sample in enumerate(samples) if sample.dataset in labels]
        if not members:
            raise InputError(_no_zero(name))
        chosen = [samples[i] for i in members]
        given = {z: energy - base.get(z, 0.0) for z, energy in known.items()} if name == "" else {}
        if name == "" and predicted is not None and not config.refit_references:
            given = dict.fromkeys({z for i in members for z in samples[i].graph.numbers.tolist()}, 0.0)
        if predicted is None:
            isolated = {z: energy for z, energy in lone_energies(chosen).items() if z not in given}
            given |= isolated
            lines += _told(isolated, name)
        else:
            members = [members[i] for i in to_be_fitted(chosen)]
        numbers = [samples[i].graph.numbers.numpy() for i in members]
        fits[name] = fit_references(numbers, residual[members].tolist(), ridge=config.ridge, given=given)
    everywhere = set(base).union(*(fit.energies for fit in fits.values()))
    change = {z: _first(z, fits) for z in everywhere}
    shifts: dict[str, dict[int, float]] = {}
    for name, kind in kinds.items():
        if kind == "shared":
            shifts[name] = dict.fromkeys(everywhere, 0.0)
        elif kind == "base":
            shifts[name] = change
        else:
            own = fits[name].energies
            shifts[name] = {z: change[z] - own[z] for z in own}
    references = {z: base.get(z, 0.0) + change[z] for z in sorted(everywhere)}
    lines += _report(fits, references, predicted is not None)
    return EnergyZero(references, shifts, lines, fits[""].rmse)


def given_references(config: TrainConfig) -> dict[int, float]:
    """Reference energies from the configuration, by atomic number.

    Raises:
        InputError: a key is no chemical symbol.
    """
    from ase.data import atomic_numbers

    given = {}
    for name, energy in (config.reference_energies or {}).items():
        if name not in atomic_numbers:
            raise InputError(f"reference_energies: {name!r} is no chemical symbol")
        given[atomic_numbers[name]] = energy
    return given


def _first(number: int, fits: Mapping[str, ReferenceFit]) -> float:
    """The shared fit's energy of an element, else that of a set of its own, else no change."""
    return next((fit.energies[number] for fit in fits.values() if number in fit.energies), 0.0)


def _told(isolated: Mapping[int, float], name: str) -> list[str]:
    if not isolated:
        return []
    names = ", ".join(symbol(z) for z in isolated)
    return [f"{name}{': ' if name else ''}isolated atoms in the data give the reference energies of {names}"]


def _report(fits: Mapping[str, ReferenceFit], references: Mapping[int, float], adapted: bool) -> list[str]:
    lines = []
    for name, fit in fits.items():
        title = "shift of reference energies (eV)" if adapted else "reference energies (eV)"
        lines += fit.report(f"{name}: {title}" if name else title)
    if adapted:
        table = ", ".join(f"{symbol(z)} {energy:.4f}" for z, energy in references.items() if z in fits[""].energies)
        lines.append(f"reference energies after the shift (eV): {table}")
    return lines


def _no_zero(name: str) -> str:
    if name:
        return f"no training structure belongs to {name}, so its own zero of energy cannot be fitted"
    return "no data set has references: shared; the model takes its zero of energy from such a set"
