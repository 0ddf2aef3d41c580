"""What one structure says of itself: energy, forces, stress and what is held fixed, found by their keys and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError
from equical.structures.elements import check_elements
from equical.training.config import DataConfig

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Frame", "Labels", "find_label", "labelled_frame"]

ASYMMETRIC = 0.05
"""Relative difference of the halves of a stress from which on one of them is not what it should be."""

NO_STRESS = 1e-5
"""eV/Å³. Halves of vanishing stresses may differ by as much, as they do in the rounding of those who made them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled structure as read from a file.

    Attributes:
        atoms: the structure, without calculator.
        energy: eV.
        forces: ``[N, 3]`` eV/Å, or None.
        stress: ``[3, 3]`` eV/Å³ in ASE's sign, or None.
        fixed: ``[N]`` bool, atoms held fixed.
        group: trajectory it belongs to, unique among all data sets.
        origin: file and number of the frame, for messages.
        dataset: name of the data set.
        weight: factor on its contribution to the loss.
        denoise: whether DeNS may corrupt it.
    """

    atoms: Atoms
    energy: float
    forces: np.ndarray | None
    stress: np.ndarray | None
    fixed: np.ndarray
    group: str
    origin: str
    dataset: str
    weight: float
    denoise: bool


@dataclass(frozen=True)
class Labels:
    """Where the labels of a data set stand, and what else there is.

    Attributes:
        images: structures of the data set, with whatever the files say about them.
        config: its keys.
    """

    images: list[Atoms]
    config: DataConfig

    @cached_property
    def has_forces(self) -> bool:
        """Whether any frame has forces under the key for them."""
        return any(find_label(atoms, str(self.config.forces_key)) is not None for atoms in self.images)

    @cached_property
    def has_stress(self) -> bool:
        return any(find_label(atoms, str(self.config.stress_key)) is not None for atoms in self.images)

    @cached_property
    def candidates(self) -> dict[str, str]:
        """For each of the options, the keys whose values have the right shape in some frame."""
        return {option: _known_keys(self.images, option) for option in ("energy_key", "forces_key", "stress_key")}


def labelled_frame(atoms: Atoms, labels: Labels, origin: str) -> Frame:
    """A structure with the labels it holds, checked; its group is still to be found.

    Args:
        atoms: the structure with whatever the file says about it.
        labels: where labels stand, and what other structures of the data set have.
        origin: file and number of the frame, for messages.

    Raises:
        InputError: the structure makes no sense, or a label is missing, not finite, or of the wrong shape.
    """
    config, count = labels.config, len(atoms)
    if count == 0:
        raise InputError(f"{origin}: a structure without atoms; remove it")
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        raise InputError(f"{origin}: positions or cell are not finite")
    try:
        check_elements(atoms)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error
    energy = _label(atoms, config.energy_key, "energy_key", origin, labels)
    forces = stress = None
    if config.forces_key is not None:
        needed = count > 1 and not labels.has_forces
        if needed or find_label(atoms, config.forces_key) is not None:
            forces = _label(atoms, config.forces_key, "forces_key", origin, labels)
    if config.stress_key is not None and _usable_cell(atoms):
        needed = "stress_key" in config.model_fields_set and not labels.has_stress
        if needed or find_label(atoms, config.stress_key) is not None:
            stress = _stress_matrix(_label(atoms, config.stress_key, "stress_key", origin, labels), origin)
    if energy.size != 1:
        raise InputError(f"{origin}: `{config.energy_key}` has {energy.size} values; an energy is one number in eV")
    if forces is not None and forces.shape != (count, 3):
        raise InputError(f"{origin}: forces have the shape {forces.shape}; {count} atoms need ({count}, 3)")
    return Frame(
        atoms=_bare(atoms),
        energy=float(energy.reshape(())),
        forces=forces,
        stress=stress,
        fixed=_fixed_atoms(atoms, config.fixed_key, origin),
        group="",
        origin=origin,
        dataset=config.label,
        weight=config.weight,
        denoise=config.denoise and _agreed(find_label(atoms, "denoise")),
    )


def _agreed(value: Any) -> bool:
    """What a frame says about itself; files without booleans hold numbers and words."""
    if isinstance(value, str):
        return value.lower() not in ("false", "f", "no", "off", "0")
    return value is None or bool(value)


def _bare(atoms: Atoms) -> Atoms:
    from ase import Atoms as Structure

    return Structure(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def find_label(atoms: Atoms, key: str) -> Any:
    """The value of ``key`` among calculator results, ``info``, ``arrays`` and an ASE db row's pairs, or None."""
    places: list[dict[str, Any]] = [atoms.info, atoms.arrays]
    if atoms.calc is not None:
        places.insert(0, atoms.calc.results)
    for name in ("key_value_pairs", "data"):
        if isinstance(atoms.info.get(name), dict):
            places.append(atoms.info[name])
    for place in places:
        if place.get(key) is not None:
            return place[key]
    return None


