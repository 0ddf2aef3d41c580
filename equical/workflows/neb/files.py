"""What a band leaves on disk: the images after each step, so that it can go on, and at the end what was found."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from equical.errors import InputError
from equical.files import atomic_path
from equical.structures import read_structures
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.neb.plots import plot_path
from equical.workflows.neb.result import NebResult

__all__ = ["NEB_FILES", "last_band", "write_band", "write_neb"]

BAND = "band.extxyz"

NEB_FILES = ("ends/*.npz", BAND, "saddle.extxyz", "band.csv", "neb.png")
"""What a run leaves in its folder."""


def write_band(folder: RunFolder, images: Sequence[Atoms], steps: int) -> None:
    """Replace the band of the step before."""
    write_structures(folder / BAND, [_with_info(image, steps, number) for number, image in enumerate(images)])


def _with_info(image: Atoms, steps: int, number: int) -> Atoms:
    """A copy with results whose ``info`` says where it belongs, and holds nothing else."""
    copy = image.copy()
    copy.info = {"image": number, "steps": steps}
    energy, forces = image.get_potential_energy(), image.get_forces(apply_constraint=False)
    copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces)
    return copy


def last_band(folder: RunFolder, first: Sequence[Atoms]) -> tuple[list[Atoms], int]:
    """The images to go on from and the steps that led to them: those of a run that is resumed, or else the first ones.

    Raises:
        InputError: what is in the folder is no band of these atoms.
    """
    if not (folder and folder.resume and (folder / BAND).exists()):
        return list(first), 0
    frames = read_structures(folder / BAND)
    same = len(frames) == len(first) and all((frame.numbers == first[0].numbers).all() for frame in frames)
    if not (same and all(np.isfinite(frame.positions).all() for frame in frames)):
        raise InputError(f"{folder / BAND} is no band of {len(first)} images of this structure; start with --overwrite")
    images = [image.copy() for image in first]
    for image, frame in zip(images[1:-1], frames[1:-1], strict=True):
        image.set_positions(frame.positions, apply_constraint=False)
    return images, int(frames[0].info.get("steps", 0))


def write_neb(folder: RunFolder, result: NebResult) -> None:
    """Write the band, the highest image if it lies between the ends, the table of energies, and the plot."""
    write_band(folder, result.images, result.steps)
    (folder / "saddle.extxyz").unlink(missing_ok=True)  # of a run that is resumed
    if result.saddle is not None:
        write_structures(folder / "saddle.extxyz", _with_info(result.saddle, result.steps, result.highest))
    with atomic_path(folder / "band.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "length_A", "energy_eV", "energy_above_initial_eV"])
        energies = result.energies
        rows = zip(result.lengths.tolist(), energies.tolist(), (energies - energies[0]).tolist(), strict=True)
        table.writerows([number, *row] for number, row in enumerate(rows))
    plot_path(result, folder / "neb.png")
