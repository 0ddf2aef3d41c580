"""How many random placements find the most stable one, with EMT: success as AdsorbML counts it, within 0.1 eV.

    python examples/recipes/benchmarks/placements.py [--draws 60]

Of each system all sites and many random placements are relaxed; the deepest minimum of all is the best that there is.
Prints whether the sites alone find it, and the chance that so many draws do, by themselves and beside the sites.
"""

import argparse
import warnings
from math import comb

from ase.build import bulk
from ase.calculators.emt import EMT

from equical import AdsorptionResult, adsorption_energy
from equical.workflows.adsorption import SlabFromBulk

SUCCESS = 0.1
"""eV above the best that there is."""

COUNTS = (0, 1, 2, 5, 10, 20, 40)

SURFACES = {
    "Pt(211)": SlabFromBulk(bulk("Pt", a=3.92, cubic=True), (2, 1, 1), layers=9, size=(1, 2), relax=False),
    "Cu(110)": SlabFromBulk(bulk("Cu", a=3.61, cubic=True), (1, 1, 0), layers=5, size=(2, 3), relax=False),
    "Pt3Ni(111)": SlabFromBulk("Pt3Ni", (1, 1, 1), layers=3, size=(1, 1)),
    "Ni(311)": SlabFromBulk(bulk("Ni", a=3.52, cubic=True), (3, 1, 1), layers=7, size=(2, 3), relax=False),
}
ADSORBATES = ("CO", "NO", "N2")


def chances(result: AdsorptionResult, draws: int) -> tuple[dict[int, float], dict[int, float]]:
    """Of success, by the number of draws: alone, and beside the sites; over all choices among the draws there are."""
    assert result.best is not None
    limit = result.best.energy + SUCCESS
    good = [c for c in result.configurations if not c.anomalies and c.energy <= limit]
    on_sites = any(not c.random for c in good)
    hits = sum(c.random for c in good)
    alone = {n: 1 - comb(draws - hits, n) / comb(draws, n) for n in COUNTS if n <= draws}
    return alone, {n: 1.0 if on_sites else chance for n, chance in alone.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--surfaces", nargs="+", default=list(SURFACES), choices=SURFACES)
    parser.add_argument("--adsorbates", nargs="+", default=list(ADSORBATES))
    options = parser.parse_args()
    counts = [n for n in COUNTS if n <= options.draws]
    print(f"{'system':<16}  best (eV)  best of the sites  random" + "".join(f"{n:>6}" for n in counts))
    found = []
    for surface in options.surfaces:
        for name in options.adsorbates:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # small cells are meant here
                result = adsorption_energy(SURFACES[surface], name, EMT(), configurations=options.draws)
            if result.best is None:
                print(f"{name + ' on ' + surface:<16}  falls apart everywhere")
                continue
            alone, beside = chances(result, options.draws)
            found.append((alone, beside))
            sites = [c.adsorption_energy for c in result.configurations if c.rank and not c.random]
            row = f"{min(sites):>17.3f}" if sites else f"{'none':>17}"
            row = f"{name + ' on ' + surface:<16} {result.best.adsorption_energy:>10.3f}  {row}       "
            print(row + "".join(f"{100 * alone[n]:>5.0f}%" for n in counts), flush=True)
    for label, which in (("random alone", 0), ("sites and random", 1)):
        mean = [sum(pair[which][n] for pair in found) / len(found) for n in counts]
        print(f"success, {label:<44}" + "".join(f"{100 * one:>5.0f}%" for one in mean))


if __name__ == "__main__":
    main()
