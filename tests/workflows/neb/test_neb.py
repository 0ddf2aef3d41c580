"""Barriers against ASE's own band and known surfaces; atoms in any order; what resumes, warns and refuses."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read
from ase.mep import NEB
from ase.optimize import FIRE
from scipy.spatial.transform import Rotation

from equical import neb, relax
from equical.errors import InputError
from tests.workflows.neb.surfaces import MuellerBrown


def vacancy(symbol):
    """A crystal without its first atom, and without a neighbour of it; not relaxed."""
    crystal = bulk(symbol, cubic=True) * (2, 2, 2)
    initial, final = crystal.copy(), crystal.copy()
    del initial[0]
    del final[1]
    return initial, final


def oxygen_on_platinum():
    slab = fcc111("Pt", (2, 2, 2), vacuum=6.0)
    slab.set_constraint(FixAtoms(range(4)))
    ends = []
    for site in ("fcc", "hcp"):
        end = slab.copy()
        add_adsorbate(end, "O", 1.2, site)
        end.info.clear()
        ends.append(end)
    return ends


def ases_own(first, last, images):
    """Energy of the climbing image above the first one, by ASE's classes alone."""
    path = [first.copy() for _ in range(images + 1)] + [last.copy()]
    band = NEB(path, k=0.1, climb=True, method="improvedtangent", allow_shared_calculator=True)
    band.interpolate("idpp", mic=True, apply_constraint=True)
    for image in path:
        image.calc = EMT()
    assert FIRE(band, logfile=None).run(fmax=0.02, steps=200)
    energies = [image.get_potential_energy() for image in path]
    return max(energies) - energies[0]


@pytest.mark.parametrize("ends", [vacancy("Cu"), vacancy("Al"), oxygen_on_platinum()], ids=["Cu", "Al", "O on Pt"])
def test_barriers_are_those_of_ases_own_band(ends):
    images = 3 if "O" in ends[0].symbols else 1
    result = neb(*ends, EMT(), images=images, fmax=0.02, optimizer="lbfgs", relax_ends=True)
    assert result.converged and result.climbing and result.highest == (images + 1) / 2 and not result.warnings
    assert result.barrier == pytest.approx(ases_own(result.images[0], result.images[-1], images), abs=1e-3)
    assert result.spline_barrier == pytest.approx(result.barrier, abs=5e-3)
    assert result.reverse_barrier == pytest.approx(result.energies.max() - result.energies[-1], abs=1e-12)
    fixed = ends[0].constraints[0].index if ends[0].constraints else []
    for image in result.images:
        np.testing.assert_array_equal(image.positions[fixed], ends[0].positions[fixed])


def test_atoms_in_any_order_and_across_boundaries_have_the_same_barrier():
    initial, final = vacancy("Cu")
    random = np.random.default_rng(5)
    mixed = final[random.permutation(len(final))]
    mixed.positions += random.integers(-2, 3, (len(mixed), 3)) @ mixed.cell[:]
    moved = initial.copy()
    moved.positions += [0.7, 0.0, 0.0]
    moved.wrap()
    mixed.positions += [0.7, 0.0, 0.0]
    plain, other = (neb(a, b, EMT(), images=1, relax_ends=True) for a, b in ((initial, final), (moved, mixed)))
    assert other.barrier == pytest.approx(plain.barrier, abs=1e-3)
    assert other.lengths[-1] == pytest.approx(plain.lengths[-1], abs=1e-2)
    assert not other.warnings


def test_the_saddle_of_a_known_surface_is_found_with_the_minimum_on_the_way():
    ends = MuellerBrown.atom("left"), MuellerBrown.atom("right")
    with pytest.warns(UserWarning, match=r"image \d+ lies in a minimum between two maxima"):
        result = neb(*ends, MuellerBrown(), images=9, fmax=0.005)
    surface, energy = MuellerBrown, result.energies[0]
    assert result.barrier == pytest.approx(surface.SADDLES["left"] * surface.ENERGY - energy, abs=1e-4)
    assert len(result.warnings) == 1
    second = neb(MuellerBrown.atom("middle"), ends[1], MuellerBrown(), images=3, fmax=0.002, optimizer="lbfgs")
    assert second.energies.max() == pytest.approx(surface.SADDLES["right"] * surface.ENERGY, abs=1e-4)
    assert not second.warnings


def test_without_climbing_the_spline_tells_the_barrier():
    ends = MuellerBrown.atom("middle"), MuellerBrown.atom("right")
    result = neb(*ends, MuellerBrown(), images=4, climb=False, fmax=0.002)
    assert result.converged and not result.climbing
    assert result.barrier == result.spline_barrier > result.energies.max() - result.energies[0]
    saddle = MuellerBrown.SADDLES["right"] * MuellerBrown.ENERGY
    assert result.barrier == pytest.approx(saddle - result.energies[0], abs=2e-3)


