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
from equical.uncertainty.features import neighbor_pairs, read_features
from equical.uncertainty.forces import force_spread, unseen_forces

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["OUTSIDE", "UNCERTAINTY_FILE", "Knowledge", "Uncertainty"]

UNCERTAINTY_FILE = "uncertainty.safetensors"

FORMAT = "2"

OUTSIDE = 1.5
"""Distance from which an atom counts as unlike all in the data; 1 is that of one in a thousand of its element there."""

MOST_NAMED = 3
"""Pairs of elements that a message names."""


@dataclass(frozen=True)
class Uncertainty:
    """How sure a model is of a structure.

    Attributes:
        energy_std: eV, standard deviation of the energy.
        distances: ``[N]`` how far each atom is from those of its element in the data; 1 is as far as one in a thousand
            of them, infinite where the element was not among them.
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
        means: ``[Z, C]`` mean features of the atoms of an element.
        whitening: ``[C, C]``, a lower triangle, maps deviations from these means to vectors whose length is the
            distance, not yet scaled.
        reach: ``[Z]`` the distance that counts as 1; zero for elements that were not in the data.
        posterior: ``[C, C]``, a lower triangle, maps mean features of a structure to a vector of length u.
        scales: ``[2]`` eV per atom, s and t.
        spread: ``[1]`` eV per atom, E₀.
        force_scale: ``[1]`` eV, f: of energies whose derivatives are the forces; zero where that is not known.
        pairs: ``[Z, Z]`` bool, elements that were neighbours.
    """

    means: NDArray[np.float64]
    whitening: NDArray[np.float64]
    reach: NDArray[np.float64]
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
        return cls(**_unpacked(stored))

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
        distances = self.distances(atoms.numbers, features)
        weights = neighbor_pairs(graph, potential.cutoff)
        unseen = np.where(self.pairs, 0.0, weights)
        share = max(float(unseen.sum() / max(weights.sum(), 1e-12)), float(np.isinf(distances).mean()))
        per_atom = np.hypot(self.known_std(atoms.numbers, features), share * self.spread[0])
        forces_std = None
        if forces:
            unknown = self.spread[0] * unseen_forces(potential, graph, self.pairs)
            forces_std = np.hypot(self.force_scale[0] * force_spread(potential, graph, self.posterior), unknown)
        reasons = self._reasons(atoms, distances, unseen)
        return Uncertainty(float(len(atoms) * per_atom), distances, reasons, forces_std)

    def distances(self, numbers: NDArray[np.int64], features: NDArray[np.floating]) -> NDArray[np.float64]:
        """``[N]`` distances of atoms from those of their elements in the data."""
        reach = self.reach[numbers]
        lengths = np.linalg.norm((features - self.means[numbers]) @ self.whitening.T, axis=1)
        return np.divide(lengths, reach, out=np.full_like(lengths, np.inf), where=reach > 0)

    def uncalibrated(self, numbers: NDArray[np.int64], features: NDArray[np.floating]) -> tuple[float, float]:
        """Leverage u and typical distance d̄ of a structure, of atomic numbers ``[N]`` and features ``[N, C]``."""
        leverage = np.linalg.norm(self.posterior @ features.mean(axis=0))
        known = self.distances(numbers, features)
        known = known[np.isfinite(known)]  # those of elements that were not in the data tell nothing
        return float(leverage), float(np.mean(known**4) ** 0.25) if len(known) else 0.0

    def known_std(self, numbers: NDArray[np.int64], features: NDArray[np.floating]) -> float:
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
                f"{known[worst]:.1f}, and 1 is rare)"
            )
        return tuple(found)


def _packed(knowledge: Knowledge) -> dict[str, NDArray[Any]]:
    """As it is kept: rows of elements that were in the data, the lower halves of matrices, bits for pairs."""
    elements = np.flatnonzero(knowledge.reach)
    half = np.tril_indices(knowledge.means.shape[1])
    return {
        "elements": elements.astype(np.uint8),
        "means": knowledge.means[elements].astype(np.float32),
        "whitening": knowledge.whitening[half].astype(np.float32),
        "reach": knowledge.reach[elements].astype(np.float32),
        "posterior": knowledge.posterior[half].astype(np.float32),
        **{name: getattr(knowledge, name).astype(np.float32) for name in ("scales", "spread", "force_scale")},
        "pairs": np.packbits(knowledge.pairs[np.ix_(elements, elements)]),
    }


def _unpacked(stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The fields of what was packed."""
    elements, rows = stored["elements"].astype(int), len(chemical_symbols)
    width = stored["means"].shape[1]

    def by_number(values: NDArray[Any]) -> NDArray[np.float64]:
        found = np.zeros((rows, *values.shape[1:]))
        found[elements] = values
        return found

    def square(values: NDArray[Any]) -> NDArray[np.float64]:
        found = np.zeros((width, width))
        found[np.tril_indices(width)] = values
        return found

    pairs = np.zeros((rows, rows), dtype=bool)
    bits = np.unpackbits(stored["pairs"], count=len(elements) ** 2).reshape(len(elements), -1)
    pairs[np.ix_(elements, elements)] = bits.astype(bool)
    return {
        **{name: by_number(stored[name]) for name in ("means", "reach")},
        **{name: square(stored[name]) for name in ("whitening", "posterior")},
        **{name: stored[name].astype(float) for name in ("scales", "spread", "force_scale")},
        "pairs": pairs,
    }


def _require_whole(stored: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse a file that does not hold what is kept, in the shapes it is kept in."""
    count = len(stored.get("elements", ()))
    width = stored["means"].shape[-1] if "means" in stored else 0
    half = width * (width + 1) // 2
    shapes = {"elements": (count,), "means": (count, width), "reach": (count,), "whitening": (half,)}
    shapes |= {"posterior": (half,), "scales": (2,), "spread": (1,), "force_scale": (1,)}
    shapes |= {"pairs": (-(-(count**2) // 8),)}
    for name, shape in shapes.items():
        array = stored.get(name)
        if array is None or array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{path} is damaged: {name} is not {list(shape)} finite numbers; calibrate anew")
    numbers = stored["elements"]
    if not 0 < count == len(set(numbers.tolist())) or numbers.max() >= len(chemical_symbols):
        raise InputError(f"{path} is damaged: elements are not different atomic numbers; calibrate anew")
