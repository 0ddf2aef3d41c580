"""What the universal recipe says of a calculator, where the answer is known."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write


class Shifted(Calculator):
    """EMT with a known error: 10 meV for each atom, 0.1 eV/Å on every force component."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        emt = EMT()
        self.results = {
            "energy": emt.get_property("energy", atoms) + 0.01 * len(atoms),
            "forces": emt.get_property("forces", atoms) + 0.1,
            "stress": emt.get_property("stress", atoms),
        }


class Wavy(Calculator):
    """Energy of a crystal that is smooth but for a step at one volume."""

    implemented_properties = ("energy",)

    def __init__(self, step):
        super().__init__()
        self.step = step

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        ratio = atoms.get_volume() / len(atoms) / 10.0
        self.results = {"energy": len(atoms) * (5 * (ratio - 1) ** 2 + self.step * (ratio > 1.1))}


@pytest.fixture
def data(tmp_path):
    """Held-out files with EMT's labels."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, symbol in (("real-held-out", "Cu"), ("unseen-crystals", "Pt"), ("unseen-numbers", "Au")):
        frames = []
        for number in range(3):
            atoms = bulk(symbol, cubic=True)
            atoms.rattle(0.1, seed=number)
            atoms.info = {"kind": "hot" if number else "packing", "number": number}
            labels = {key: EMT().get_property(key, atoms) for key in ("energy", "forces", "stress")}
            atoms.calc = SinglePointCalculator(atoms, **labels)
            frames.append(atoms)
        write(folder / f"{name}.extxyz.gz", frames, format="extxyz")
    return folder


@pytest.fixture
def table(universal, monkeypatch):
    """Equilibria of two elements with EMT."""
    equilibrium, prototypes = universal("equilibrium"), universal("prototypes")
    crystals = {name: prototypes.prototype(name) for name in ("fcc Cu", "bcc Cu")}
    found = {name: equilibrium.equilibrium(EMT(), crystal, 11.0) for name, crystal in crystals.items()}
    for name in ("judge_crystals", "judge_phonons"):
        monkeypatch.setattr(universal(name), "equilibria", lambda: found)
    return found


def test_errors_on_labels_are_what_they_are(universal, data):
    judge = universal("judge_labels")
    found = judge.judge_labels(Shifted(), data, quick=False)
    assert set(found["kinds"]) == {"hot", "packing"} and set(found["elements"]) == {"Cu", "Pt", "Au"}
    for row in found["files"].values():
        assert row["energy"] == pytest.approx(10, abs=1e-3)
        assert row["forces"] == pytest.approx(100, abs=0.1)
        assert row["stress"] == pytest.approx(0, abs=1e-3)
    for row in found["elements"].values():
        assert row["forces"] == pytest.approx(100, abs=0.1) and row["mean_force"] > 50
    text = "\n".join(judge.report_labels(found))
    assert "real-held-out" in text and "10.0" in text and "100.0" in text and "packing" in text


def test_the_equilibrium_of_copper_is_that_of_a_fit(universal, table):
    """Against ASE's own equation of state."""
    from ase.eos import EquationOfState

    volumes = table["fcc Cu"]["volume"] * np.linspace(0.98, 1.02, 9)
    energies = []
    for volume in volumes:
        atoms = bulk("Cu", "fcc", a=(4 * volume) ** (1 / 3))
        energies.append(EMT().get_property("energy", atoms))
    volume, energy, modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    assert table["fcc Cu"]["volume"] == pytest.approx(volume, rel=1e-3)
    assert table["fcc Cu"]["energy"] == pytest.approx(energy, abs=1e-4)
    assert table["fcc Cu"]["bulk_modulus"] == pytest.approx(modulus * 160.2177, rel=0.01)


def test_an_equilibrium_is_found_from_afar_and_none_where_there_is_none(universal, table):
    equilibrium, crystal = universal("equilibrium").equilibrium, universal("prototypes").prototype("fcc Cu")
    for start in (8.0, 16.0):
        assert equilibrium(EMT(), crystal, start)["volume"] == pytest.approx(table["fcc Cu"]["volume"], rel=1e-3)
    repulsive = LennardJones(sigma=3.0, epsilon=1.0, rc=3.2)  # cut off where it still repels
    assert equilibrium(repulsive, crystal, 10.0) is None


def test_crystals_like_the_teachers_have_no_deviation(universal, table):
    judge = universal("judge_crystals")
    found = judge.judge_crystals(EMT(), None, quick=False)
    assert set(found["crystals"]) == set(table)
    lines = judge.report_crystals(found)
    (fcc,) = [line for line in lines if line.startswith("fcc   ")]
    assert "0.00 %" in fcc and "100 %" in fcc
    assert any(line.startswith("fcc Cu") and "3.63" in line for line in lines)
    assert any("more than one minimum: 0" in line for line in lines)


