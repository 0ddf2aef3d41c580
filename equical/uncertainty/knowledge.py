"""What is known of the data that a model was made from, and what follows of a structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as format_safetensors

from equical.errors import InputError
from equical.files import atomic_path
from equical.model import Potential
from equical.uncertainty.features import Features, neighbor_pairs, read_features
from equical.uncertainty.forces import force_spread, unseen_forces
from equical.uncertainty.surroundings import Surroundings

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["OUTSIDE", "UNCERTAINTY_FILE", "Knowledge", "Uncertainty"]

UNCERTAINTY_FILE = "uncertainty.safetensors"

FORMAT = "3"

OUTSIDE = 1.0
"""Distance from which an atom counts as unlike all in the data, as one in a hundred held-out structures has one."""

PLAIN = ("trend", "bounds", "scales", "spread", "force_scale")
"""Fields that are kept as they are."""

MOST_NAMED = 3
"""Pairs of elements that a message names."""


@dataclass(frozen=True)
class Uncertainty:
    """How sure a model is of a structure.

    Attributes:
        energy_std: eV, standard deviation of the energy.
        distances: ``[N]`` how far each atom is from those of its element in the data; one in a hundred held-out
            structures has an atom beyond 1. Infinite where the element was not in the data.
        reasons: why the structure lies outside what the model knows, each a few words; empty where it does not.
        forces_std: ``[N, 3]`` eV/Å, standard deviations of the components of forces; None unless asked for.
    """

    energy_std: float
    distances: NDArray[np.float64]
    reasons: tuple[str, ...]
    forces_std: NDArray[np.float64] | None = None

    @property
    def outside(self) -> bool:
        """Whether the structure lies outside what the model knows."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Knowledge:
    """What is known of the data that a model was made from; C features, Z = 119 rows by atomic number.

    Attributes:
        surroundings: of the atoms there.
        trend: ``[C]`` w, by how much the logarithm of an error grows with the mean final features of a structure.
        bounds: ``[2]`` of what that amounts to in the data.
        posterior: ``[C, C]``, a lower triangle, maps mean final features of a structure to a vector of length u.
        scales: ``[2]`` eV per atom, s and t.
        spread: ``[1]`` eV per atom, E₀.
        force_scale: ``[1]`` eV, f: of energies whose derivatives are the forces; zero where that is not known.
        pairs: ``[Z, Z]`` bool, elements that were neighbours.
    """

    surroundings: Surroundings
    trend: NDArray[np.float64]
    bounds: NDArray[np.float64]
    posterior: NDArray[np.float64]
    scales: NDArray[np.float64]
    spread: NDArray[np.float64]
    force_scale: NDArray[np.float64]
    pairs: NDArray[np.bool_]

    @classmethod
    def read(cls, folder: Path, weights_sha256: str) -> Self | None:
        """What the folder of a model holds; None where there is none, or it is about other weights.

        Raises:
            InputError: the file is damaged.
        """
        path = folder / UNCERTAINTY_FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, "np") as file:
                notes = file.metadata() or {}
                if notes.get("weights_sha256") != weights_sha256:
                    return None
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(
                f"{path} is damaged: {' '.join(str(error).split())}; remove it, or calibrate anew"
            ) from error
        if notes.get("format") != FORMAT:
            raise InputError(f"{path} was written by another version: remove it, or calibrate anew")
        _require_whole(stored, path)
        return cls(**_unpacked(stored), surroundings=_surroundings(stored))

    def write(self, folder: Path, weights_sha256: str) -> None:
        """Keep it beside the weights that it is about.

        Raises:
            InputError: the folder cannot be written to.
        """
        notes = {"format": FORMAT, "weights_sha256": weights_sha256}
        try:
            with atomic_path(folder / UNCERTAINTY_FILE) as path:
                path.write_bytes(format_safetensors(_packed(self), notes))
        except OSError as error:
            raise InputError(f"cannot write to {folder}: {error.strerror or error}") from error

    @property
    def tells_forces(self) -> bool:
        """Whether there are standard deviations of forces, where the model is conservative."""
        return bool(self.force_scale[0] > 0)

    def judge(self, potential: Potential, atoms: Atoms, *, forces: bool = False) -> Uncertainty:
        """How sure the model is of one structure.

        Args:
            potential: the model, frozen or not, on any device.
            atoms: of elements that it covers.
            forces: whether standard deviations of forces are wanted, of a conservative model.
        """
        device = potential.reference_energies.device
        graph = potential.graph(atoms).to(device)
        features, _ = read_features(potential, graph)
        distances = self.surroundings.distances(atoms.numbers, features.embedded)
        weights = neighbor_pairs(graph, potential.cutoff)
        unseen = np.where(self.pairs, 0.0, weights)
        beyond = float(np.mean(1 - 1 / np.maximum(distances, OUTSIDE)))
        share = max(float(unseen.sum() / max(weights.sum(), 1e-12)), beyond)
        per_atom = np.hypot(self.known_std(atoms.numbers, features), share * self.spread[0])
        forces_std = None
        if forces:
            unknown = self.spread[0] * unseen_forces(potential, graph, self.pairs)
            forces_std = np.hypot(self.force_scale[0] * force_spread(potential, graph, self.posterior), unknown)
        reasons = self._reasons(atoms, distances, unseen)
        return Uncertainty(float(len(atoms) * per_atom), distances, reasons, forces_std)

    def uncalibrated(self, numbers: NDArray[np.int64], features: Features) -> tuple[float, float]:
        """Usual error e and typical distance d̄ of a structure, of atomic numbers ``[N]``, both without their scales."""
        usual = np.clip(self.trend @ features.final.mean(axis=0), *self.bounds) - self.bounds.mean()
        known = self.surroundings.distances(numbers, features.embedded)
        known = known[np.isfinite(known)]  # those of elements that were not in the data tell nothing
        return float(np.exp(usual)), float(np.mean(known**4) ** 0.25) if len(known) else 0.0

    def known_std(self, numbers: NDArray[np.int64], features: Features) -> float:
        """Standard deviation of the energy (eV per atom) as far as features tell."""
        return float(np.hypot(*(self.scales * self.uncalibrated(numbers, features))))

    def _reasons(self, atoms: Atoms, distances: NDArray[np.float64], unseen: NDArray[np.float64]) -> tuple[str, ...]:
        found = []
        absent = sorted({chemical_symbols[z] for z in atoms.numbers[np.isinf(distances)]})
        if absent:
            found.append(f"{', '.join(absent)} was not in its data")
        pairs = [f"{chemical_symbols[a]}-{chemical_symbols[b]}" for a, b in np.argwhere(np.triu(unseen) > 0)]
        if pairs:
            more = f" and {len(pairs) - MOST_NAMED} more" if len(pairs) > MOST_NAMED else ""
            found.append(f"{', '.join(pairs[:MOST_NAMED])}{more} were never neighbours in its data")
        known = np.where(np.isinf(distances), 0.0, distances)
        worst = int(known.argmax())
        if known[worst] > OUTSIDE:
            found.append(
                f"the surroundings of atom {worst} ({atoms.symbols[worst]}) are unlike any in its data (distance "
                f"{known[worst]:.1f}, and more than 1 is rare)"
            )
        return tuple(found)


