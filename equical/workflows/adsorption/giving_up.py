"""Relaxations that are not worth going on with: the adsorbate has left, is in pieces, or gets nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from ase import Atoms

from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.anomalies import in_pieces, shortest_bond

__all__ = ["GivingUp"]

GONE = 2.0
"""An adsorbate none of whose atoms is this near to the slab, in sums of covalent radii, does not come back."""

TORN = 1.8
"""Atoms of the adsorbate this many sums of covalent radii apart do not join again."""

FAR = 0.5
"""eV. A structure this far above the best one is given up unless it gets there soon."""

PATIENCE = 10
"""Steps in which it must come down by a tenth of what is missing."""


@dataclass(frozen=True)
class GivingUp:
    """Tells of relaxations that go on side by side why not to go on with one.

    What it says depends on the structure, on its own way and on ``best`` alone, and not on what is relaxed beside it.

    Attributes:
        adsorbate: whose atoms come last in the structure.
        best: eV, total energy to be reached; None where there is none to compare with.
    """

    adsorbate: Adsorbate
    best: float | None
    _energies: dict[int, list[float]] = field(default_factory=dict, repr=False)

    def __call__(self, atoms: Atoms) -> str | None:
        """The reason, after a step of a structure, which is the same object at each; None if it is to go on."""
        energies = self._energies.setdefault(id(atoms), [])
        energies.append(atoms.get_potential_energy())
        slab, molecule = atoms[: -len(self.adsorbate.atoms)], atoms[-len(self.adsorbate.atoms) :]
        if shortest_bond(slab, molecule)[1] > GONE:
            return "desorbed"
        if in_pieces(molecule, self.adsorbate, TORN):
            return "dissociated"
        if self.best is None or len(energies) <= PATIENCE:
            return None
        missing = energies[-1] - self.best
        if missing > FAR and energies[-1 - PATIENCE] - energies[-1] < missing / 10:
            return "far above the best"
        return None
