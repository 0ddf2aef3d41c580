"""What phonopy derives from force constants: bands along the seekpath path, density of states, thermal properties."""

import itertools
import warnings
from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
from phonopy.phonon.band_structure import get_band_qpoints

from equical.errors import InputError

__all__ = [
    "ImaginaryMode",
    "ThermalProperties",
    "find_imaginary_modes",
    "plainest_first",
    "run_bands",
    "run_dos",
    "run_mesh",
    "run_thermal",
    "worst_first",
]

POINTS_PER_SEGMENT = 101
"""q-points on the longest segment of the band path; shorter ones have as many as their length asks for."""

IMAGINARY = 0.05
"""THz. Frequencies below minus this count as imaginary; smaller ones are noise of the acoustic modes near Γ."""

SAME = 1e-6
"""THz. Frequencies closer than this are equal; rounding tells equivalent q-points apart by less."""

ZERO = 1e-3
"""THz. Modes below this are left out of thermal properties: the acoustic modes at Γ, and imaginary ones."""


@dataclass(frozen=True)
class ImaginaryMode:
    """A mode with negative curvature.

    Attributes:
        frequency: THz, as a negative number.
        q: wave vector in the basis of the primitive cell's reciprocal vectors.
        band: counted from 1, in ascending order of frequency.
        where: segment of the band path such as ``"Γ–X"``, or ``"mesh"``, or ``"supercell"`` for a q that fits it, where
            the frequency is exact and not interpolated.
    """

    frequency: float
    q: tuple[float, float, float]
    band: int
    where: str

    def __str__(self) -> str:
        """Such as ``"-1.20 THz at q = (0, 0, 0.5) (supercell), band 1"``."""
        q = ", ".join(f"{x:.4g}" for x in self.q)
        return f"{self.frequency:.2f} THz at q = ({q}) ({self.where}), band {self.band}"


@dataclass(frozen=True)
class ThermalProperties:
    """Harmonic thermal properties at constant volume, per atom.

    Attributes:
        temperatures: ``[T]`` K.
        free_energy: ``[T]`` eV per atom, Helmholtz energy of the vibrations, zero-point energy included.
        entropy: ``[T]`` J/K per mole of atoms.
        heat_capacity: ``[T]`` J/K per mole of atoms, at constant volume; 24.94 where vibrations are classical.
        zero_point_energy: eV per atom.
        left_out: fraction of the modes that do not count because they are imaginary or (the acoustic ones at Γ) zero.
    """

    temperatures: NDArray[np.float64]
    free_energy: NDArray[np.float64]
    entropy: NDArray[np.float64]
    heat_capacity: NDArray[np.float64]
    zero_point_energy: float
    left_out: float


def run_bands(phonopy: Phonopy, *, velocities: bool = False) -> list[tuple[str, str]]:
    """Run bands along seekpath's path for the primitive cell as it is oriented here, with group velocities if wanted.

    Y. Hinuma et al., Comput. Mater. Sci. 128, 140 (2017). Returns the labels of the two ends of each segment.
    """
    try:
        import seekpath
    except ImportError:
        raise InputError("the band path needs seekpath: pip install seekpath") from None
    primitive = phonopy.primitive
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of edge cases such as a = b in an orthorhombic cell: either path will do
        path = seekpath.get_path_orig_cell(primitive.totuple(), symprec=phonopy.symmetry.tolerance)
    ends = [[path["point_coords"][start], path["point_coords"][end]] for start, end in path["path"]]
    reciprocal = np.linalg.inv(primitive.cell)
    qpoints = get_band_qpoints(ends, npoints=POINTS_PER_SEGMENT, rec_lattice=reciprocal)
    connected = [end == start for (_, end), (start, _) in itertools.pairwise(path["path"])] + [False]
    labels = []
    for (start, end), goes_on in zip(path["path"], connected, strict=True):
        labels += [_latex(start)] if goes_on else [_latex(start), _latex(end)]
    phonopy.run_band_structure(qpoints, path_connections=connected, labels=labels, with_group_velocities=velocities)
    return [(_plain(start), _plain(end)) for start, end in path["path"]]


GREEK = {"GAMMA": ("Γ", r"\Gamma"), "SIGMA": ("Σ", r"\Sigma"), "DELTA": ("Δ", r"\Delta"), "LAMBDA": ("Λ", r"\Lambda")}


def _plain(label: str) -> str:
    """``"GAMMA"`` → ``"Γ"``, ``"SIGMA_0"`` → ``"Σ_0"``."""
    name, *index = label.split("_")
    return "_".join([GREEK.get(name, (name,))[0], *index])


