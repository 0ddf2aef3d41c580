"""Structures away from equilibrium, labelled with DFT where they started plus what universal models say of the way.

    python perturbed.py draw catalysis-data/relaxations.extxyz drawn.extxyz
    python perturbed.py label drawn.extxyz chgnet.npz chgnet        # where CHGNet is installed
    python perturbed.py label drawn.extxyz sevennet.npz sevennet    # where SevenNet is installed
    python perturbed.py join drawn.extxyz perturbed.extxyz.gz chgnet.npz sevennet.npz

A few hundred relaxed slabs do not say what holds a surface together, and a model that fits them well may let atoms fly
out. Calculations far from equilibrium are the remedy (dft.py), and these labels stand in for those that are missing:
E = E_DFT(start) + mean of E_model(end) - E_model(start), likewise the forces. The error of such a model is largest in
what start and end have in common. Only frames of the training part may be drawn from.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import get_distances
from ase.io import read, write

Change = Callable[[Atoms, np.random.Generator], None]

NEAREST = {"HH": 1.5, "HO": 0.85, "OO": 2.0, "H": 1.4, "O": 1.6, "": 2.1}
"""Å; the closest that two atoms may come, by what they are besides metals."""


def pulled(atoms: Atoms, rng: np.random.Generator) -> None:
    """A metal atom of the two upper layers on its way out, in some with what is bound to it."""
    metals = np.flatnonzero(~np.isin(atoms.numbers, (1, 8)))
    upper = metals[np.argsort(-atoms.positions[metals, 2])][: len(metals) * 2 // 5]
    chosen = upper[int(rng.integers(len(upper) // 2 if rng.random() < 0.75 else len(upper)))]
    step = np.array([*rng.normal(scale=0.25, size=2), rng.uniform(0.3, 2.2)])
    group = [chosen]
    if rng.random() < 0.5:
        group += [
            i for i in np.flatnonzero(np.isin(atoms.numbers, (1, 8))) if atoms.get_distance(chosen, i, mic=True) < 3
        ]
    atoms.positions[group] += step
    atoms.positions += rng.normal(scale=0.04, size=(len(atoms), 3))


def shaken(atoms: Atoms, rng: np.random.Generator) -> None:
    """All atoms moved at random, the upper ones more."""
    height = np.ptp(atoms.positions[:, 2])
    share = (atoms.positions[:, 2] - atoms.positions[:, 2].min()) / height
    scale = rng.uniform(0.08, 0.25) * (0.3 + 0.7 * share)
    atoms.positions += rng.normal(size=(len(atoms), 3)) * scale[:, None]


def wandered(atoms: Atoms, rng: np.random.Generator) -> None:
    """The adsorbate elsewhere on the surface, or what is below it shaken."""
    light = np.flatnonzero(np.isin(atoms.numbers, (1, 8)))
    if len(light) == 0:
        shaken(atoms, rng)
        return
    atoms.positions[light] += [*rng.normal(scale=1.0, size=2), rng.normal(scale=0.25)]
    atoms.positions += rng.normal(scale=0.04, size=(len(atoms), 3))


def draw(source: str, target: str, starts: int = 90) -> None:
    """Write starting frames, each followed by what became of it; ``info["start"]`` is the number of the former."""
    frames, rng = read(source, ":"), np.random.default_rng(0)
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, starts).astype(int)]
    images = []
    for start in chosen:
        place = len(images)
        start.info["start"] = place
        images.append(start)
        for number, change in enumerate((pulled, pulled, shaken, wandered)):
            image = changed(start, change, rng)
            if image is not None:
                image.info |= {"start": place, "name": f"{start.info['src']} {change.__name__} {number}"}
                images.append(image)
    write(target, images)
    print(f"{len(images)} structures, {len(chosen)} of them starts")


def changed(start: Atoms, change: Change, rng: np.random.Generator) -> Atoms | None:
    """A changed copy without labels in which no atoms are too near; None after twenty attempts."""
    for _ in range(20):
        atoms = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc)
        change(atoms, rng)
        if not too_near(atoms):
            return atoms
    return None


def too_near(atoms: Atoms) -> bool:
    """Whether two atoms are closer than they should ever come."""
    symbols = atoms.get_chemical_symbols()
    distances = get_distances(atoms.positions, cell=atoms.cell, pbc=atoms.pbc)[1]
    light = [symbol if symbol in "HO" else "" for symbol in symbols]
    limits = np.array([[NEAREST["".join(sorted(a + b))] for b in light] for a in light])
    np.fill_diagonal(distances, np.inf)
    return bool((distances < limits).any())


def teacher(name: str) -> Calculator:
    """A universal model, as a calculator."""
    if name == "chgnet":
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(use_device="cpu")
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-0", device="cpu")


def label(source: str, target: str, name: str) -> None:
    """Energies and forces of all structures by one model."""
    calculator, energies, forces = teacher(name), [], []
    for image in read(source, ":"):
        atoms = Atoms(image.numbers, image.positions, cell=image.cell, pbc=True)
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    np.savez(target, energies=energies, forces=np.concatenate(forces))


def join(source: str, target: str, *tables: str) -> None:
    """Put both parts of the labels together; what differs wildly between the models is left out."""
    images, results = read(source, ":"), [np.load(table) for table in tables]
    written, apart = [], []
    for image, energy, forces in labels(images, results):
        spread = np.abs(forces - forces.mean(0)).mean()
        if np.abs(forces).max() > 12 or spread > 0.15:
            continue
        apart.append(spread)
        image.calc = SinglePointCalculator(image, energy=energy.mean(), forces=forces.mean(0))
        written.append(image)
    write(target, written)
    print(f"{len(written)} structures; the models differ from their mean by {1000 * np.mean(apart):.0f} meV/Å")


def labels(images: list[Atoms], results: list[Any]) -> Iterator[tuple[Atoms, np.ndarray, np.ndarray]]:
    """Each changed structure with ``[models]`` energies and ``[models, N, 3]`` forces."""
    ends = np.cumsum([len(image) for image in images])
    rows = [slice(end - len(image), end) for image, end in zip(images, ends, strict=True)]
    for number, image in enumerate(images):
        start = image.info["start"]
        if start == number:
            continue
        first = images[start]
        energy = [r["energies"][number] - r["energies"][start] + first.get_potential_energy() for r in results]
        before = first.get_forces(apply_constraint=False)
        yield (
            image,
            np.array(energy),
            np.array([r["forces"][rows[number]] - r["forces"][rows[start]] + before for r in results]),
        )


if __name__ == "__main__":
    {"draw": draw, "label": label, "join": join}[sys.argv[1]](*sys.argv[2:])