def _label(atoms: Atoms, key: str, option: str, origin: str, labels: Labels) -> np.ndarray:
    value = find_label(atoms, key)
    if value is None:
        raise InputError(f"{origin}: no `{key}`; set {option} to one of: {labels.candidates[option]}")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{origin}: `{key}` is not numeric ({value!r})") from error
    if not np.isfinite(array).all():
        raise InputError(f"{origin}: `{key}` holds values that are not finite; remove the frame or repair its labels")
    return array


def _known_keys(images: Sequence[Atoms], option: str) -> str:
    """Keys whose values have the right shape in some frame, those of real numbers before others."""
    reals: dict[str, None] = {}
    integers: dict[str, None] = {}
    for atoms in images:
        results = {} if atoms.calc is None else atoms.calc.results
        right: dict[str, list[tuple[int, ...]]] = {
            "energy_key": [()],
            "forces_key": [(len(atoms), 3)],
            "stress_key": [(6,), (3, 3), (9,)],
        }
        for key, value in {**results, **(atoms.arrays if option == "forces_key" else atoms.info)}.items():
            if np.shape(value) in right[option] and key != "positions":
                kind = np.asarray(value).dtype
                if np.issubdtype(kind, np.floating):
                    reals[key] = None
                elif np.issubdtype(kind, np.integer):
                    integers[key] = None
    names = list(reals or integers)
    if option != "energy_key":
        names.append("null (none in these data)")
    return ", ".join(names) or "nothing here could be meant; compute labels first"


def _usable_cell(atoms: Atoms) -> bool:
    return bool(atoms.pbc.all()) and abs(atoms.cell.volume) > 0


def _stress_matrix(stress: np.ndarray, origin: str) -> np.ndarray:
    if stress.shape == (6,):
        xx, yy, zz, yz, xz, xy = stress
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    if stress.size == 9:
        stress = stress.reshape(3, 3)
        if np.abs(stress - stress.T).max() > max(ASYMMETRIC * np.abs(stress).max(), NO_STRESS):
            raise InputError(
                f"{origin}: the stress is not symmetric; fill both halves of its matrix, or give 6 numbers"
            )
        return 0.5 * (stress + stress.T)
    raise InputError(f"{origin}: stress has the shape {stress.shape}; give 6 Voigt numbers (xx yy zz yz xz xy) or 3×3")


def _fixed_atoms(atoms: Atoms, key: str, origin: str) -> np.ndarray:
    from ase.constraints import FixAtoms

    fixed = np.zeros(len(atoms), dtype=bool)
    if key in atoms.arrays:
        values = np.asarray(atoms.arrays[key])
        if values.shape != (len(atoms),):
            raise InputError(f"{origin}: `{key}` has the shape {values.shape}; it is one number per atom")
        fixed |= values.astype(bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            fixed[constraint.get_indices()] = True
    return fixed
