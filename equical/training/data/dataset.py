"""Files of labelled structures → frames in groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from equical.errors import InputError
from equical.neighbors.build import pairs_within
from equical.structures import read_structures
from equical.training.config import DataConfig
from equical.training.data.labels import Frame, Labels, find_label, labelled_frame

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["group_keys", "is_lone_atom", "label_frames", "read_frames", "read_images", "without_large_forces"]

LONELY = 6.0
"""Å. Atoms that are further apart do not know of each other."""


def is_lone_atom(atoms: Atoms) -> bool:
    """Whether it is a single atom with nothing within reach, not even its own images.

    Its energy is what others know as E0, the reference energy of its element. Such frames are often marked
    ``config_type=IsolatedAtom``; they are recognised without.
    """
    return len(atoms) == 1 and not len(pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, LONELY)[0])


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
    labels = Labels(list(images.values()), config)
    for origin, atoms in images.items():
        try:
            frame, name = labelled_frame(atoms, labels, origin), _group_name(atoms, config, origin)
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
