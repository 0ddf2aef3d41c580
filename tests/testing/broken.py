"""Calculators that are wrong in one way each, as real ones have been."""

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

__all__ = ["BROKEN", "Pair"]

CUTOFF = 5.0
STRENGTH = {29: 0.4, 79: 0.55}


class Pair(Calculator):
    """Right: pairs of copper and gold with a smooth cutoff, a hard core, energy and all derivatives."""

    implemented_properties = ("energy", "forces", "stress")
    conservative = True

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = self.solve(self.atoms)

    def pairs(self, atoms):
        """Receiver, sender and vector of each pair."""
        return neighbor_list("ijD", atoms, CUTOFF)

    def curve(self, r):
        """Energy of a pair and its derivative, both zero at the cutoff."""
        x = 1 - r / CUTOFF
        core, core_slope = (2.2 / r) ** 9, -9 / r * (2.2 / r) ** 9
        fade, fade_slope = x**3, -3 * x**2 / CUTOFF
        well, well_slope = core - 2.0, core_slope
        return well * fade, well_slope * fade + well * fade_slope

    def solve(self, atoms):
        receiver, sender, vectors = self.pairs(atoms)
        r = np.linalg.norm(vectors, axis=1)
        strength = np.array([STRENGTH[z] for z in self.species(atoms)])
        weight = 0.5 * np.sqrt(strength[receiver] * strength[sender])
        energy, slope = self.curve(r)
        pull = (weight * slope / np.maximum(r, 1e-9))[:, None] * vectors
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, receiver, pull)
        np.add.at(forces, sender, -pull)
        virial = np.einsum("ei,ej->ij", vectors, pull)
        results = {"energy": float((weight * energy).sum()), "forces": forces}
        if atoms.cell.rank == 3:
            results["stress"] = full_3x3_to_voigt_6_stress(virial / atoms.cell.volume)
        return results

    def species(self, atoms):
        return atoms.numbers


