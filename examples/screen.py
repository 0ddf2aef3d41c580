"""Which metals bind oxygen and hydrogen like platinum? Many adsorbates on many surfaces, on all cores at once.

On the command line the same is, with the lines below in a file,

    equical screen table.csv
    equical screen --status screen-table          from another terminal, how far it is
    equical screen table.csv --resume             after anything that stopped it
"""

from functools import partial

from equical import EquiCalc, screen
from equical.workflows.screen import export_screen, screen_status

TABLE = [
    {"bulk": "Pt; Pd; Ag", "facets": "1 1 1; 1 0 0", "adsorbates": "O H", "layers": 4},
    {"bulk": "Pt3Ag", "prototype": "l12", "facets": "1 1 1", "adsorbates": "O H", "layers": 4},
]


def main(
    model: str = "catalysis-rpbe",
    size: str = "2x2",
    steps: int = 300,
    workers: int | None = None,
    folder: str = "screen-example",
) -> None:
    # Each crystal, slab and gas molecule is relaxed once, for all that need it. A worker makes a calculator of its own,
    # with a function that it is sent; a model's name would do as well. With scheduler="tcp://…:8786" a cluster does it.
    result = screen(
        [line | {"size": size} for line in TABLE],
        partial(EquiCalc, model),
        steps=steps,
        workers=workers,
        output=folder,
        overwrite=True,
        progress=True,
    )

    for one in result.adsorptions:
        energy = "none without anomalies" if one.adsorption_energy is None else f"{one.adsorption_energy:.2f} eV"
        print(f"{one.adsorbate} on {one.surface}: {energy} ({one.configurations} configurations, from {one.reference})")
    for failure in result.failures:  # what cannot be calculated stops nothing else; retry_failed=True tries it again
        print(f"failed: {failure.name}: {failure.reason}")

    # Everything is in a database that `ase db` and `ase gui` read, too.
    status = screen_status(folder)
    print(f"{status.ended} relaxations; all configurations are in {export_screen(folder, 'csv')}")


if __name__ == "__main__":  # workers read this file again
    main()
