"""Do the known crystals come out lowest from random cells? Ranks of a search beside the crystal that nature has.

python examples/recipes/benchmarks/search.py Cu Si Mo --structures 24
python examples/recipes/benchmarks/search.py Mg MgO NaCl SiO2 Li-Si --model FOLDER
"""

import argparse
import warnings
from dataclasses import dataclass

from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from equical import EquiCalc, relax, search
from equical.workflows.common.spacegroup import space_group
from equical.workflows.search import SearchSettings


@dataclass(frozen=True)
class Case:
    """One search.

    Attributes:
        composition: as :func:`equical.search` takes it.
        units: least and largest number of formula units.
        known: the crystal to be found; None for a hull.
        distances: Å, by pair; what every chemist knows.
    """

    composition: str
    units: tuple[int, int] = (1, 1)
    known: Atoms | None = None
    distances: dict[str, float] | None = None


CASES = {
    "Cu": Case("Cu", (1, 4), bulk("Cu")),
    "Si": Case("Si", (2, 4), bulk("Si")),
    "Mo": Case("Mo", (1, 4), bulk("Mo")),
    "Mg": Case("Mg", (1, 4), bulk("Mg")),
    "MgO": Case("MgO", (1, 4), bulk("MgO", "rocksalt", a=4.21), {"O-O": 2.2, "Mg-Mg": 2.2}),
    "NaCl": Case("NaCl", (1, 4), bulk("NaCl", "rocksalt", a=5.64), {"Cl-Cl": 2.8, "Na-Na": 2.8}),
    "SiO2": Case(
        "SiO2",
        (1, 4),
        crystal("SiO", [(1 / 8, 1 / 8, 1 / 8), (0, 0, 0)], spacegroup=227, setting=2, cellpar=[7.2] * 3 + [90] * 3),
        {"O-O": 2.2, "Si-Si": 2.6, "O-Si": 1.5},
    ),
    "Li-Si": Case("Li=0:8,Si=0:4"),
}
"""β-cristobalite stands for silica: quartz lies close to it, and anything below is as good."""


def report(name: str, case: Case, model: str, structures: int, seed: int) -> None:
    calculator = EquiCalc(model)
    elements = SearchSettings(case.composition, case.units).elements
    if not set(elements) <= set(calculator.elements):
        print(f"{name:<6} {model} does not cover {', '.join(elements)}")
        return
    result = search(
        case.composition,
        calculator,
        units=case.units,
        structures=structures,
        distances=case.distances,
        seed=seed,
        output=f"search-{name}",
        resume=True,
    )
    if case.known is None:
        for one in result.found:
            if one.above_hull < 0.05:
                formation = "" if one.formation_energy is None else f"{1000 * one.formation_energy:8.1f}"
                print(f"{name:<6} {one.formula:<10} {one.space_group:<16} {1000 * one.above_hull:6.1f} {formation}")
        return
    known = relax(case.known, calculator, cell="free", fmax=0.005)
    target = known.energy / len(known.atoms)
    for rank, one in enumerate(result.found[:3], start=1):
        print(
            f"{name:<6} {rank:>4} {one.space_group:<16} {1000 * (one.energy_per_atom - target):8.1f}"
            f" {one.volume_per_atom:8.2f} {len(one.numbers):6d} {one.numbers[0]:6d}"
        )
    print(
        f"{name:<6} known {space_group(known.atoms):<15} {0.0:8.1f} {known.atoms.cell.volume / len(known.atoms):8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["Cu", "Si", "Mo"], help=f"of {', '.join(CASES)}")
    parser.add_argument("--model", default="metals-pbe")
    parser.add_argument("--structures", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # how often each was found stands in the table
    print("name   rank space group      meV/atom   Å³/atom  found  first")
    for name in options.names:
        report(name, CASES[name], options.model, options.structures, options.seed)


if __name__ == "__main__":
    main()
