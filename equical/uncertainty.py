"""What a model knows, and how sure it is: kept in a file of its own beside the weights.

From the features x that the energy of an atom is read off, one forward pass tells three things about a structure:

* how far each atom is from those of its element in the data (Mahalanobis distance in x);
* whether atoms are neighbours whose elements were never neighbours in the data, which features need not show;
* the standard deviation of the energy, E_std = N √((s·u)² + (p·E₀)²). The first part is the posterior of a linear layer
  on the mean features x̄ of the structure, u² = x̄ᵀ (⟨x̄ x̄ᵀ⟩ + λ)⁻¹ x̄, calibrated by s on data the model has not seen. The
  second is what is not known of pairs that were never seen: their share p of the neighbours times E₀, by how much
  energies per atom vary in the data at all.

:mod:`equical.training.calibrate` makes such a file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as format_safetensors

from equical.errors import InputError
from equical.files import atomic_path
from equical.graph import AtomGraph
from equical.model import Potential
from equical.model.potential import edge_vectors

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["OUTSIDE", "UNCERTAINTY_FILE", "Knowledge", "Uncertainty", "neighbor_pairs", "read_features"]

UNCERTAINTY_FILE = "uncertainty.safetensors"

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
    """

    energy_std: float
    distances: NDArray[np.float64]
    reasons: tuple[str, ...]

    @property
    def outside(self) -> bool:
        """Whether the structure lies outside what the model knows."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Knowledge:
    """What is known of the data that a model was made from; C features, Z = 119 rows by atomic number.

    Attributes:
        means: ``[Z, C]`` mean features of the atoms of an element.
        whitening: ``[C, C]`` maps deviations from these means to vectors whose length is the distance, not yet scaled.
        reach: ``[Z]`` the distance that counts as 1; zero for elements that were not in the data.
        posterior: ``[C, C]`` maps mean features of a structure to a vector of length u.
        scale: ``[1]`` eV per atom, s.
        spread: ``[1]`` eV per atom, E₀.
        pairs: ``[Z, Z]`` bool, elements that were neighbours.
    """

    means: NDArray[np.float64]
    whitening: NDArray[np.float64]
    reach: NDArray[np.float64]
    posterior: NDArray[np.float64]
    scale: NDArray[np.float64]
    spread: NDArray[np.float64]
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
                if (file.metadata() or {}).get("weights_sha256") != weights_sha256:
                    return None
                found = cls(**{field.name: file.get_tensor(field.name) for field in fields(cls)})
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(
                f"{path} is damaged: {' '.join(str(error).split())}; remove it, or calibrate anew"
            ) from error
        found._check(path)
        return found

    def write(self, folder: Path, weights_sha256: str) -> None:
        """Keep it beside the weights that it is about.

        Raises:
            InputError: the folder cannot be written to.
        """
        try:
            with atomic_path(folder / UNCERTAINTY_FILE) as path:
                path.write_bytes(format_safetensors(dict(vars(self)), {"weights_sha256": weights_sha256}))
        except OSError as error:
            raise InputError(f"cannot write to {folder}: {error.strerror or error}") from error

    def _check(self, path: Path) -> None:
        rows, width = len(chemical_symbols), self.means.shape[-1]
        shapes = {"means": (rows, width), "whitening": (width, width), "reach": (rows,), "posterior": (width, width)}
        shapes |= {"scale": (1,), "spread": (1,), "pairs": (rows, rows)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(f"{path} is damaged: {name} is not {list(shape)} finite numbers; calibrate anew")

    def judge(self, potential: Potential, atoms: Atoms) -> Uncertainty:
        """How sure the model is of one structure.

        Args:
            potential: the model, frozen or not, on any device.
            atoms: of elements that it covers.
        """
        device = potential.reference_energies.device
        graph = potential.graph(atoms).to(device)
        features, _ = read_features(potential, graph)
        distances = self.distances(atoms.numbers, features)
        weights = neighbor_pairs(graph, potential.cutoff)
        unseen = np.where(self.pairs, 0.0, weights)
        share = float(unseen.sum() / max(weights.sum(), 1e-12))
        per_atom = np.hypot(self.scale[0] * self.leverage(features.mean(axis=0)), share * self.spread[0])
        return Uncertainty(float(len(atoms) * per_atom), distances, self._reasons(atoms, distances, unseen))

    def distances(self, numbers: NDArray[np.int64], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[N]`` distances of atoms from those of their elements in the data."""
        reach = self.reach[numbers]
        lengths = np.linalg.norm((features - self.means[numbers]) @ self.whitening.T, axis=1)
        return np.where(reach > 0, lengths / np.where(reach > 0, reach, 1.0), np.inf)

    def leverage(self, mean_features: NDArray[np.float64]) -> NDArray[np.float64]:
        """u of structures, from their mean features ``[..., C]``."""
        return np.linalg.norm(mean_features @ self.posterior.T, axis=-1)

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


def read_features(potential: Potential, graph: AtomGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Invariant features ``[N, C]`` that the energies of atoms are read off, and energies ``[B]`` in eV."""
    kept: list[torch.Tensor] = []
    hook = potential.network.energy_head.register_forward_pre_hook(lambda module, given: kept.append(given[0][:, 0]))
    try:
        prediction = potential.predict(graph, forces=False)
    finally:
        hook.remove()
    return _array(kept[0]), _array(prediction.energy)


def neighbor_pairs(graph: AtomGraph, cutoff: float) -> NDArray[np.float64]:
    """``[Z, Z]`` symmetric: how much atoms of two elements are neighbours, Σ (1 − r/cutoff) over their pairs."""
    weights = np.zeros((len(chemical_symbols),) * 2)
    near = 1 - _array(edge_vectors(graph).norm(dim=1)) / cutoff
    numbers = graph.numbers.cpu().numpy()
    np.add.at(weights, (numbers[graph.receiver.cpu().numpy()], numbers[graph.sender.cpu().numpy()]), near)
    return 0.5 * (weights + weights.T)


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
