"""Checks of total energies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from equical.training.audit.finding import DataFinding, origins
from equical.training.audit.units import ENERGY_UNITS
from equical.training.data.labels import Frame
from equical.training.data.references import fit_references

__all__ = ["check_compositions", "check_energies"]

SEVERAL = 8
"""Frames that are enough to see what their energies have in common."""


def check_energies(frames: Sequence[Frame]) -> list[DataFinding]:
    """Energies that are no labels, per atom, in two units, or far off what composition explains."""
    return _constant(frames) or _per_atom(frames) or _mixed_units(frames) or _outliers(frames)


def check_compositions(frames: Sequence[Frame]) -> list[DataFinding]:
    """Whether the data are varied enough to split them and to tell elements apart."""
    if len(frames) == 1:
        advice = "Add more; with a single one give validation data of its own, or fraction: 0"
        return [DataFinding("error", "one structure", "there is only one structure", advice)]
    fit = fit_references([f.atoms.numbers for f in frames], [f.energy for f in frames])
    if not fit.undetermined:
        return []
    from ase.data import chemical_symbols

    names = ", ".join(chemical_symbols[z] for z in fit.undetermined)
    same = "all compositions are alike" if fit.rank == 1 else f"there are only {fit.rank} independent compositions"
    message = f"{same}, which leaves the reference energies of {names} undetermined"
    advice = "Harmless for these compositions; for others add structures or isolated atoms, or give reference_energies"
    return [DataFinding("note", "compositions", message, advice)]


def _constant(frames: Sequence[Frame]) -> list[DataFinding]:
    """One number in all frames: what stands where nobody has put an energy."""
    energies = {frame.energy for frame in frames}
    places = {frame.atoms.positions.tobytes() for frame in frames}
    if len(energies) > 1 or len(places) < SEVERAL:
        return []
    message = f"all {len(frames)} energies are {energies.pop():g} eV"
    return [DataFinding("error", "energies", message, "Name the real ones with energy_key, or compute them")]


def _per_atom(frames: Sequence[Frame]) -> list[DataFinding]:
    """Energies that do not grow with the number of atoms, while composition explains them well.

    Adsorption energies do not grow either, but scatter as much as they measure.
    """
    sizes = np.array([len(frame.atoms) for frame in frames], dtype=np.float64)
    energies = np.array([frame.energy for frame in frames])
    if len(frames) < SEVERAL or sizes.max() < 2 * sizes.min() or np.abs(energies.mean()) < 5 * energies.std():
        return []
    counts = [f.atoms.numbers for f in frames]
    total = fit_references(counts, energies.tolist()).rmse
    per_atom = fit_references(counts, (energies * sizes).tolist()).rmse
    if per_atom > 0.3 * total:
        return []
    message = (
        f"energies are alike in structures of {sizes.min():.0f} to {sizes.max():.0f} atoms: they seem to be per atom"
    )
    advice = "Give total energies: multiply by the number of atoms"
    return [DataFinding("warning", "energy per atom", message, advice)]


def _mixed_units(frames: Sequence[Frame]) -> list[DataFinding]:
    """Frames of one composition whose energies differ by a conversion factor.

    Only where next to all of them either agree within a fifth or differ by such a factor: energies that scatter as much
    as they measure, such as adsorption energies, have any ratio to each other.
    """
    alike: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        alike[frame.atoms.get_chemical_formula(mode="hill")].append(frame)
    odd: dict[str, list[Frame]] = defaultdict(list)
    for members in alike.values():
        median = sorted(frame.energy for frame in members)[len(members) // 2]
        ratios = [median / frame.energy if frame.energy else 0.0 for frame in members]
        found = {
            unit: [frame for frame, ratio in zip(members, ratios, strict=True) if _differs_by(factor, ratio)]
            for unit, factor in ENERGY_UNITS.items()
        }
        explained = sum(abs(ratio - 1) < 0.2 for ratio in ratios) + sum(len(frames) for frames in found.values())
        if explained > 0.9 * len(members):
            for unit, some in found.items():
                odd[unit] += some
    return [
        DataFinding(
            "error",
            "mixed units",
            f"{len(members)} of {len(frames)} energies differ from others of the same composition by the factor "
            f"between eV and {unit}",
            "Convert all energies to eV",
            origins(members),
        )
        for unit, members in odd.items()
        if members
    ]


def _differs_by(factor: float, ratio: float) -> bool:
    """Whether a ratio is the factor, or one over it, within 2 %."""
    return min(abs(ratio / factor - 1), abs(ratio * factor - 1)) < 0.02


def _outliers(frames: Sequence[Frame]) -> list[DataFinding]:
    """Energies per atom far from what reference energies give."""
    if len(frames) < 10:
        return []
    fit = fit_references([f.atoms.numbers for f in frames], [f.energy for f in frames])
    expected = np.array([sum(fit.energies[int(z)] for z in f.atoms.numbers) for f in frames])
    sizes = np.array([len(f.atoms) for f in frames])
    residual = (np.array([f.energy for f in frames]) - expected) / sizes
    centre = np.median(residual)
    spread = 1.4826 * np.median(np.abs(residual - centre))
    limit = max(12 * spread, 0.5)
    far = [f for f, r, n in zip(frames, residual, sizes, strict=True) if abs(r - centre) > limit and n > 1]
    if not far:
        return []
    message = f"{len(far)} of {len(frames)} energies lie more than {limit:.2f} eV/atom from what composition explains"
    advice = "Look at them: unconverged calculations, broken structures, or another zero of energy (references: own)"
    return [DataFinding("warning", "energy outliers", message, advice, origins(far))]
