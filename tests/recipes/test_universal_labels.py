"""From structures to training files: labels, compact files, and what is held out."""

import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.data import chemical_symbols
from ase.io import read, write

from tests.recipes.conftest import ELEMENTS, labelled

EMT_NAME = "ase.calculators.emt:EMT"


def test_labels_are_the_calculators_and_a_second_run_adds_what_is_missing(universal, alloys_file, tmp_path, capsys):
    label, folder = universal("label"), tmp_path / "shards"
    arguments = ["scans", "0", "6", "--parents", str(alloys_file), "--calculator", EMT_NAME, "--output", str(folder)]
    label.main(arguments)
    assert "atoms/s" in capsys.readouterr().out
    (shard,) = folder.iterdir()
    frames = read(shard, ":")
    assert len(frames) == 6
    for atoms in frames:
        energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        atoms.calc = EMT()
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-5)
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-4)
        np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-5)
    before = shard.read_bytes()
    shard.write_bytes(b"as it was")
    label.main([*arguments[:2], "252", *arguments[3:]])
    assert [path.name for path in sorted(folder.iterdir())] == ["000000.extxyz.gz", "000250.extxyz.gz"]
    assert shard.read_bytes() == b"as it was"
    shard.unlink()
    label.main(arguments)
    assert shard.read_bytes() == before


def test_useless_labels_are_left_out_and_failures_named(universal, capsys):
    label = universal("label")
    near = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 1.0]])
    assert label.labelled(near, EMT()) is None  # more than 50 eV/Å
    assert "stress" not in label.labelled(molecule("H2O"), EMT()).calc.results
    unknown = Atoms("U", info={"number": 3})
    (kept,) = label.usable([None, unknown, bulk("Cu")], EMT())
    assert str(kept.symbols) == "Cu"
    assert "'number': 3" in capsys.readouterr().err


def test_structures_of_a_file_are_labelled_too(universal, tmp_path):
    write(tmp_path / "visited.extxyz", [bulk("Cu"), bulk("Pt")])
    arguments = ["--structures", str(tmp_path / "visited.extxyz"), "--calculator", EMT_NAME]
    universal("label").main([*arguments, "--output", str(tmp_path / "shards")])
    frames = read(tmp_path / "shards" / "000000.extxyz.gz", ":")
    assert [(str(atoms.symbols), atoms.info["number"]) for atoms in frames] == [("Cu", 0), ("Pt", 1)]


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [("nonsense", "give module:function"), ("ase.calculators.emt:Nothing", "Nothing"), ("no.such:thing", "no")],
)
def test_a_calculator_that_is_not_there_is_refused_in_one_line(universal, spec, complaint):
    with pytest.raises(SystemExit, match=complaint):
        universal("calculators").load_calculator(spec)


def test_compact_files_keep_what_matters(universal, alloys, tmp_path):
    compact = universal("compact")
    rng = np.random.default_rng(0)
    frames = []
    for number, atoms in enumerate([*alloys, molecule("CH4"), Atoms("O")]):
        atoms = atoms.copy()
        atoms.positions += rng.normal(scale=0.1, size=(len(atoms), 3))
        frames.append(labelled(atoms, f"kind {number % 2}", f"mp-{number}", 70_000 + number))
    compact.save_frames(tmp_path / "labels.npz", frames)
    found = compact.load_frames(tmp_path / "labels.npz")
    assert [atoms.info for atoms in found] == [atoms.info for atoms in frames]
    for atoms, before in zip(found, frames, strict=True):
        np.testing.assert_array_equal(atoms.numbers, before.numbers)
        np.testing.assert_array_equal(atoms.pbc, before.pbc)
        np.testing.assert_allclose(atoms.positions, before.positions, atol=0.51e-4)
        np.testing.assert_allclose(atoms.cell.array, before.cell.array, atol=0.51e-5)
        np.testing.assert_allclose(atoms.get_forces(), before.get_forces(), atol=0.51e-3)
        assert atoms.get_potential_energy() == pytest.approx(before.get_potential_energy(), abs=0.51e-4)
        assert ("stress" in atoms.calc.results) == before.pbc.all()
        if before.pbc.all():
            np.testing.assert_allclose(atoms.get_stress(), before.get_stress(), atol=0.51e-6)


