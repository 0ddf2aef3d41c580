"""Files of labelled structures → samples: neighbour graphs with energies, forces and stresses as tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from equical.errors import InputError
from equical.graph import AtomGraph
from equical.neighbors.build import pairs_within
from equical.structures import read_structures
from equical.structures.elements import check_elements
from equical.training.config import DataConfig
from equical.training.data.neighbor_rules import NeighborRules

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Frame", "Sample", "find_label", "group_keys", "is_lone_atom", "label_frames", "make_samples", "read_frames"]
__all__ += ["read_images", "without_large_forces"]

LONELY = 6.0
"""Å. Atoms that are further apart do not know of each other."""


ASYMMETRIC = 0.05
"""Relative difference of the halves of a stress from which on one of them is not what it should be."""


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


def is_lone_atom(atoms: Atoms) -> bool:
    """Whether it is a single atom with nothing within reach, not even its own images.

    Its energy is what others know as E0, the reference energy of its element. Such frames are often marked
    ``config_type=IsolatedAtom``; they are recognised without.
    """
    return len(atoms) == 1 and not len(pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, LONELY)[0])


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled structure, ready for batching. Labels as in :class:`Frame`, as tensors.

    Attributes:
        graph: the structure and its edges.
        energy: eV, as labelled, or shifted onto the zero of the model's reference energies.
        forces: ``[N, 3]``; zeros where ``force_weight`` is zero.
        force_weight: ``[N]``, 1 for labelled atoms, 0 for atoms without a force label.
        stress: ``[3, 3]``; zeros without a label.
        has_stress: whether there is one.
        free: ``[N]`` bool, atoms that were not held fixed.
        weight, denoise, dataset, group, origin: as in :class:`Frame`.
    """

    graph: AtomGraph
    energy: float
    forces: Tensor
    force_weight: Tensor
    stress: Tensor
    has_stress: bool
    free: Tensor
    weight: float
    denoise: bool
    dataset: str
    group: str
    origin: str


def read_frames(config: DataConfig) -> list[Frame]:
    """Read every frame of a data set with its labels.

    Raises:
        InputError: a file is missing or unreadable, or a label is missing, not finite, or of the wrong shape; the
            message names the file and the frame.
    """
    return label_frames(read_images(config), config)


def read_images(config: DataConfig) -> dict[str, Atoms]:
    """Every structure of a data set by its origin, in order, with whatever the files say about it.

    Raises:
        InputError: a file is missing or unreadable, or does not tell elements.
    """
    images: dict[str, Atoms] = {}
    for path in config.paths:
        read = read_structures(path, format=config.format, species=config.species, rows=True)
        images |= {f"{path}, frame {index}": atoms for index, atoms in enumerate(read)}
    return images


def label_frames(
    images: Mapping[str, Atoms], config: DataConfig, problems: list[InputError] | None = None
) -> list[Frame]:
    """Find the labels and the group of every structure.

    Every frame needs an energy. Forces and stress may be missing in some; a single atom needs none at all.

    Args:
        images: structures by origin.
        config: keys and groups.
        problems: where to put the errors of single frames, instead of stopping at the first; those frames are left
            out.

    Raises:
        InputError: as :func:`read_frames`.
    """
    frames: list[Frame] = []
    names: list[str] = []
    labels = _Labels(list(images.values()), config)
    for origin, atoms in images.items():
        try:
            frame, name = _frame(atoms, labels, origin), _group_name(atoms, config, origin)
        except InputError as error:
            if problems is None:
                raise
            problems.append(error)
            continue
        frames.append(frame)
        names.append(name)
    groups = _blocks(names, config)
    return [replace(frame, group=group) for frame, group in zip(frames, groups, strict=True)]


def group_keys(images: Iterable[Atoms]) -> list[str]:
    """``info`` keys that could name trajectories: with several values, most shared by structures in a row."""
    values: dict[str, list[str]] = defaultdict(list)
    for atoms in images:
        for key, value in atoms.info.items():
            if isinstance(value, str | int | np.integer):
                values[key].append(str(value))
    return [
        key
        for key, found in sorted(values.items())
        if len(set(found)) > 1 and sum(a == b for a, b in pairwise(found)) > 0.5 * len(found)
    ]


def without_large_forces(frames: Sequence[Frame], limit: float | None) -> list[Frame]:
    """Frames of which no force is longer than ``limit`` (eV/Å)."""
    if limit is None:
        return list(frames)
    return [f for f in frames if f.forces is None or np.linalg.norm(f.forces, axis=1).max() <= limit]


def make_samples(frames: Sequence[Frame], neighbor_rules: NeighborRules, dtype: torch.dtype) -> Iterator[Sample]:
    """Build the neighbour graph of each frame once and turn its labels into tensors.

    Args:
        frames: labelled structures.
        neighbor_rules: how the model looks at a structure.
        dtype: of positions, forces and stresses.
    """
    for frame in frames:
        count = len(frame.atoms)
        has_forces, has_stress = frame.forces is not None, frame.stress is not None
        try:
            graph = neighbor_rules.graph(frame.atoms, dtype)
        except InputError as error:
            raise InputError(f"{frame.origin}: {error}") from error
        yield Sample(
            graph=graph,
            energy=frame.energy,
            forces=torch.tensor(frame.forces if has_forces else np.zeros((count, 3)), dtype=dtype),
            force_weight=torch.full((count,), float(has_forces), dtype=dtype),
            stress=torch.tensor(frame.stress if has_stress else np.zeros((3, 3)), dtype=dtype),
            has_stress=has_stress,
            free=torch.tensor(~frame.fixed),
            weight=frame.weight,
            denoise=frame.denoise,
            dataset=frame.dataset,
            group=frame.group,
            origin=frame.origin,
        )


@dataclass(frozen=True)
class _Labels:
    """Where the labels of a data set stand, and what else there is."""

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


def _frame(atoms: Atoms, labels: _Labels, origin: str) -> Frame:
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


def _label(atoms: Atoms, key: str, option: str, origin: str, labels: _Labels) -> np.ndarray:
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
        if np.abs(stress - stress.T).max() > ASYMMETRIC * np.abs(stress).max():
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


def _group_name(atoms: Atoms, config: DataConfig, origin: str) -> str:
    if config.group_key is None:
        return f"{config.label}/{atoms.get_chemical_formula()}"
    value = find_label(atoms, config.group_key)
    if value is None:
        known = ", ".join(atoms.info)
        advice = f"set group_key to one of: {known}" if known else "leave out group_key, as there are no keys here"
        raise InputError(f"{origin}: no `{config.group_key}` in its info; {advice}")
    return f"{config.label}/{value}"


def _blocks(names: list[str], config: DataConfig) -> list[str]:
    """Break each group into runs of ``block`` consecutive members."""
    block = config.block or (10 if config.group_key is None else None)
    if block is None:
        return names
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        result.append(f"{name}#{seen[name] // block}")
    return result