def test_a_path_that_only_falls_has_no_barrier():
    class Hill(MuellerBrown):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            x, y, _ = self.atoms.positions[0]
            self.results = {"energy": 0.1 * x + y**2, "forces": np.array([[-0.1, -2 * y, 0.0]])}

    start, end = (Atoms("H", [[x, 0, 0]], cell=[9, 9, 9], pbc=True) for x in (3.0, 1.0))
    with pytest.warns(UserWarning) as said:
        result = neb(start, end, Hill(), images=3)
    assert result.converged and not result.climbing and result.saddle is None
    assert result.barrier == 0 and result.reverse_barrier == pytest.approx(0.2)
    told = [str(one.message) for one in said]
    assert any("no image lies above the initial structure: there is no barrier" in line for line in told)
    assert sum("has forces of up to 0.1 eV/Å and is no minimum" in line for line in told) == 2


def test_a_free_molecule_turns_inside_out_and_not_around():
    """Ammonia and its mirror image, turned: the flat molecule lies between them."""
    initial = relax(molecule("NH3"), EMT(), fmax=1e-3).atoms
    final = initial.copy()
    final.positions *= [1, 1, -1]
    final.positions = 3.0 + Rotation.from_euler("xyz", [10, 20, 130], degrees=True).apply(final.positions)
    flat = Atoms("NH3", [[0, 0, 0], *(1.2 * np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [-0.5, -(0.75**0.5), 0]]))])
    flat = relax(flat, EMT(), fmax=1e-3).atoms
    result = neb(initial, final, EMT(), images=3, fmax=0.02, keep_order=True)
    assert result.converged
    height = flat.get_potential_energy() - initial.get_potential_energy()
    assert result.barrier == pytest.approx(height, abs=1e-3) and height > 0.01
    for image in result.images:
        assert image.positions.mean(axis=0) == pytest.approx(initial.positions.mean(axis=0), abs=1e-3)


def test_images_are_evaluated_together():
    class Batching(EMT):
        sizes: list[int] = []  # noqa: RUF012

        def batch(self, structures, properties):
            self.sizes.append(len(structures))
            return [
                SimpleNamespace(
                    error=None, results={"energy": self.get_potential_energy(a), "forces": self.get_forces(a)}
                )
                for a in structures
            ]

    ends = oxygen_on_platinum()
    together, single = (neb(*ends, calc, images=3, relax_ends=True) for calc in (Batching(), EMT()))
    assert Batching.sizes == [1, 1] + [3] * (together.steps + 1)
    np.testing.assert_allclose(together.energies, single.energies, atol=1e-10)


class Stopping(MuellerBrown):
    """Is interrupted after a number of calculations."""

    def __init__(self, left=10**9):
        super().__init__()
        self.left = left

    def calculate(self, *args, **kwargs):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().calculate(*args, **kwargs)


def test_a_run_that_was_stopped_goes_on_from_the_last_band(tmp_path):
    ends = MuellerBrown.atom("middle"), MuellerBrown.atom("right")
    settings = {"images": 3, "fmax": 0.005, "optimizer": "lbfgs", "output": tmp_path}
    whole = neb(*ends, MuellerBrown(), **settings | {"output": None})
    with pytest.raises(KeyboardInterrupt):
        neb(*ends, Stopping(1 + 2 + 3 * 4 + 1), **settings)  # a probe, the ends, four bands, and one image more
    assert not (tmp_path / "result.json").exists()
    frames = read(tmp_path / "band.extxyz", ":")
    assert len(frames) == 5 and frames[0].info["steps"] == 3
    calculator = Stopping()
    resumed = neb(*ends, calculator, resume=True, **settings)
    assert resumed.converged and resumed.barrier == pytest.approx(whole.barrier, abs=1e-3)
    assert 10**9 - calculator.left == 1 + 3 * (resumed.steps - 3 + 1)  # the ends are known
    again = neb(*ends, Stopping(), resume=True, **settings | {"fmax": 0.1})
    assert again.converged and again.steps == resumed.steps


def test_a_run_goes_on_only_with_what_it_began_with(tmp_path):
    ends = MuellerBrown.atom("middle"), MuellerBrown.atom("right")
    with pytest.warns(UserWarning, match=r"not converged in 1 steps: its largest force is .*; go on with --resume"):
        assert not neb(*ends, MuellerBrown(), images=3, steps=1, fmax=1e-3, output=tmp_path).converged
    for others, settings, message in [
        (ends, {"images": 5}, "images were 3|images was 3"),
        ((ends[0], MuellerBrown.atom("left")), {"images": 3}, "final was|belongs to another structure"),
        (ends[::-1], {"images": 3}, "began with another structure|belongs to another structure"),
    ]:
        with pytest.raises(InputError, match=message):
            neb(*others, MuellerBrown(), output=tmp_path, resume=True, **settings)
    with pytest.raises(InputError, match="not empty"):
        neb(*ends, MuellerBrown(), output=tmp_path)
    (tmp_path / "band.extxyz").write_text("1\n\nH 0 0 0\n")
    with pytest.raises(InputError, match=r"is no band of 5 images of this structure; start with --overwrite"):
        neb(*ends, MuellerBrown(), images=3, output=tmp_path, resume=True)


