"""Files of labelled structures → samples: neighbour graphs with energies, forces and stresses as tensors."""

from __future__ import annotations

import gzip
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from equical.errors import InputError
from equical.graph import AtomGraph
from equical.training.config import DataConfig
from equical.training.data.neighborhood import Neighborhood

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Frame", "Sample", "group_keys", "label_frames", "make_samples", "read_frames", "read_images"]
__all__ += ["without_large_forces"]


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
        InputError: a file is missing or unreadable.
    """
    return {f"{path}, frame {index}": atoms for path in config.paths for index, atoms in enumerate(_read_file(path))}


def label_frames(
    images: Mapping[str, Atoms], config: DataConfig, problems: list[InputError] | None = None
) -> list[Frame]:
    """Find the labels and the group of every structure.

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
    for origin, atoms in images.items():
        try:
            frame, name = _frame(atoms, config, origin), _group_name(atoms, config, origin)
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


def make_samples(frames: Sequence[Frame], neighborhood: Neighborhood, dtype: torch.dtype) -> Iterator[Sample]:
    """Build the neighbour graph of each frame once and turn its labels into tensors.

    Args:
        frames: labelled structures.
        neighborhood: how the model looks at a structure.
        dtype: of positions, forces and stresses.
    """
    for frame in frames:
        count = len(frame.atoms)
        has_forces, has_stress = frame.forces is not None, frame.stress is not None
        try:
            graph = neighborhood.graph(frame.atoms, dtype)
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


def _read_file(path: Path) -> list[Atoms]:
    if not path.is_file():
        raise InputError(f"no data file at {path}")
    try:
        images = _read_images(path)
    except Exception as error:  # ASE's readers raise whatever their parsing stumbles over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as structures: {reason}") from error
    if not images:
        raise InputError(f"{path} holds no structure")
    return images


def _read_images(path: Path) -> list[Atoms]:
    """ASE's readers, helped where they are slow or drop things."""
    import ase.io
    from ase.db import connect

    if path.suffix == ".db":  # with the key-value pairs of the rows
        with connect(path) as database:
            return [row.toatoms(add_additional_information=True) for row in database.select()]
    if path.suffix == ".gz" and path.with_suffix("").suffix in (".xyz", ".extxyz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:  # walking back in a compressed file takes for ever
            return ase.io.read(io.StringIO(file.read()), ":", format="extxyz")
    return ase.io.read(path, ":")


def _frame(atoms: Atoms, config: DataConfig, origin: str) -> Frame:
    count = len(atoms)
    if count == 0:
        raise InputError(f"{origin}: a structure without atoms; remove it")
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        raise InputError(f"{origin}: positions or cell are not finite")
    energy = _label(atoms, config.energy_key, "energy_key", origin)
    forces = None if config.forces_key is None else _label(atoms, config.forces_key, "forces_key", origin)
    stress = None
    if config.stress_key is not None and _usable_cell(atoms):
        asked = "stress_key" in config.model_fields_set
        if asked or _find(atoms, config.stress_key) is not None:
            stress = _stress_matrix(_label(atoms, config.stress_key, "stress_key", origin), origin)
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
        denoise=config.denoise and _agreed(_find(atoms, "denoise")),
    )


def _agreed(value: Any) -> bool:
    """What a frame says about itself; files without booleans hold numbers and words."""
    if isinstance(value, str):
        return value.lower() not in ("false", "f", "no", "off", "0")
    return value is None or bool(value)


def _bare(atoms: Atoms) -> Atoms:
    from ase import Atoms as Structure

    return Structure(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def _find(atoms: Atoms, key: str) -> Any:
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


def _label(atoms: Atoms, key: str, option: str, origin: str) -> np.ndarray:
    value = _find(atoms, key)
    if value is None:
        raise InputError(f"{origin}: no `{key}`; set {option} to one of: {_known_keys(atoms, option)}")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{origin}: `{key}` is not numeric ({value!r})") from error
    if not np.isfinite(array).all():
        raise InputError(f"{origin}: `{key}` holds values that are not finite; remove the frame or repair its labels")
    return array


def _known_keys(atoms: Atoms, option: str) -> str:
    """Keys whose values have the right shape."""
    results = {} if atoms.calc is None else atoms.calc.results
    right: dict[str, list[tuple[int, ...]]] = {
        "energy_key": [()],
        "forces_key": [(len(atoms), 3)],
        "stress_key": [(6,), (3, 3), (9,)],
    }
    places = {**results, **(atoms.arrays if option == "forces_key" else atoms.info)}
    fitting = {key: np.asarray(value) for key, value in places.items() if np.shape(value) in right[option]}
    fitting.pop("positions", None)
    reals = [key for key, value in fitting.items() if np.issubdtype(value.dtype, np.floating)]
    names = reals or [key for key, value in fitting.items() if np.issubdtype(value.dtype, np.integer)]
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
    value = _find(atoms, config.group_key)
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
