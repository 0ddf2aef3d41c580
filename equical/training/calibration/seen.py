"""What is read off labelled structures, many small ones in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from equical.graph import AtomGraph
from equical.model import Potential
from equical.training.data.labels import Frame
from equical.training.data.references import fit_references
from equical.uncertainty import Features, force_spread, neighbor_pairs, read_features
from equical.workflows.common.progress import progress_bar

__all__ = ["Seen", "SeenForces", "look", "look_at_forces", "pairs_of", "without_zeros"]

BATCH_EDGES = 3000
"""Edges of structures that are evaluated together."""

FORCE_FRAMES = 40
"""Structures whose forces are looked at, since each takes as long as some 15 evaluations."""

FORCE_ATOMS = 800
"""Atoms that these structures have together, about; larger than a tenth of that is none."""

VANISHING = 1e-4
"""Of the largest derivative in a structure; smaller ones are zero by symmetry, as their forces are, and rounding."""


@dataclass(frozen=True)
class Seen:
    """Features of structures, and how far off the energies are; S structures.

    Attributes:
        numbers: atomic numbers of each structure.
        features: of each structure, float32.
        errors: ``[S]`` eV per atom, prediction less label.
    """

    numbers: list[NDArray[np.int64]]
    features: list[Features]
    errors: NDArray[np.float64]


@dataclass(frozen=True)
class SeenForces:
    """How far off forces are, and what is stated up to a factor; one entry for each component.

    Attributes:
        structure: to which of the structures it belongs.
        errors: eV/Å, prediction less label.
        spread: 1/Å, see :func:`.force_spread`.
    """

    structure: NDArray[np.int64]
    errors: NDArray[np.float64]
    spread: NDArray[np.float64]


def look(potential: Potential, frames: Sequence[Frame], progress: bool) -> Seen:
    """Read features and energies off structures."""
    numbers, features, errors = [], [], []
    frame = iter(frames)
    with progress_bar(None, "features", "structures", show=progress, total=len(frames)) as bar:
        for graphs in _batches(potential, frames):
            rows, energies = read_features(potential, AtomGraph.batch(graphs))
            ends = np.cumsum([graph.num_atoms for graph in graphs])[:-1]
            parts = (np.split(part.astype(np.float32), ends) for part in rows)
            for energy, embedded, final in zip(energies, *parts, strict=True):
                one = next(frame)
                numbers.append(one.atoms.numbers)
                features.append(Features(embedded, final))
                errors.append((energy - one.energy) / len(final))
            bar.update(len(graphs))
    return Seen(numbers, features, np.array(errors))


def look_at_forces(
    potential: Potential, frames: Sequence[Frame], posterior: NDArray[np.float64], progress: bool
) -> SeenForces:
    """Read errors of forces and their stated spread off some of the structures, evenly spread over them."""
    fit = [i for i, one in enumerate(frames) if one.forces is not None and 1 < len(one.atoms) <= FORCE_ATOMS / 10]
    atoms = sum(len(frames[i].atoms) for i in fit)
    step = max(-(-len(fit) // FORCE_FRAMES), -(-atoms // FORCE_ATOMS), 1)
    structure, errors, spread = [np.zeros(0, dtype=int)], [np.zeros(0)], [np.zeros(0)]
    some = fit[::step] if potential.config.conservative else []
    for i in progress_bar(some, "forces", "structures", show=progress):
        graph, free = potential.graph(frames[i].atoms).to(potential.reference_energies.device), ~frames[i].fixed
        forces = potential.predict(graph).forces
        assert forces is not None and frames[i].forces is not None
        off = forces.detach().cpu().double().numpy() - frames[i].forces
        found = force_spread(potential, graph, posterior)
        moving = (found > VANISHING * found.max()) & free[:, None]
        errors.append(off[moving])
        spread.append(found[moving])
        structure.append(np.full(errors[-1].shape, i))
    return SeenForces(*(np.concatenate(parts) for parts in (structure, errors, spread)))


def pairs_of(potential: Potential, frames: Sequence[Frame]) -> NDArray[np.bool_]:
    """``[Z, Z]`` whether atoms of two elements are neighbours anywhere; looks where that may still be news."""
    pairs = np.zeros((len(chemical_symbols),) * 2, dtype=bool)
    for frame in frames:
        elements = np.unique(frame.atoms.numbers)
        if not all(pairs[a, b] for a, b in combinations_with_replacement(elements, 2)):
            pairs |= neighbor_pairs(potential.graph(frame.atoms), potential.cutoff) > 0
    return pairs


def without_zeros(energies: NDArray[np.float64], frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Energies per atom (``[S]`` eV) without what elements alone tell, such as a difference of the zeros of energy."""
    counts = np.array([len(frame.atoms) for frame in frames])
    fit = fit_references([frame.atoms.numbers for frame in frames], energies * counts)
    shift = [sum(fit.energies[int(z)] for z in frame.atoms.numbers) for frame in frames]
    return energies - np.array(shift) / counts


def _batches(potential: Potential, frames: Sequence[Frame]) -> Iterator[list[AtomGraph]]:
    """Graphs of all structures in order, as many at a time as are small together."""
    device = potential.reference_energies.device
    batch: list[AtomGraph] = []
    for frame in frames:
        batch.append(potential.graph(frame.atoms).to(device))
        if sum(graph.num_edges for graph in batch) > BATCH_EDGES:
            yield batch
            batch = []
    if batch:
        yield batch