def test_bytes_put_apart_come_together_again(universal):
    compact = universal("compact")
    values = np.array([0, 1, -1, 255, -256, 2**31 - 1, -(2**31)])
    np.testing.assert_array_equal(compact.whole(compact.bytes_apart(values)), values)
    with pytest.raises(ValueError, match="too many"):
        compact.bytes_apart(np.array([2**31]))


@pytest.fixture
def split(universal, alloys, monkeypatch):
    """A split that holds out AuCu3 and no other composition."""
    module = universal("split")
    monkeypatch.setattr(module, "is_held_out", lambda composition: composition == "AuCu3")
    return module.Split.of(alloys, alloys)


def test_nothing_of_a_held_out_composition_is_trained_on(split, alloys):
    gold = alloys[0]
    assert gold.get_chemical_formula() == "AuCu3" and split.real_is_held_out(gold)
    with_vacancy = labelled(gold, "defects", "mp-0")
    del with_vacancy[0]
    other_elements = labelled(gold, "replaced", "mp-0")
    other_elements.symbols = "NiAl3"
    by_chance = labelled(gold, "packing", "random")
    supercell = labelled(gold.repeat((1, 1, 2)), "large", "mp-20")
    prototype = labelled(bulk("Cu"), "slabs", "rocksalt Cu3 Au")
    for atoms in (labelled(gold), with_vacancy, other_elements, by_chance, supercell, prototype):
        assert split.part(atoms) == "unseen crystals"
    assert not split.real_is_held_out(alloys[1])


def test_what_is_held_out_does_not_depend_on_what_else_there_is(universal, alloys):
    split = universal("split")
    one, other = split.Split.of(alloys[:3], alloys), split.Split.of(alloys, alloys)
    assert one.compositions == other.compositions & {split.composition(str(atoms.symbols)) for atoms in alloys[:3]}
    common = [
        "AuCu3",
        "MgO",
        "ClNa",
        "GaAs",
        "ClCs",
        "CSi",
        "NTi",
        "O3SrTi",
        "CoLiO2",
        "FLi",
        "AlNi",
        "BN",
        "InP",
        "OZn",
    ]
    assert [name for name in common if split.is_held_out(name)] == ["MgO", "GaAs", "ClCs", "CoLiO2", "InP"]
    assert split.drawn("composition AuCu3", 100) and not split.drawn("composition AuCu3", 0)
    shares = np.mean([[split.drawn(f"number x {n}", percent) for n in range(4000)] for percent in (1, 20)], axis=1)
    np.testing.assert_allclose(shares, [0.01, 0.2], atol=0.02)


def test_shares_are_held_out_and_single_elements_are_not(universal, alloys):
    module = universal("split")
    split = module.Split.of([], alloys)
    frames = [bulk("Cu") for _ in range(300)]
    for number, atoms in enumerate(frames):
        atoms.info = {"kind": "elements", "parent": "fcc Cu", "number": number}
    parts = [split.part(atoms) for atoms in frames]
    assert set(parts) == {"training", "unseen numbers"} and parts.count("unseen numbers") < 15
    assert not module.is_held_out("Cu")
    compositions = [f"Cu{symbol}" for symbol in chemical_symbols[1:100] if symbol != "Cu"]
    assert 5 < sum(map(module.is_held_out, compositions)) < 40
    assert split.part(labelled(Atoms("Cu"), "atoms", "none", 0)) == "training"