def _latex(label: str) -> str:
    """``"GAMMA"`` → ``"$\\Gamma$"``, ``"U_2"`` → ``"$\\mathrm{U}_{2}$"``, as phonopy writes them to band.yaml."""
    name, *index = label.split("_")
    letter = GREEK[name][1] if name in GREEK else rf"\mathrm{{{name}}}"
    return f"${letter}{''.join(f'_{{{i}}}' for i in index)}$"


def run_mesh(phonopy: Phonopy, mesh: float) -> None:
    """Run a Γ-centred mesh with N = mesh |b| points along each reciprocal vector b."""
    phonopy.run_mesh(float(mesh))


def run_dos(phonopy: Phonopy) -> None:
    """Run the density of states on the mesh."""
    phonopy.run_total_dos()


def run_thermal(phonopy: Phonopy, temperatures: NDArray[np.float64]) -> ThermalProperties:
    """Run thermal properties on the mesh, and count them per atom (phonopy: per primitive cell)."""
    phonopy.run_thermal_properties(temperatures=temperatures, cutoff_frequency=ZERO)
    found = phonopy.thermal_properties
    kelvin, free_energy, entropy, heat_capacity = found.thermal_properties
    num_atoms = len(phonopy.primitive)
    mesh = phonopy.mesh
    missing = np.average((mesh.frequencies <= ZERO).mean(axis=1), weights=mesh.weights)
    return ThermalProperties(
        temperatures=kelvin,
        free_energy=free_energy / num_atoms * units.kJ / units.mol,
        entropy=entropy / num_atoms,
        heat_capacity=heat_capacity / num_atoms,
        zero_point_energy=float(found.zero_point_energy) / num_atoms * units.kJ / units.mol,
        left_out=float(missing),
    )


def find_imaginary_modes(phonopy: Phonopy, segments: list[tuple[str, str]]) -> list[ImaginaryMode]:
    """The worst imaginary mode of each band: among the q-points that fit the supercell, on each segment, on the mesh.

    Several q-points are often equally bad, by symmetry or by chance, and which of them is lowest by a rounding error
    must not decide: on a segment the first of them counts, elsewhere the one with the plainest coordinates.

    Returns:
        The worst first; of equally bad ones those of the supercell, which are exact, before the path and the mesh.
    """
    to_supercell = np.rint(np.linalg.inv(phonopy.primitive.primitive_matrix)).astype(int)
    fitting = plainest_first(get_commensurate_points(to_supercell))[0]
    phonopy.run_qpoints(fitting)
    sampled = [("supercell", fitting, phonopy.qpoints.frequencies)]
    bands = phonopy.band_structure
    for (start, end), qpoints, frequencies in zip(segments, bands.qpoints, bands.frequencies, strict=True):
        sampled.append((f"{start}–{end}", qpoints, frequencies))
    qpoints, order = plainest_first(phonopy.mesh.qpoints)
    sampled.append(("mesh", qpoints, phonopy.mesh.frequencies[order]))

    modes = []
    for where, qpoints, frequencies in sampled:
        for band in np.flatnonzero((frequencies < -IMAGINARY).any(axis=0)):
            lowest = frequencies[:, band].min()
            worst = int(np.argmax(frequencies[:, band] < lowest + SAME))  # the first
            q = np.round(qpoints[worst], 6) + 0.0  # no −0
            modes.append(ImaginaryMode(float(lowest), tuple(q.tolist()), int(band) + 1, where))
    return worst_first(modes)


def plainest_first(qpoints: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sort q-points ``[Q, 3]``, by reciprocal vectors moved between −½ (left out) and ½: small numbers first.

    Of equally small ones those with fewer minus signs come first, and then those with smaller first components, such
    as (0, 0, ½) before (½, 0, 0). Returns the points, and the indices that they had.
    """
    q = np.round(qpoints, 9)
    q = q - np.ceil(q - 0.5) + 0.0  # no −0
    order = np.lexsort((*q.T[::-1], (q < 0).sum(axis=1), np.round(np.abs(q).sum(axis=1), 6)))
    return q[order], order


def worst_first(modes: list[ImaginaryMode]) -> list[ImaginaryMode]:
    """Sort by frequency, and leave equal frequencies in their order."""
    frequencies = np.array([mode.frequency for mode in modes])
    order = np.argsort(frequencies, kind="stable")
    level = np.cumsum(np.diff(frequencies[order], prepend=frequencies[order][:1]) > SAME)
    return [modes[i] for _, i in sorted(zip(level.tolist(), order.tolist(), strict=True))]