def test_a_path_is_taken_as_it_is_given():
    ends = MuellerBrown.atom("left"), MuellerBrown.atom("right")
    between = MuellerBrown.atom("middle")
    between.positions += [39.99999, -40, 40]
    between.positions[0, 0] += 0.00001
    result = neb(path=[ends[0], between, ends[1]], calculator=MuellerBrown(), steps=0, fmax=10)
    assert result.steps == 0 and result.settings.images == 1
    np.testing.assert_allclose(result.images[1].positions, MuellerBrown.atom("middle").positions, atol=1e-9)
    for given, message in [
        ({"path": [*ends]}, "at least, both ends and one between; this one has 2"),
        ({"path": [ends[0], between, ends[1]], "initial": ends[0]}, "leave out the initial"),
        ({"path": [ends[0], between, ends[1]], "images": 3}, "leave out their number"),
        ({"path": [ends[0], Atoms("He", cell=[40] * 3, pbc=True), ends[1]]}, "is H, and image 1 of the path He"),
        ({"path": "band.extxyz"}, "not the path band.extxyz: equical.read_structures reads it"),
        ({"initial": "a.cif", "final": ends[1]}, "not the path a.cif"),
        ({"initial": ends[0], "final": "b.cif"}, "not the path b.cif"),
        ({"initial": ends[0]}, "give an initial and a final structure, or a path"),
    ]:
        with pytest.raises(InputError, match=message):
            neb(**given, calculator=MuellerBrown())
    water = molecule("H2O")
    with pytest.raises(InputError, match="image 2 of the path has its atoms in another order"):
        neb(path=[water, water, water[[1, 0, 2]]], calculator=EMT())


def cell_of(atoms, scale):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell[:] * scale, scale_atoms=True)
    return atoms


COPPER = vacancy("Cu")


@pytest.mark.parametrize(
    ("final", "settings", "message"),
    [
        (COPPER[1][:30], {}, "the initial structure has 31 atoms, and the final one 30"),
        (
            Atoms(["Au", *["Cu"] * 30], COPPER[1].positions, cell=COPPER[1].cell, pbc=True),
            {},
            "Cu31, and the final one",
        ),
        (cell_of(COPPER[1], 1.01), {}, "cells differ by up to 0.07"),
        (Atoms("Cu31", COPPER[1].positions, cell=COPPER[1].cell, pbc=[1, 1, 0]), {}, "pbc=TTT, and the final one TTF"),
        (COPPER[0], {}, "are the same structure .* no path between them"),
        (COPPER[0][::-1], {}, "are the same structure"),
        (COPPER[1], {"images": 0}, "one image at least"),
        (COPPER[1], {"fmax": 0}, "fmax must be a positive number"),
        (COPPER[1], {"spring": -1}, "spring must be a positive number"),
        (COPPER[1], {"steps": -1}, "steps must not be negative"),
        (COPPER[1], {"optimizer": "bfgs"}, "optimizer must be one of fire, lbfgs"),
    ],
)
def test_mistakes(final, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        neb(COPPER[0], final, EMT(), output=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_ends_that_relax_to_one_minimum_are_refused():
    initial, _ = oxygen_on_platinum()
    final = initial.copy()
    final.positions[-1] += [0.2, 0.1, 0.1]
    with pytest.raises(InputError, match="the two ends relax to the same structure"):
        neb(initial, final, EMT(), relax_ends=True)


@pytest.mark.drawn
def test_files(tmp_path):
    result = neb(MuellerBrown.atom("middle"), MuellerBrown.atom("right"), MuellerBrown(), images=3, output=tmp_path)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["barrier"] == result.barrier and written["energies"] == result.energies.tolist()
    assert written["converged"] is True and written["units"]["barrier"].startswith("eV")
    frames = read(tmp_path / "band.extxyz", ":")
    assert [frame.info["image"] for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.get_potential_energy() for frame in frames] == pytest.approx(result.energies.tolist())
    saddle = read(tmp_path / "saddle.extxyz")
    np.testing.assert_allclose(saddle.positions, result.saddle.positions, atol=1e-7)
    with (tmp_path / "band.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["length_A"]) for row in rows] == result.lengths.tolist()
    assert (tmp_path / "neb.png").read_bytes().startswith(b"\x89PNG")
