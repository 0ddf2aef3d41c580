"""Which crystal does silicon form? Random structures, relaxed and ranked.

On the command line the same is

    equical search Si --units 2:4 --structures 40
"""

from equical import EquiCalc, search


def main(
    model: str = "metals-pbe",
    composition: str = "Si",
    units: tuple[int, int] = (2, 4),
    structures: int = 40,
    steps: int = 200,
    folder: str = "search-example",
) -> None:
    # Structure n depends on the seed and on n alone: with resume=True a run that was killed goes on, and one with more
    # structures grows. All structures of a batch take their steps together.
    result = search(
        composition,
        EquiCalc(model),
        units=units,
        structures=structures,
        steps=steps,
        output=folder,
        overwrite=True,
        progress=True,
    )
    print(f"converged {result.converged}: {len(result.found)} distinct, {len(result.failures)} failed")
    for one in result.found[:5]:
        print(
            f"{one.formula:<6} {one.space_group:<16} {one.volume_per_atom:6.2f} Å³/atom"
            f" {1000 * one.above_lowest:7.1f} meV/atom above the lowest, found {len(one.numbers)} times"
        )
    print(f"structures, plot and numbers are in {folder}/")


if __name__ == "__main__":
    main()
