"""What batches and workers bring: relaxations side by side, and a screening, against one relaxation after the other.

    python examples/recipes/benchmarks/screening.py [--model catalysis-rpbe] [--cores 2] [--json screening.json]

The same adsorbates on the same slabs, once each way. The plain loop is what a short script would do: crystal, gas
molecules, slab and adsorbates relaxed one after the other, with all cores for each evaluation. Tells the time that has
passed and that of all processors together; the latter says something on a busy machine, too.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from ase import Atoms
from ase.db import connect

from equical import EquiCalc, relax, screen
from equical.workflows.adsorption import Adsorbate, SlabFromBulk, adsorbate, build_slab
from equical.workflows.adsorption.bulks import find_bulk
from equical.workflows.adsorption.place import AZIMUTHS, place_all
from equical.workflows.adsorption.references import gas_molecule, reference_for
from equical.workflows.adsorption.sites import find_sites
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.adsorption.surface import BULK_FMAX
from equical.workflows.adsorption.symmetry import SurfaceSymmetry
from equical.workflows.relax import RelaxSettings
from equical.workflows.relax.together import relax_together

FMAX, STEPS = 0.05, 100
"""eV/Å, and the most steps of a relaxation."""

AT_ONCE = 8
"""Relaxations side by side, as many as a worker of a screening does."""


@dataclass
class Measured:
    """One way to do the work.

    Attributes:
        what: that was done, and how.
        relaxations: of adsorbates.
        seconds: that have passed.
        cpu_seconds: of this process and those it started.
    """

    what: str
    relaxations: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def measured(what: str) -> Iterator[Measured]:
    """Time what is done within the block."""
    found, wall, cpu = Measured(what), time.perf_counter(), sum(os.times()[:4])
    yield found
    found.seconds, found.cpu_seconds = time.perf_counter() - wall, sum(os.times()[:4]) - cpu
    print(f"{what}: {found.seconds:.1f} s, {found.cpu_seconds:.1f} s of processors", flush=True)


def recipe(metal: str, size: int) -> SlabFromBulk:
    """A close-packed face."""
    return SlabFromBulk(metal, (1, 1, 1), layers=4, size=(size, size))


def relaxed_slab(metal: str, size: int, calculator: EquiCalc) -> Atoms:
    """A slab of the relaxed crystal, relaxed itself; the lower half stays where it is."""
    crystal = relax(find_bulk(metal).crystal, calculator, cell="free", symmetry=True, fmax=BULK_FMAX).atoms
    slab = freeze_bottom(standard_slab(build_slab(recipe(metal, size), crystal)), None)
    return relax(slab, calculator, fmax=FMAX, steps=STEPS).atoms


def starts(slab: Atoms, species: Adsorbate) -> list[Atoms]:
    """An adsorbate on all sites of a slab."""
    symmetry = SurfaceSymmetry.of(slab)
    return [one.atoms for one in place_all(slab, species, find_sites(slab, symmetry), symmetry, AZIMUTHS)]


def plain_loop(metals: Sequence[str], adsorbates: Sequence[str], size: int, model: str) -> dict[tuple[str, str], float]:
    """Lowest adsorption energy (eV) by metal and adsorbate."""
    calculator, best = EquiCalc(model, device="cpu"), {}
    species = [adsorbate(name) for name in adsorbates]
    gas = {name: gas_molecule(name, one) for one in species for name in reference_for(one)}
    energies = {name: relax(atoms, calculator, fmax=FMAX, steps=STEPS).energy for name, atoms in gas.items()}
    for metal in metals:
        slab = relaxed_slab(metal, size, calculator)
        for one in species:
            zero = slab.get_potential_energy() + sum(
                float(n) * energies[name] for name, n in reference_for(one).items()
            )
            found = [relax(atoms, calculator, fmax=FMAX, steps=STEPS).energy for atoms in starts(slab, one)]
            best[metal, one.name] = min(found) - zero
    return best


def batches(size: int, adsorbates: Sequence[str], model: str) -> list[Measured]:
    """Adsorbates on platinum, one after the other and side by side."""
    calculator = EquiCalc(model, device="cpu")
    slab = relaxed_slab("Pt", size, calculator)
    structures = [atoms for name in adsorbates for atoms in starts(slab, adsorbate(name))]
    calculator.batch(structures[:2])  # both ways know the model by now
    number = f"{len(structures)} adsorptions on {len(slab)} atoms"
    with measured(f"{number}, one after the other") as alone:
        for atoms in structures:
            relax(atoms, calculator, fmax=FMAX, steps=STEPS)
    settings = RelaxSettings(fmax=FMAX, steps=STEPS)
    with measured(f"{number}, {AT_ONCE} side by side") as together:
        for first in range(0, len(structures), AT_ONCE):
            list(relax_together(structures[first : first + AT_ONCE], calculator, settings))
    alone.relaxations = together.relaxations = len(structures)
    return [alone, together]


def screening(
    metals: Sequence[str], adsorbates: Sequence[str], size: int, model: str, cores: int
) -> tuple[list[Measured], float]:
    """A plain loop and a screening, and by how much their energies differ at most (eV)."""
    with measured("plain loop") as loop:
        by_hand = plain_loop(metals, adsorbates, size, model)
    line = {
        "bulk": list(metals),
        "facets": "1 1 1",
        "adsorbates": list(adsorbates),
        "layers": 4,
        "size": f"{size}x{size}",
    }
    with TemporaryDirectory() as folder:
        with measured(f"equical screen, {cores} workers") as screened:
            screen([line], model, fmax=FMAX, steps=STEPS, workers=cores, output=folder)
        rows = list(connect(Path(folder) / "screen.db").select(kind="adsorption"))
    loop.relaxations = screened.relaxations = len(rows)
    found: dict[tuple[str, str], float] = {}
    for row in rows:  # those with anomalies too, as in the loop
        pair = row.surface.split()[0], row.adsorbate
        found[pair] = min(found.get(pair, inf), row.adsorption_energy)
    return [loop, screened], max(abs(found[pair] - energy) for pair, energy in by_hand.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="catalysis-rpbe")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--metals", nargs="+", default=["Pt", "Pd", "Ir", "Ag"])
    parser.add_argument("--adsorbates", nargs="+", default=["O", "OH"])
    parser.add_argument("--size", type=int, default=3, help="atoms of the surface along each side of the cell")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    warnings.simplefilter("ignore", UserWarning)
    pairs = [batches(size, options.adsorbates, options.model) for size in (2, options.size)]
    last, difference = screening(options.metals, options.adsorbates, options.size, options.model, options.cores)
    pairs.append(last)
    print(f"\n{'':<50}  seconds  of processors  relaxations an hour  times as many")
    for slow, fast in pairs:
        for one in (slow, fast):
            rate, gain = 3600 * one.relaxations / one.seconds, slow.seconds / one.seconds
            print(f"{one.what:<50} {one.seconds:>8.1f} {one.cpu_seconds:>14.1f} {rate:>20.0f} {gain:>14.2f}")
    print(f"\nlargest difference of an adsorption energy between loop and screening: {1e3 * difference:.1f} meV")
    if options.json:
        rows = [asdict(one) for pair in pairs for one in pair]
        options.json.write_text(
            json.dumps({"model": options.model, "cores": options.cores, "measured": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
