"""Molecular dynamics of twelve materials that the model was not made for: does what is solid stay solid?

    python dynamics.py --model universal-mini --output dynamics/
    python dynamics.py --model universal-mini --output dynamics/ --only MgO W --steps 1000

Each material is relaxed, then held at 300 K and at 1000 K without pressure for 20 ps, the cell free. ``table.txt`` has
one line for each run: the volume against that of the relaxed crystal, how far atoms went from their sites, and whether
the neighbours of the first shell are still there. The folder of a run goes on where it was interrupted.

Atoms of a crystal near its melting point are some 0.1 of the distance of neighbours away from their sites
(Lindemann); what melts, decomposes or sublimates below 1000 K has its temperature in the table.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.io import read
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal
from calculators import add_choice, chosen

from equical import InputError, md, relax

TEMPERATURES = (300.0, 1000.0)

JUDGED = "judged.json"
"""In the folder of a run, when it is done."""

SHELL = 1.25
"""Neighbours are atoms within this many times the shortest distance of their pair of elements in the crystal."""

LOST = 1.6
"""A neighbour is lost where it is on average farther away than this, in units of its distance in the crystal."""


@dataclass(frozen=True)
class Material:
    """A crystal, of which class, and about up to which temperature (K) it is solid, which words the verdict alone."""

    kind: str
    make: Callable[[], Atoms]
    solid_up_to: float
    timestep: float = 2.0


def cubic(symbols: list[str], sites: list[tuple], group: int, a: float) -> Callable[[], Atoms]:
    return lambda: crystal(symbols, sites, spacegroup=group, cellpar=[a, a, a, 90, 90, 90])


def ice() -> Atoms:
    """Proton-ordered ice XI (Leadbetter et al., J. Chem. Phys. 82, 424, 1985)."""
    sites = [(0, 0.6648, 0.0631), (0.5, 0.8255, -0.0631), (0, 0.6636, 0.1963), (0, 0.5363, 0.0183),
             (0.6766, -0.2252, -0.0183)]  # fmt: skip
    return crystal("OOHHH", sites, spacegroup=36, cellpar=[4.465, 7.858, 7.292, 90, 90, 90]) * (2, 1, 1)


def hexagonal(symbols: list[str], sites: list[tuple], group: int, a: float, c: float) -> Callable[[], Atoms]:
    return lambda: crystal(symbols, sites, spacegroup=group, cellpar=[a, a, c, 90, 90, 120])


MATERIALS = {
    "MgO": Material("oxide", lambda: bulk("MgO", "rocksalt", a=4.25) * 3, 3100),
    "NaCl": Material("halide", lambda: bulk("NaCl", "rocksalt", a=5.70) * 3, 1074),
    "ZnS": Material("sulphide", lambda: bulk("ZnS", "zincblende", a=5.45) * 3, 1970),
    "SrTiO3": Material(
        "perovskite", lambda: cubic(["Sr", "Ti", "O"], [(0, 0, 0), (0.5,) * 3, (0.5, 0.5, 0)], 221, 3.93)() * 2, 2350
    ),
    "Fe2VAl": Material(
        "Heusler alloy",
        lambda: cubic(["Fe", "V", "Al"], [(0.25,) * 3, (0, 0, 0), (0.5,) * 3], 225, 5.71)() * (2, 1, 1),
        1700,
    ),
    "Li3OCl": Material(
        "solid electrolyte",
        lambda: cubic(["Cl", "O", "Li"], [(0, 0, 0), (0.5,) * 3, (0, 0.5, 0.5)], 221, 3.90)() * 2,
        555,
    ),
    "MgH2": Material(
        "hydride",
        lambda: (
            crystal(["Mg", "H"], [(0, 0, 0), (0.304, 0.304, 0)], spacegroup=136, cellpar=[4.50, 4.50, 3.01, 90, 90, 90])
            * (2, 2, 2)
        ),
        600,
        1.0,
    ),
    "WC": Material(
        "carbide", lambda: hexagonal(["W", "C"], [(0, 0, 0), (1 / 3, 2 / 3, 0.5)], 187, 2.92, 2.85)() * 3, 3058
    ),
    "ice XI": Material("molecular crystal", ice, 273, 1.0),
    "GaAs": Material("semiconductor", lambda: bulk("GaAs", "zincblende", a=5.75) * 3, 1511),
    "W": Material("refractory metal", lambda: bulk("W", "bcc", a=3.19, cubic=True) * 3, 3687),
    "LaNi5": Material(
        "lanthanide compound",
        lambda: (
            hexagonal(["La", "Ni", "Ni"], [(0, 0, 0), (1 / 3, 2 / 3, 0), (0.5, 0, 0.5)], 191, 5.02, 3.98)() * (2, 2, 2)
        ),
        1620,
    ),
}


def neighbours(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First shell of each pair of elements: atoms ``i < j`` or images, cell shifts, distances (Å)."""
    i, j, shifts, distances = neighbor_list("ijSd", atoms, 4.5)
    kinds = np.sort(np.stack([atoms.numbers[i], atoms.numbers[j]]), axis=0)
    key = kinds[0] * 1000 + kinds[1]
    shortest = {k: distances[key == k].min() for k in np.unique(key)}
    bonded = min(shortest.values())
    near = np.array([d < SHELL * shortest[k] and d < 1.5 * SHELL * bonded for d, k in zip(distances, key, strict=True)])
    return np.stack([i[near], j[near]]), shifts[near], distances[near]