def _packed(knowledge: Knowledge) -> dict[str, NDArray[Any]]:
    """As it is kept: rows of elements that were in the data, the lower half of a matrix, bits for pairs."""
    surroundings = knowledge.surroundings
    elements = np.flatnonzero(surroundings.reach)
    half = np.tril_indices(len(knowledge.posterior))
    kept = surroundings.kept[elements]
    return {
        "elements": elements.astype(np.uint8),
        "projection": surroundings.projection.astype(np.float32),
        "centers": kept[:, 0].astype(np.float32),  # those of elements lie far apart, beyond the digits of float16
        "kept": (kept[:, 1:] - kept[:, :1]).astype(np.float16),
        "reach": surroundings.reach[elements].astype(np.float32),
        "posterior": knowledge.posterior[half].astype(np.float32),
        **{name: getattr(knowledge, name).astype(np.float32) for name in PLAIN},
        "pairs": np.packbits(knowledge.pairs[np.ix_(elements, elements)]),
    }


def _unpacked(stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The fields of what was packed, but for the surroundings."""
    elements, rows = stored["elements"].astype(int), len(chemical_symbols)
    width = len(stored["trend"])
    posterior, pairs = np.zeros((width, width)), np.zeros((rows, rows), dtype=bool)
    posterior[np.tril_indices(width)] = stored["posterior"]
    bits = np.unpackbits(stored["pairs"], count=len(elements) ** 2).reshape(len(elements), -1)
    pairs[np.ix_(elements, elements)] = bits.astype(bool)
    return {"posterior": posterior, "pairs": pairs} | {name: stored[name].astype(float) for name in PLAIN}


def _surroundings(stored: Mapping[str, NDArray[Any]]) -> Surroundings:
    elements, centers = stored["elements"].astype(int), stored["centers"].astype(float)[:, None]
    near = np.concatenate([centers, centers + stored["kept"].astype(float)], axis=1)
    kept, reach = np.zeros((len(chemical_symbols), *near.shape[1:])), np.zeros(len(chemical_symbols))
    kept[elements], reach[elements] = near, stored["reach"]
    return Surroundings(stored["projection"].astype(float), kept, reach)


def _require_whole(stored: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse a file that does not hold what is kept, in the shapes it is kept in."""
    count, width = (np.size(stored.get(name, ())) for name in ("elements", "trend"))
    _, atoms, directions = stored["kept"].shape if np.ndim(stored.get("kept", 0)) == 3 else (0, 0, 0)
    shapes: dict[str, tuple[int, ...]] = {"elements": (count,), "reach": (count,), "trend": (width,), "bounds": (2,)}
    shapes |= {"kept": (count, atoms, directions), "centers": (count, directions), "projection": (directions, width)}
    shapes |= {"posterior": (width * (width + 1) // 2,), "scales": (2,), "spread": (1,), "force_scale": (1,)}
    shapes |= {"pairs": (-(-(count**2) // 8),)}
    for name, shape in shapes.items():
        array = stored.get(name)
        if array is None or array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{path} is damaged: {name} is not {list(shape)} finite numbers; calibrate anew")
    numbers = stored["elements"]
    if not 0 < count == len(set(numbers.tolist())) or numbers.max() >= len(chemical_symbols):
        raise InputError(f"{path} is damaged: elements are not different atomic numbers; calibrate anew")