def test_labels_become_training_files_that_share_nothing_with_what_is_judged(
    universal, split, alloys, tmp_path, capsys
):
    folder, rng = tmp_path / "shards", np.random.default_rng(0)
    folder.mkdir()
    frames = []
    for number in range(60):
        atoms = alloys[number % 5].copy()
        atoms.positions += rng.normal(scale=0.05, size=(len(atoms), 3))
        frames.append(labelled(atoms, "hot" if number % 2 else "perturbed", f"mp-{number % 5}", number))
    write(folder / "000000.extxyz.gz", frames[:40], format="extxyz")
    write(folder / "000040.extxyz.gz", frames[20:], format="extxyz")  # some twice
    (folder / ".000300.77.extxyz.gz").write_bytes(b"of a run that is at work")
    write(tmp_path / "real.extxyz", [labelled(atoms) for atoms in alloys])
    write(tmp_path / "parents.extxyz", alloys)
    universal("pack").main([str(folder), "--output", str(tmp_path / "labels")])
    assert "60 structures" in capsys.readouterr().out
    arguments = ["--real", "real.extxyz", "--labels", "labels", "--parents", "parents.extxyz", "--output", "data"]
    arguments = [argument if argument.startswith("--") else str(tmp_path / argument) for argument in arguments]
    universal("prepare").main(arguments)
    first = capsys.readouterr().out
    universal("prepare").main(arguments)
    assert capsys.readouterr().out == first  # hashes too
    found = {path.name.split(".")[0]: read_gz(path) for path in (tmp_path / "data").iterdir()}
    assert set(found) >= {"crystals", "real", "real-held-out", "unseen-crystals", "validation"}
    assert {str(atoms.symbols) for atoms in found["real-held-out"]} == {"AuCu3", str(alloys[-1].symbols)}
    trained = {atoms.info["number"] for atoms in found["crystals"]}
    for name in ("unseen-crystals", "validation"):
        assert trained.isdisjoint(atoms.info["number"] for atoms in found[name])
    assert all(atoms.info["parent"] != "mp-0" for atoms in found["crystals"])
    assert len(found["crystals"]) + len(found["unseen-crystals"]) + len(found.get("unseen-numbers", [])) == 60


def read_gz(path):
    return read(path, ":") if gzip.decompress(path.read_bytes()) else []


def test_what_a_student_comes_through_can_be_labelled(universal, alloys, tmp_path, capsys):
    visited = universal("visited")
    sources = universal("sources").Sources(tuple(alloys), ELEMENTS)
    found = [atoms for number in range(8) for atoms in visited.visited(number, EMT(), sources)]
    again = visited.visited(0, EMT(), sources)
    for atoms, before in zip(again, found, strict=False):
        np.testing.assert_allclose(atoms.positions, before.positions)
    numbers = [atoms.info["number"] for atoms in found]
    assert len(found) >= 8 and len(set(numbers)) == len(numbers)
    for atoms in found:
        assert universal("geometry").nearest(atoms) >= visited.CLOSEST
        assert atoms.info["kind"] == "visited" and atoms.calc is None
        assert universal("split").Split.of([], alloys).part(atoms) in ("training", "unseen crystals", "unseen numbers")


def test_what_the_teacher_knows_nothing_of_is_left_out(universal, monkeypatch):
    prepare = universal("prepare")
    table = {"fcc N": {"bulk_modulus": 1359.0}, "fcc Cu": {"bulk_modulus": 129.0}}
    monkeypatch.setattr(prepare, "equilibria", lambda: table)

    def sound(kind, parent, symbols, side=3.0):
        info = {"kind": kind, "parent": parent, "number": 0}
        return prepare.is_sound(Atoms(symbols, cell=[side] * 3, pbc=True, info=info))

    assert not sound("dimers", "none", "HeCu") and not sound("elements", "fcc N", "N")
    assert sound("dimers", "none", "HCu") and sound("elements", "fcc Cu", "Cu")
    assert not sound("elements", "fcc Cu", "Cu", side=4.6) and not sound("elements", "fcc Cu", "Cu", side=9.0)
    assert sound("elements", "fcc Cu", "Cu", side=4.4) and sound("slabs", "fcc Cu", "Cu", side=9.0)
    assert sound("perturbed", "mp-1", "He2") and sound("elements", "fcc Cs", "Cs")