def kept(crystal: Atoms, frames: list[Atoms]) -> float:
    """Share of the neighbours in the crystal that are neighbours still, on average over the frames."""
    pairs, shifts, distances = neighbours(crystal)
    apart = [
        np.linalg.norm(a.positions[pairs[1]] + shifts @ a.cell.array - a.positions[pairs[0]], axis=1) for a in frames
    ]
    return float((np.mean(apart, axis=0) < LOST * distances).mean())


def excursion(frames: list[Atoms], nearest: float) -> float:
    """Root mean square distance of atoms from their mean places, in units of the distance of neighbours."""
    places = np.array([a.cell.scaled_positions(a.positions - a.positions.mean(axis=0)) for a in frames])
    away = (places - places.mean(axis=0)) @ np.mean([a.cell.array for a in frames], axis=0)
    return float(np.sqrt((away**2).sum(axis=2).mean()) / nearest)


def run(name: str, temperature: float, calculator: Calculator, folder: Path, picoseconds: float) -> dict:
    """Twenty picoseconds of a material, or what stopped them."""
    material = MATERIALS[name]
    place = folder / f"{name.replace(' ', '-')}-{temperature:.0f}K"
    if (place / JUDGED).exists():
        return json.loads((place / JUDGED).read_text(encoding="utf-8"))
    start = relax(material.make(), calculator, cell="free", fmax=0.02, steps=500).atoms
    result = md(
        start,
        calculator,
        ensemble="npt",
        temperature=temperature,
        pressure=0.0,
        timestep=material.timestep,
        steps=round(1000 * picoseconds / material.timestep),
        interval=50,
        output=place,
        resume=(place / "restart.npz").exists(),
    )
    frames = read(place / "trajectory.extxyz", index=":")
    late = frames[len(frames) // 2 :]
    found = {
        "material": name,
        "kind": material.kind,
        "atoms": len(start),
        "temperature": temperature,
        "solid_up_to": material.solid_up_to,
        "finished": result.converged,
        "picoseconds": result.time,
        "mean_temperature": result.temperature.mean,
        "drift": result.energy_drift if np.isfinite(result.energy_drift) else None,
        "volume_ratio": float(np.mean([a.cell.volume for a in late]) / start.cell.volume),
        "excursion": excursion(late, neighbours(start)[2].min()),
        "neighbours_kept": kept(start, late),
        "warnings": list(result.warnings),
    }
    (place / JUDGED).write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def verdict(row: dict) -> str:
    """In a word or two."""
    if not row["finished"]:
        return "flew apart"
    held = row["neighbours_kept"] > 0.98 and abs(row["volume_ratio"] - 1) < 0.15
    if held:
        return "held"
    return "changed, and ought not" if row["temperature"] < row["solid_up_to"] else "changed, as it should"


def table(rows: list[dict]) -> list[str]:
    """One line for each run."""
    lines = [f"{'material':9s} {'kind':20s} atoms     T (K)  volume  excursion  neighbours kept  drift (meV/atom/ps)"]
    for row in rows:
        temperature = f"{row['mean_temperature']:.0f}/{row['temperature']:.0f}"
        kept = f"{100 * row['neighbours_kept']:.1f} %"
        drift = "none" if row["drift"] is None else f"{row['drift']:.3f}"
        lines.append(
            f"{row['material']:9s} {row['kind']:20s} {row['atoms']:5d} {temperature:>9s} {row['volume_ratio']:7.3f}"
            f" {row['excursion']:10.3f} {kept:>16s} {drift:>20s}  {verdict(row)}"
        )
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_choice(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(MATERIALS), default=list(MATERIALS))
    parser.add_argument("--temperatures", nargs="+", type=float, default=list(TEMPERATURES))
    parser.add_argument("--picoseconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    calculator = chosen(options)
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for temperature in options.temperatures:
        for name in options.only:
            try:
                rows.append(run(name, temperature, calculator, options.output, options.picoseconds))
            except InputError as error:
                print(f"{name} at {temperature:.0f} K: {error}", flush=True)
                continue
            print(table(rows[-1:])[-1], flush=True)
    (options.output / "table.txt").write_text("\n".join(table(rows)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
