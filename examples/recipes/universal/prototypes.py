"""Simple crystals: every element in five structures, and binary compounds in four."""

import json
from functools import cache
from itertools import product
from pathlib import Path

from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols
from sources import ELEMENTS

EQUILIBRIA = Path(__file__).parent / "equilibria.json"

ELEMENTAL = ("fcc", "bcc", "hcp", "sc", "diamond")
BINARY = ("rocksalt", "zincblende", "wurtzite", "cesiumchloride")

FAMILIES = (
    ("Li Na K Rb Cs Cu Ag", "H F Cl Br I"),
    ("Be Mg Ca Sr Ba Zn Cd Hg Sn Pb Mn Ni Eu", "O S Se Te"),
    ("B Al Ga In Sc Y La", "N P As Sb"),
    ("Ti Zr Hf V Nb Ta W", "C N"),
    ("Si Ge", "C"),
    ("Fe Co Ni Ru Pd", "Al Ti"),
    ("Cu Ag", "Zn Y"),
)
"""Binary compounds: every first element with every second, most of them with closed shells."""

COMPOUNDS = tuple(pair for first, second in FAMILIES for pair in product(first.split(), second.split()))


def prototype(name: str, volume: float = 16.0) -> Atoms:
    """A primitive cell by name, such as ``fcc Cu`` or ``rocksalt Mg O``, with ``volume`` in Å³ for each atom."""
    structure, *symbols = name.split()
    atoms = bulk("".join(symbols), structure, a=4.0)
    atoms.set_cell(atoms.cell.array * (volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    atoms.info = {"parent": name}
    return atoms


def elemental_names(elements: tuple[int, ...] = ELEMENTS) -> list[str]:
    """Every element in every structure."""
    return [f"{structure} {chemical_symbols[z]}" for z in elements for structure in ELEMENTAL]


def binary_names() -> list[str]:
    """Every compound in every structure but wurtzite, which has the volume of zinc blende."""
    structures = [structure for structure in BINARY if structure != "wurtzite"]
    return [f"{structure} {first} {second}" for first, second in COMPOUNDS for structure in structures]


@cache
def equilibria(path: Path = EQUILIBRIA) -> dict[str, dict[str, float]]:
    """By name: ``volume`` (Å³) and ``energy`` (eV) for each atom, and ``bulk_modulus`` (GPa), as the teacher has them.

    Prototypes that the teacher knows no minimum of are not in it. ``equilibrium.py`` writes it.
    """
    table = json.loads(path.read_text(encoding="utf-8"))
    return {name: found for name, found in table.items() if found is not None}


def equilibrium_of(name: str) -> dict[str, float] | None:
    """The entry of a prototype, where there is one."""
    return equilibria().get(name.replace("wurtzite", "zincblende"))


def stable(names: list[str], window: float) -> list[str]:
    """Of prototypes of one composition those within ``window`` eV for each atom of the best that has an equilibrium."""
    energies = {name: found["energy"] for name in names if (found := equilibrium_of(name)) is not None}
    return [name for name, energy in energies.items() if energy <= min(energies.values()) + window]
