"""Sound data, and ways to spoil them."""

from dataclasses import replace

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.md.verlet import VelocityVerlet
from ase.units import fs, kB

from equical.training.data.dataset import read_frames
from tests.training.labelled import data


def trajectory(steps=30, strain=0.0):
    """Steps of a short run of copper at 600 K; with ``strain``, of stretching a perfect cell."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.calc = EMT()
    spread = np.sqrt(600 * kB * atoms.get_masses())[:, None]
    atoms.set_momenta(spread * np.random.default_rng(0).normal(size=(len(atoms), 3)))
    dynamics = VelocityVerlet(atoms, timestep=5 * fs)
    images = []
    for i in range(steps):
        if strain:
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain * np.diag([1, 0.5, -0.2])), scale_atoms=True)
        else:
            dynamics.run(1)
        image = atoms.copy()
        results = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
        image.calc = SinglePointCalculator(image, **results)
        image.info["run"] = f"run{i // 15}"
        images.append(image)
    return images


def as_frames(images, tmp_path, **settings):
    write(tmp_path / "images.extxyz", images)
    return read_frames(data(tmp_path / "images.extxyz", **settings))


def checks(findings):
    return [(finding.severity, finding.check) for finding in findings]


def changed(frames, index, **changes):
    return [replace(frame, **changes) if i == index else frame for i, frame in enumerate(frames)]


def scaled(frames, name, factor):
    return [replace(frame, **{name: factor * getattr(frame, name)}) for frame in frames]
