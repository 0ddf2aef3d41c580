"""Labels that are in the data beside those that are used: is one of them the right one?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.training.audit.finding import DataFinding
from equical.training.audit.steps import Steps, find_steps
from equical.training.audit.work import work_fit
from equical.training.config import DataConfig
from equical.training.data.labels import Frame, find_label

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["check_other_labels"]

DIFFERENT = 1e-3
"""eV per atom; energies that differ by less are the same."""

BETTER = 0.8
"""An energy fits the forces better if the work leaves less than this share of what it leaves of the other."""


def check_other_labels(images: Mapping[str, Atoms], frames: Sequence[Frame], config: DataConfig) -> list[DataFinding]:
    """Second energies, forces and stresses.

    Args:
        images: structures by origin, with all that the files say.
        frames: those with usable labels.
        config: says which labels are used.
    """
    chosen = [images[frame.origin] for frame in frames]
    findings = _other_energies(chosen, frames, config)
    if config.stress_key is not None and all(frame.stress is None for frame in frames):
        names = [key for key in _keys(chosen, r"virial|stress") if key != config.stress_key]
        if names:
            message = f"there is no `{config.stress_key}`, but {_listed(names)}, which is not used"
            advice = "Name it with stress_key if it is a stress in eV/Å³; of a virial it is −virial / volume"
            findings.append(DataFinding("note", "other labels", message, advice))
    names = [key for key in _keys(chosen, r"force") if key != config.forces_key]
    names = [key for key in names if _differs(chosen, frames, key)]
    if names:
        message = f"there are other forces too: {_listed(names)}"
        findings.append(DataFinding("note", "other labels", message, "Make sure that forces_key names the right ones"))
    return findings


def _other_energies(images: Sequence[Atoms], frames: Sequence[Frame], config: DataConfig) -> list[DataFinding]:
    findings = []
    energy = np.array([frame.energy for frame in frames])
    sizes = np.array([len(frame.atoms) for frame in frames])
    steps: Steps | None = None
    for key in _keys(images, r"energy|toten|e_0|e0\b"):
        if key == config.energy_key:
            continue
        other = _numbers(images, key)
        if other is None:
            continue
        apart = _apart(other - energy, frames) / sizes
        if np.abs(apart).max() < DIFFERENT or np.abs(_apart(other * sizes - energy, frames) / sizes).max() < DIFFERENT:
            continue  # the same, up to another zero or the number of atoms
        steps = find_steps(frames) if steps is None else steps
        largest = 1000 * np.abs((other - energy) / sizes).max()
        message = f"`{key}` differs from `{config.energy_key}` by up to {largest:.3g} meV/atom"
        ours, theirs = (_left(steps, values) for values in (energy, other))
        if ours is None or theirs is None or BETTER < theirs / max(ours, 1e-9) < 1 / BETTER:
            advice = f"Forces belong to one of them (in VASP to the free energy); {config.energy_key} is used"
            findings.append(DataFinding("note", "other labels", message, advice))
        elif theirs < ours:
            message += f", and fits the work of the forces better ({_percent(theirs)} is left, not {_percent(ours)})"
            findings.append(DataFinding("warning", "other labels", message, f"Set energy_key to {key}"))
        else:
            message += f", and fits the work of the forces worse ({_percent(theirs)} is left, not {_percent(ours)})"
            findings.append(DataFinding("note", "other labels", message, f"{config.energy_key} is the right one"))
    return findings


def _apart(difference: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
    """Differences without what depends on composition alone, as another zero of energy does."""
    formulas = np.array([frame.atoms.get_chemical_formula() for frame in frames])
    result = difference.copy()
    for formula in set(formulas.tolist()):
        members = formulas == formula
        result[members] -= np.median(difference[members])
    return result


def _left(steps: Steps, energy: np.ndarray) -> float | None:
    """Share of the changes of an energy that the work does not explain; None if that says nothing."""
    fit = work_fit(replace(steps, change=energy[steps.end] - energy[steps.start]))
    return None if fit is None else fit.left


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _keys(images: Sequence[Atoms], pattern: str) -> list[str]:
    """Names of labels that all frames have, and whose name says what they are."""
    everywhere: set[str] | None = None
    for atoms in images:
        results = {} if atoms.calc is None else atoms.calc.results
        here = {key for place in (results, atoms.info, atoms.arrays) for key in place}
        here |= set(atoms.info.get("key_value_pairs", {})) | set(atoms.info.get("data", {}))
        everywhere = here if everywhere is None else everywhere & here
    return sorted(key for key in everywhere or () if re.search(pattern, str(key), re.IGNORECASE))


def _numbers(images: Sequence[Atoms], key: str) -> np.ndarray | None:
    """One number for each frame under a key; None if it is anything else."""
    values: list[Any] = [find_label(atoms, key) for atoms in images]
    try:
        numbers = np.array([float(np.asarray(value).reshape(())) for value in values])
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None


def _differs(images: Sequence[Atoms], frames: Sequence[Frame], key: str) -> bool:
    """Whether these are forces, and not those that are used."""
    for atoms, frame in zip(images, frames, strict=True):
        value = find_label(atoms, key)
        if np.shape(value) != (len(atoms), 3):
            return False
        if frame.forces is None or not np.allclose(np.asarray(value, dtype=np.float64), frame.forces, atol=1e-4):
            return True
    return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
