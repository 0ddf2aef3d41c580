"""Compute what relaxed slabs cannot tell: strained metals, and O, H and OH at heights that no relaxation visits.

    python3 dft.py PART OUTPUT.extxyz        # PART: bulk, slabs, lifted, pulled
    python3 dft.py pulled OUTPUT.extxyz 0/4  # the first of four shares, for four processes with a file each
    python3 dft.py zero                      # is the zero of energy that of the published data?
    python3 dft.py kpoints                   # what do more k-points change for a small slab?

Needs GPAW and its setups 0.9.20000 (Debian: apt install gpaw gpaw-data). Code, functional and cutoff are those of the
published slabs (plane waves up to 400 eV, RPBE), so the energies share their zero. The k-points of small slabs are too
few for the last meV: 12×12 in place of 8×8 raise a bare slab of platinum by 4 meV per atom. Frames are appended as they
are finished; what is in the file is not computed again, so the script may be stopped at any time.
``strained.extxyz.gz`` holds all of bulk, ``small-slabs.extxyz.gz`` the first 52 of slabs: ``PLACES`` and a part of
``FURTHER``; ``lifted-layers.extxyz.gz`` all of lifted; ``pulled-atoms.extxyz.gz`` nine of pulled.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from gpaw import GPAW, PW, FermiDirac

LATTICE = {"Ag": 4.21, "Ir": 3.86, "Pd": 3.98, "Pt": 3.99, "Ru": 3.83}
"""Å, of the face-centred cubic crystals; near the minimum is near enough."""

SCALES = (1.0, 0.95, 1.06, 0.98, 1.12, 0.91, 1.03, 1.2, 1.3, 0.87)


def crystals() -> Iterator[tuple[str, Atoms]]:
    """Metals and layered binary alloys at volumes far from the best."""
    for scale, (metal, a) in itertools.product(SCALES, LATTICE.items()):
        yield f"{metal} fcc {scale}", bulk(metal, "fcc", a=a * scale)
    for scale in SCALES[:6]:
        yield f"Ru hcp {scale}", bulk("Ru", "hcp", a=2.73 * scale, c=4.31 * scale)
    for scale, (one, other) in itertools.product((1.0, 1.07, 0.95), itertools.combinations(LATTICE, 2)):
        a = scale * (LATTICE[one] + LATTICE[other]) / 2
        yield (
            f"{one}{other} L10 {scale}",
            Atoms(
                [one, other], scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[a / 2**0.5, a / 2**0.5, a], pbc=True
            ),
        )
    for metal, a in LATTICE.items():
        for name, factors in (("flat", (1.05, 1.05, 0.93)), ("tall", (0.96, 0.96, 1.08))):
            atoms = bulk(metal, "fcc", a=a)
            atoms.set_cell(atoms.cell.array * factors, scale_atoms=True)
            yield f"{metal} {name}", atoms


PLACES = [
    ("bare", None, 0.0), ("fcc", "O", 1.25), ("ontop", "O", 1.8), ("fcc", "O", 0.8), ("fcc", "H", 0.95),
    ("ontop", "OH", 2.0), ("fcc", "O", 2.6),
]  # fmt: skip
"""Site, adsorbate and height (Å) of the slabs with three layers and one atom of the surface in the cell."""

FURTHER = [
    ((1, 1, 5), "bare", None, 0.0), ((1, 1, 3), "fcc", "OH", 1.5), ((1, 1, 3), "bridge", "O", 1.3),
    ((2, 2, 3), "fcc", "O", 1.25), ((1, 1, 3), "bridge", "OH", 1.6), ((2, 2, 3), "ontop", "OH", 2.0),
    ((2, 2, 3), "fcc", "OH", 1.5),
]  # fmt: skip
"""Size, site, adsorbate and height (Å): more layers, more room, and sites where the published data have no OH."""


def slabs() -> Iterator[tuple[str, Atoms]]:
    """One adsorbate on a small slab of each metal, some of them nowhere near equilibrium."""
    for (site, adsorbate, height), metal in itertools.product(PLACES, LATTICE):
        yield f"{metal} {adsorbate or ''} {site} {height}", slab(metal, (1, 1, 3), site, adsorbate, height)
    for (size, site, adsorbate, height), metal in itertools.product(FURTHER, ("Pt", "Pd", "Ag", "Ir", "Ru")):
        name = f"{metal} {adsorbate or ''} {site} {height} {'x'.join(map(str, size))}"
        yield name, slab(metal, size, site, adsorbate, height)


def slab(metal: str, size: tuple[int, int, int], site: str, adsorbate: str | None, height: float) -> Atoms:
    """A close-packed face with vacuum on both sides."""
    atoms = fcc111(metal, size, a=LATTICE[metal], vacuum=6.0)
    if adsorbate is not None:
        molecule = Atoms("OH", [[0, 0, 0], [0, 0, 0.98]]) if adsorbate == "OH" else Atoms(adsorbate)
        add_adsorbate(atoms, molecule, height, site)
        atoms.center(vacuum=6.0, axis=2)
    atoms.pbc = (True, True, False)
    return atoms


def lifted() -> Iterator[tuple[str, Atoms]]:
    """The upper layer on its way out, of pure metals and on top of another one."""
    pairs = [(metal, metal) for metal in LATTICE]
    pairs += [("Pd", "Ru"), ("Ag", "Ir"), ("Pt", "Pd"), ("Ru", "Ag"), ("Ir", "Pt")]
    for height, (up, other) in itertools.product((0.5, 1.3, 2.4), pairs):
        atoms = fcc111(other, (1, 1, 3), a=(LATTICE[up] + LATTICE[other]) / 2, vacuum=6.0)
        atoms.symbols[2] = up
        atoms.positions[2, 2] += height
        atoms.center(vacuum=6.0, axis=2)
        yield f"{up} off {other} {height}", atoms


PARTNERS = (
    ("Ag", "Pt"),
    ("Ag", "Ru"),
    ("Pd", "Ir"),
    ("Pd", "Ru"),
    ("Pt", "Ag"),
    ("Pt", "Ru"),
    ("Ir", "Pd"),
    ("Ru", "Ag"),
)
"""One atom of the first metal in a surface of the second."""


def pulled() -> Iterator[tuple[str, Atoms]]:
    """One of the four atoms of the surface on its way out, alone or with what is bound on top of it."""
    alone = [(metal, metal) for metal in LATTICE]
    for (up, other), height in itertools.chain(
        itertools.product(alone, (0.4, 0.8, 1.4, 2.2)), itertools.product(PARTNERS, (0.6, 1.6))
    ):
        yield f"{up} out of {other} {height}", with_one_atom_out(up, other, height)
    for height, adsorbate, (up, other) in itertools.product((0.5, 1.2), ("O", "OH"), alone):
        yield f"{up} out of {other} {height} with {adsorbate}", with_one_atom_out(up, other, height, adsorbate)
    for height, metal in itertools.product((2.2, 3.2), LATTICE):
        atoms = slab(metal, (2, 2, 3), "fcc", metal, height)
        yield f"{metal} on {metal} {height}", atoms


def with_one_atom_out(up: str, other: str, height: float, adsorbate: str | None = None) -> Atoms:
    """A slab with four atoms in a layer; one of the uppermost is another metal, ``height`` Å above its place."""
    atoms = fcc111(other, (2, 2, 3), a=LATTICE[other], vacuum=6.0)
    atoms.symbols[8] = up
    atoms.positions[8, 2] += height
    if adsorbate is not None:
        molecule = Atoms("OH", [[0, 0, 0], [0, 0, 0.98]]) if adsorbate == "OH" else Atoms(adsorbate)
        molecule.translate(atoms.positions[8] + [0, 0, 1.85])
        atoms.extend(molecule)
    atoms.center(vacuum=6.0, axis=2)
    atoms.pbc = (True, True, False)
    return atoms


def compute(atoms: Atoms, in_plane: int | None = None) -> None:
    """Energy, forces and, of crystals, stress, as results of the atoms; ``in_plane`` is for k-points of a slab."""
    periodic = bool(atoms.pbc.all())
    kpts = {"density": 4.5, "gamma": True} if periodic else (1, 1, 1)
    if atoms.pbc.any() and not periodic:
        in_plane = in_plane or (8 if atoms.cell.lengths()[0] < 4 else 4)
        kpts = (in_plane, in_plane, 1)
    atoms.calc = GPAW(
        mode=PW(400), xc="RPBE", kpts=kpts, occupations=FermiDirac(0.1), txt=None, convergence={"density": 1e-5}
    )
    atoms.get_potential_energy()
    atoms.get_forces()
    if periodic:
        atoms.get_stress()


def zero() -> None:
    """Print the energy of H2 in the geometry of the published data, where it is -6.678787 eV."""
    atoms = Atoms("H2", [[0, 0, 0], [0.7504, 0, 0]])
    atoms.center(vacuum=4.0)
    compute(atoms)
    print(f"H2 {atoms.get_potential_energy():.6f} eV, {atoms.get_potential_energy() + 6.678787:+.6f}")


def kpoints() -> None:
    """Print the energy of a bare slab of platinum with the k-points used here, and with more."""
    atoms = slab("Pt", (1, 1, 3), "bare", None, 0.0)
    for in_plane in (8, 12):
        compute(atoms, in_plane)
        print(f"{in_plane} x {in_plane}: {atoms.get_potential_energy() / len(atoms):.4f} eV per atom", flush=True)


def main(part: str, output: str = "", share: str = "0/1") -> None:
    if part in ("zero", "kpoints"):
        {"zero": zero, "kpoints": kpoints}[part]()
        return
    structures = {"bulk": crystals, "slabs": slabs, "lifted": lifted, "pulled": pulled}[part]()
    first, step = map(int, share.split("/"))
    done = {atoms.info["name"] for atoms in read(output, ":")} if Path(output).exists() else set()
    for name, atoms in itertools.islice(structures, first, None, step):
        if name in done:
            continue
        compute(atoms)
        results = {key: atoms.calc.results[key] for key in ("energy", "forces", "stress") if key in atoms.calc.results}
        atoms.calc = SinglePointCalculator(atoms, **results)
        atoms.info["name"] = name
        write(output, atoms, append=True)
        print(name, f"{results['energy']:.4f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