class WrongSignOfStress(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        if "stress" in results:
            results["stress"] = -results["stress"]
        return results


class StressInGPa(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        if "stress" in results:
            results["stress"] = results["stress"] / units.GPa
        return results


class ShearInAnotherOrder(Pair):
    """VASP's xy, yz, zx in place of yz, xz, xy."""

    def solve(self, atoms):
        results = super().solve(atoms)
        if "stress" in results:
            results["stress"] = results["stress"][[0, 1, 2, 5, 3, 4]]
        return results


class DetachedFrame(Pair):
    """The derivative misses a part: forces along z are not those of the energy."""

    def solve(self, atoms):
        results = super().solve(atoms)
        results["forces"] = results["forces"] * [1, 1, 0.98]
        return results


class ForceHead(Pair):
    """Forces that are no gradient, called one."""

    def solve(self, atoms):
        results = super().solve(atoms)
        results["forces"] = results["forces"] + 0.01 * np.cross(
            atoms.positions - atoms.positions.mean(axis=0), [0, 0, 1]
        )
        return results


class TruncatedNeighbors(Pair):
    """Keeps the first twelve neighbours of each atom."""

    def pairs(self, atoms):
        receiver, sender, vectors = super().pairs(atoms)
        rank = np.arange(len(receiver)) - np.searchsorted(receiver, receiver)
        keep = rank < 12
        return receiver[keep], sender[keep], vectors[keep]


class NearestImageAlone(Pair):
    """Each pair of atoms once, as in codes that want cells twice as large as the cutoff."""

    def pairs(self, atoms):
        i, j = np.triu_indices(len(atoms), 1)
        i, j = np.concatenate([i, j]), np.concatenate([j, i])
        vectors = atoms.get_all_distances(mic=True, vector=True)[i, j]
        near = np.linalg.norm(vectors, axis=1) < CUTOFF
        return i[near], j[near], vectors[near]


class StaleSpecies(Pair):
    """Remembers the elements of the first structure of a size."""

    def __init__(self):
        super().__init__()
        self.known = {}

    def species(self, atoms):
        return self.known.setdefault(len(atoms), atoms.numbers.copy())


class StaleCell(Pair):
    """Does not notice that the cell alone has changed."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        same = getattr(self, "before", None)
        if same is not None and np.array_equal(same.positions, atoms.positions) and len(same) == len(atoms):
            atoms = same
        self.before = atoms.copy()
        super().calculate(atoms, properties, system_changes)


class SinglePrecisionInside(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        return {name: np.asarray(value, dtype=np.float32).astype(float) for name, value in results.items()} | {
            "energy": float(np.float32(results["energy"]))
        }


class NotExtensive(Pair):
    """The readout is a mean where it should be a sum."""

    def solve(self, atoms):
        results = super().solve(atoms)
        return {name: value / len(atoms) for name, value in results.items()}


class RandomFrames(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        results["energy"] += 1e-4 * np.random.default_rng().normal()
        return results


class PreferredDirection(Pair):
    def solve(self, atoms):
        receiver, _, vectors = self.pairs(atoms)
        results = super().solve(atoms)
        results["energy"] += 1e-4 * float((vectors[:, 2] ** 2).sum())
        assert len(receiver) == len(vectors)
        return results


class NoSmoothCutoff(Pair):
    def curve(self, r):
        energy, slope = super().curve(r)
        return energy + 0.05, slope


class DependsOnOrder(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        results["energy"] += 1e-3 * float(atoms.numbers @ np.arange(len(atoms))) / len(atoms)
        return results


class DependsOnOrigin(Pair):
    def solve(self, atoms):
        results = super().solve(atoms)
        results["energy"] += 1e-4 * float(atoms.positions[:, 0].sum())
        results["forces"] = results["forces"] - [1e-4, 0, 0]
        return results


class Handed(Pair):
    """Tells left from right."""

    def solve(self, atoms):
        results = super().solve(atoms)
        center = atoms.positions.mean(axis=0)
        a, b, c = (atoms.positions[:3] - center) if len(atoms) > 2 else np.zeros((3, 3))
        results["energy"] += 1e-3 * float(np.dot(a, np.cross(b, c)))
        return results


class LongArm(Pair):
    """Parts far from each other know of each other: a global attention."""

    def solve(self, atoms):
        results = super().solve(atoms)
        results["energy"] += 1e-3 * len(atoms) ** 2
        return results


class Collapsing(Pair):
    """No core: energies at short range fall without end."""

    def curve(self, r):
        x = 1 - r / CUTOFF
        return -4 * x**3 / r, 4 * x**3 / r**2 + 12 * x**2 / (CUTOFF * r)


class LonelyForces(Pair):
    """An atom alone is pushed about."""

    def solve(self, atoms):
        results = super().solve(atoms)
        if len(atoms) == 1:
            results["forces"] = np.array([[0, 0, 1e-3]])
        return results


class NotPicklable(Pair):
    def __init__(self):
        super().__init__()
        self.solver = lambda: None


BROKEN = {
    WrongSignOfStress: "stress",
    StressInGPa: "stress",
    ShearInAnotherOrder: "stress",
    DetachedFrame: "forces",
    ForceHead: "curl",
    TruncatedNeighbors: "permutation",
    NearestImageAlone: "supercell",
    StaleSpecies: "reuse",
    StaleCell: "reuse",
    SinglePrecisionInside: "rotation",
    NotExtensive: "supercell",
    RandomFrames: "repeatability",
    PreferredDirection: "rotation",
    NoSmoothCutoff: "lines",
    DependsOnOrder: "permutation",
    DependsOnOrigin: "translation",
    Handed: "reflection",
    LongArm: "fragments",
    Collapsing: "dimers",
    LonelyForces: "isolated atoms",
    NotPicklable: "pickling",
}
"""Each with the check that must catch it."""