@pytest.mark.parametrize(("step", "kinks"), [(0.0, False), (0.1, True)])
def test_kinks_are_seen(universal, step, kinks):
    judge = universal("judge_crystals")
    scan = judge.roughness(Wavy(step), "fcc Cu", 10.0)
    assert (scan["kink"] > judge.KINK) is kinks
    assert scan["minima"] == 1


def test_a_second_minimum_is_counted(universal):
    assert universal("judge_crystals").roughness(Wavy(-0.5), "fcc Cu", 10.0)["minima"] == 2


class Springs(Calculator):
    """Pairs of atoms with the force ``strength / distance`` or, for one pair, a weaker one inwards."""

    implemented_properties = ("forces",)

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(atoms), 3))
        for k in range(0, len(atoms), 2):
            pair, distance = set(atoms.numbers[k : k + 2]), atoms.positions[k + 1, 2] - atoms.positions[k, 2]
            force = -1.0 if pair == {1, 8} else distance if pair == {29} else 1 / distance
            forces[k, 2], forces[k + 1, 2] = -force, force
        self.results = {"forces": forces}


def test_pairs_that_attract_or_yield_are_named(universal, monkeypatch):
    judge = universal("judge_pairs")
    monkeypatch.setattr(judge, "ELEMENTS", (1, 8, 29))
    monkeypatch.setattr(judge, "TOGETHER", 4)
    found = judge.judge_pairs(Springs(), None, quick=False)
    assert found == {"pairs": 6, "attract": ["H-O"], "not_monotonic": ["Cu-Cu"]}
    assert "1 (H-O)" in "\n".join(judge.report_pairs(found))


def test_phonons_of_copper_are_real(universal, table, monkeypatch):
    judge = universal("judge_phonons")
    monkeypatch.setattr(judge, "STABLE", ("fcc Cu",))
    monkeypatch.setattr(judge, "WIDTH", 7.0)
    found = judge.judge_phonons(EMT(), None, quick=True)
    row = found["crystals"]["fcc Cu"]
    assert not row["imaginary"] and row["lowest"] > -0.05 and 5 < row["highest"] < 10
    assert "imaginary" not in "\n".join(judge.report_phonons(found))


def test_one_command_writes_tables_and_goes_on_where_it_stopped(universal, data, table, tmp_path, capsys):
    judge, output = universal("judge"), tmp_path / "judged"
    arguments = ["--calculator", "ase.calculators.emt:EMT", "--data", str(data), "--output", str(output)]
    judge.main([*arguments, "--pieces", "labels"])
    first = json.loads((output / "labels.json").read_text())
    first["files"]["real-held-out"]["energy"] = 777.0
    (output / "labels.json").write_text(json.dumps(first))
    judge.main([*arguments, "--pieces", "labels", "crystals"])
    text = (output / "table.txt").read_text()
    assert "777.0" in text and "## crystals" in text and text.strip() in capsys.readouterr().out
    with pytest.raises(SystemExit):
        judge.main([*arguments, "--quick", "--pieces", "labels"])
    assert "another --output" in capsys.readouterr().err


def test_the_stablest_structure_is_compared(universal):
    order = universal("judge_order")
    energies = {
        "Cu": {"fcc": [-3.0, -4.0], "bcc": [-2.9, -3.96], "hcp": [-2.98, -3.99]},  # the same, by little
        "Mg O": {"rocksalt": [-5.0, -6.0], "zincblende": [-5.04, -5.9]},  # another, though the teacher is sure
    }
    lines = order.report_order({"substances": energies})
    assert lines[1].endswith(": 1")
    assert lines[2].endswith(": 0 of 1")
    assert lines[3].endswith(f"MAE {(60 + 10 + 140) / 3:.0f}")
    assert lines[4:] == ["  Mg O: zincblende below rocksalt by 40 (teacher: above by 100)"]


def test_energies_of_structures_are_those_at_their_own_volumes(universal):
    order = universal("judge_order")
    order.equilibria = lambda: {f"{name} Cu": {"volume": 11.6, "energy": -3.5} for name in ("fcc", "bcc")}
    found = order.judge_order(EMT(), None, quick=True)["substances"]["Cu"]
    assert found["fcc"] == pytest.approx([-0.007, -3.5], abs=2e-3)
    assert found["bcc"][0] > found["fcc"][0]
