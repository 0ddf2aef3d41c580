"""A band of images: how it starts, what pulls it, and its way to the path of least energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB
from ase.optimize import FIRE, LBFGS
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.molecule import rigid_motions
from equical.workflows.common.progress import progress_bar
from equical.workflows.neb.matching import is_free
from equical.workflows.neb.settings import NebSettings

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["Band", "first_path", "pull"]

METHOD = "improvedtangent"
"""Of Henkelman and Jónsson, J. Chem. Phys. 113, 9978 (2000)."""

CLIMB_BELOW = 0.3
"""eV/Å. The highest image starts to climb when forces on the band are smaller: before, it may not be the highest."""

COLLISION = 0.5
"""Å. Atoms that come closer on the first path would pass through each other."""


def first_path(initial: Atoms, final: Atoms, images: int) -> list[Atoms]:
    """Images between the ends, by ASE's image-dependent pair potential (IDPP).

    Interatomic distances change evenly along it. Of S. Smidstrup et al., J. Chem. Phys. 140, 214106 (2014).

    Raises:
        InputError: two atoms cannot get past each other.
    """
    path = [initial.copy() for _ in range(images + 1)] + [final.copy()]
    band = NEB(path, method=METHOD)
    band.interpolate("linear", apply_constraint=True)
    if min(_closest(image)[0] for image in path[1:-1]) < COLLISION:  # give atoms a side to pass each other on
        random = np.random.default_rng(0)
        for image in path[1:-1]:
            moves = np.linalg.norm(final.positions - initial.positions, axis=1) > COLLISION
            image.set_positions(image.positions + 0.1 * moves[:, None] * random.standard_normal((len(image), 3)))
    with np.errstate(all="ignore"):  # of atoms on top of each other, which are found below
        _repel(band)
    for number, (before, image) in enumerate(pairwise(path), start=1):
        half_way = image.copy()
        half_way.positions = (before.positions + image.positions) / 2
        distance, a, b = min(_closest(half_way), _closest(image))
        if not distance > COLLISION:
            raise InputError(
                f"{image.symbols[a]}{a} and {image.symbols[b]}{b} come within {distance:.2f} Å of each other near "
                f"image {number} of the first path: give images that lead them past each other (--path)"
            )
    return path


def _repel(band: NEB) -> None:
    from ase.mep.neb import idpp_interpolate

    idpp_interpolate(band, traj=None, log=None, mic=bool(band.images[0].pbc.any()))


def _closest(image: Atoms) -> tuple[float, int, int]:
    """Å between the two atoms that are closest, and which they are; infinite for a single atom."""
    distances = image.get_all_distances(mic=bool(image.pbc.any()))
    np.fill_diagonal(distances, np.inf)
    a, b = np.unravel_index(int(np.argmin(distances)), distances.shape)
    return float(distances[a, b]), int(a), int(b)


class Band(NEB):
    """ASE's nudged elastic band, whose images are evaluated together; none of them has a calculator of its own.

    A free molecule is neither moved nor turned along the path.
    """

    def __init__(self, images: Sequence[Atoms], calculator: BaseCalculator, spring: float):
        """Take images whose ends have energies and forces attached."""
        super().__init__(list(images), k=spring, method=METHOD)
        self._calculator = calculator
        self._evaluated: NDArray[np.float64] | None = None
        self._forces: dict[bool, NDArray[np.float64]] = {}
        self._free = is_free(images[0])

    def get_forces(self) -> NDArray[np.float64]:
        """``[images · N, 3]`` eV/Å, across the path those of the calculator, along it those of the springs."""
        positions = self.get_positions()
        if self._evaluated is None or not np.array_equal(positions, self._evaluated):
            moving = self.images[1:-1]
            for image, found in zip(moving, evaluate_all(self._calculator, moving, "image"), strict=True):
                image.calc = SinglePointCalculator(image, energy=found.energy, forces=found.forces)
            self._evaluated, self._forces = positions, {}
        if self.climb not in self._forces:
            forces = super().get_forces()
            self._forces[self.climb] = self._without_rigid_motions(forces) if self._free else forces
        return self._forces[self.climb].copy()

    def _without_rigid_motions(self, forces: NDArray[np.float64]) -> NDArray[np.float64]:
        for image, force in zip(self.images[1:-1], forces.reshape(self.nimages - 2, -1), strict=True):
            molecule = Atoms(image.numbers, image.positions, masses=np.ones(len(image)))
            rigid = rigid_motions(molecule, molecule)
            force -= force @ rigid.T @ rigid
        return forces

    @property
    def max_force(self) -> float:
        """eV/Å, the largest on an atom of any image."""
        return float(np.linalg.norm(self.get_forces(), axis=1).max())

    @property
    def has_top(self) -> bool:
        """Whether an image between the ends lies above both, so that there is something to climb."""
        self.get_forces()
        return bool(self.energies[1:-1].max() > max(self.energies[0], self.energies[-1]))

    def is_converged(self, settings: NebSettings) -> bool:
        """Whether forces are small enough, and the highest image climbs if it is to and there is something to climb."""
        return self.max_force <= settings.fmax and self.climb == (settings.climb and self.has_top)

    def lengths(self) -> NDArray[np.float64]:
        """``[images + 2]`` Å along the path, from its beginning."""
        steps = [np.linalg.norm(after.positions - before.positions) for before, after in pairwise(self.images)]
        return np.concatenate([[0.0], np.cumsum(steps)])


def pull(band: Band, settings: NebSettings, done: int, progress: bool) -> Iterator[int]:
    """Move the band until it has converged, yielding the number of steps at the start and after each of them.

    Args:
        band: to be moved; its highest image climbs from when forces are small enough.
        settings: when to stop, and whether to climb.
        done: steps of the run that goes on.
        progress: show a progress bar.
    """
    steps = done
    band.get_forces()
    yield steps
    with progress_bar(None, f"{band.nimages - 2} images", "steps", show=progress, leave=False) as bar:
        while True:
            climbs = settings.climb and band.has_top
            near = max(CLIMB_BELOW, settings.fmax)
            band.climb = climbs and (band.climb or band.max_force <= near)
            target = settings.fmax if band.climb == climbs else near
            optimizer = {"fire": FIRE, "lbfgs": LBFGS}[settings.optimizer](band, logfile=None)
            first = steps
            for taken, _ in enumerate(optimizer.irun(fmax=target, steps=settings.steps - steps)):
                if taken:
                    steps = first + taken
                    bar.set_postfix_str(f"force {band.max_force:.3f} eV/Å", refresh=False)
                    bar.update()
                    yield steps
            if steps >= settings.steps or band.is_converged(settings):
                return
