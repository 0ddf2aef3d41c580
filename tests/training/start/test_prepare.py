"""What a run starts from, in particular one that starts from a model."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

from equical import InputError
from equical.checkpoint import save_checkpoint
from equical.model import ModelConfig, Potential
from equical.training.loop.trainer import Trainer
from equical.training.report.metrics import errors_by_group
from equical.training.report.tables import read_table
from equical.training.start.prepare import prepare
from tests.training.labelled import MODEL, configuration, copper, labelled, write_copper


@pytest.fixture
def path(tmp_path):
    return write_copper(tmp_path, 12)


@pytest.fixture
def base(tmp_path):
    """A model for nickel and copper that nobody has trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        potential = Potential(ModelConfig(**MODEL), [28, 29], {28: 1.0, 29: 2.0}, 0.5)
    save_checkpoint(tmp_path / "base", potential, {})
    return str(tmp_path / "base")


def quiet(line):
    return None


def test_a_new_model_takes_its_scales_from_the_data(path):
    prepared = prepare(configuration(path), quiet)
    forces = np.concatenate([sample.forces.numpy() for sample in prepared.train])
    graphs = [sample.graph for sample in prepared.train]
    assert prepared.potential.scale == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-5)
    assert prepared.potential.elements == (28, 29)
    degree = sum(graph.num_edges for graph in graphs) / sum(graph.num_atoms for graph in graphs)
    assert prepared.potential.config.avg_degree == pytest.approx(degree, abs=0.01)
    assert prepare(configuration(path, model={**MODEL, "avg_degree": 7.0}), quiet).potential.config.avg_degree == 7.0
    assert prepared.baseline is None


def test_weights_follow_the_seed(path):
    def weights(seed):
        return prepare(configuration(path, seed=seed), quiet).potential.state_dict()["network.norm.weight"]

    def table(seed):
        return prepare(configuration(path, seed=seed), quiet).potential.network.atom_embedding.table.weight

    assert torch.equal(table(1), table(1))
    assert not torch.equal(table(1), table(2))


def test_validation_data_of_their_own(path, tmp_path):
    other = write_copper(tmp_path, 5, "other.extxyz", seed=9)
    config = configuration(path, validation={"data": [{"paths": str(other)}]})
    prepared = prepare(config, quiet)
    assert (len(prepared.train), len(prepared.valid)) == (12, 5)


def test_a_set_can_be_kept_for_training(path, tmp_path):
    single = labelled(bulk("Cu"))
    write(tmp_path / "single.extxyz", single)
    sets = [{"paths": str(path), "group_key": "run"}, {"paths": str(tmp_path / "single.extxyz"), "split": False}]
    prepared = prepare(configuration(path, data=sets), quiet)
    assert [sample.dataset for sample in prepared.train].count("single") == 1
    sets[1]["split"] = True
    with pytest.raises(InputError, match=r"single is one group of 1 frame\(s\) and cannot be split"):
        prepare(configuration(path, data=sets), quiet)


def test_a_repeated_set_is_seen_more_often_and_weighs_no_more_in_the_references(path, tmp_path):
    other = write_copper(tmp_path, 5, "other.extxyz", seed=9)
    sets = [{"paths": str(path), "group_key": "run"}, {"paths": str(other), "split": False}]
    once, lines = prepare(configuration(path, data=sets), quiet), []
    sets[1]["repeat"] = 3
    often = prepare(configuration(path, data=sets), lines.append)
    assert "other: each structure 3 times an epoch" in lines
    counts = [[sample.origin for sample in run.epoch].count(f"{other}, frame 0") for run in (once, often)]
    assert counts == [1, 3] and len(often.epoch) == len(once.epoch) + 2 * 5
    assert torch.equal(once.potential.reference_energies, often.potential.reference_energies)
    assert often.provenance["training_structures"] == len(often.train) == len(once.train)
    with pytest.raises(InputError, match="repeat is for training data"):
        configuration(path, validation={"data": [{"paths": str(other), "repeat": 2}]})


def test_sets_with_and_without_stress_train_together(path, tmp_path):
    molecules = write_copper(tmp_path, 6, "bare.extxyz", stress=False, seed=3)
    sets = [{"paths": str(path), "name": "a"}, {"paths": str(molecules), "name": "b", "references": "own", "block": 1}]
    config = configuration(path, data=sets)
    prepared = prepare(config, quiet)
    assert {(sample.dataset, sample.has_stress) for sample in prepared.train} == {("a", True), ("b", False)}
    (tmp_path / "run").mkdir()
    result = Trainer(config, prepared, tmp_path / "run", report=quiet).run()
    errors = errors_by_group(result.comparison)
    assert "stress_mae_meV_per_A3" in errors["a"]
    assert "stress_mae_meV_per_A3" not in errors["b"]


def test_frames_with_large_forces_are_left_out_and_counted(path):
    lines = []
    data = [{"paths": str(path), "max_force": 1.5, "block": 1}]
    prepared = prepare(configuration(path, data=data), lines.append)
    left_out = 12 - len(prepared.train) - len(prepared.valid)
    assert 0 < left_out < 12
    assert f"copper: left out {left_out} of 12 frames with a force above 1.5 eV/Å" in lines
    data[0]["max_force"] = 1e-9
    with pytest.raises(InputError, match="every frame has a force above max_force"):
        prepare(configuration(path, data=data), quiet)


def test_a_starting_model_keeps_its_forces_and_takes_the_data_s_zero(path, base):
    """Labels that are the model's own predictions plus an offset are met exactly."""
    from equical import EquiCalc

    images = read(path, ":")
    for atoms in images:
        forces, energy = (EquiCalc(base).get_property(name, atoms) for name in ("forces", "energy"))
        atoms.calc.results.update(energy=energy + 5.0 * len(atoms), forces=forces)
    write(path, images)
    lines = []
    prepared = prepare(configuration(path, start_from=base), lines.append)
    assert prepared.baseline["energy_rmse_meV_per_atom"] == pytest.approx(0, abs=0.01)
    assert prepared.baseline["forces_mae_meV_per_A"] == pytest.approx(0, abs=0.01)
    shifted = prepared.potential.reference_energies
    assert shifted[28].item() == pytest.approx(6.0, abs=1e-4)
    assert shifted[29].item() == pytest.approx(7.0, abs=1e-4)
    report = "\n".join(lines)
    assert "shift of reference energies (eV): Ni 5.0000, Cu 5.0000" in report
    assert "reference energies after the shift (eV): Ni 6.0000, Cu 7.0000" in report
    assert "starting model on these data: E RMSE 0.0" in report


@pytest.mark.parametrize(
    "training", [{}, {"denoising": {"probability": 0.5}}, {"optimizer": {"freeze": ["blocks.0"], "backbone_rate": 0.1}}]
)
def test_step_zero_is_the_starting_model(path, base, tmp_path, training):
    lines = []
    config = configuration(path, start_from=base, training={**training, "limits": {"max_steps": 2}})
    (tmp_path / "run").mkdir()
    Trainer(config, prepare(config, lines.append), tmp_path / "run", report=lines.append).run()
    starting = next(line for line in lines if line.startswith("starting model on these data"))
    first = next(line for line in lines if "step      0  " in line)
    errors = starting.partition(": ")[2]
    assert errors in first
    row = read_table(tmp_path / "run" / "validation.csv")[0]
    assert row["step"] == 0
    assert f"E RMSE {row['energy_rmse_meV_per_atom']:.2f} meV/atom" in errors


def test_weights_that_were_not_carried_over_are_noticed(path, base, tmp_path):
    config = configuration(path, start_from=base)
    prepared = prepare(config, quiet)
    with torch.no_grad():
        for parameter in prepared.potential.network.energy_head.parameters():
            parameter += 1.0
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="before the first step .* the weights were not carried over"):
        Trainer(config, prepared, tmp_path / "run", report=quiet).run()


def test_direct_forces_from_a_conservative_model_are_no_mistake(path, base, tmp_path):
    config = configuration(path, start_from=base, training={"model": {"forces": "direct"}, "limits": {"max_steps": 1}})
    (tmp_path / "run").mkdir()
    assert Trainer(config, prepare(config, quiet), tmp_path / "run", report=quiet).run().steps == 1


def test_new_elements_are_refused_unless_wanted(path, base):
    images = copper(6)
    for atoms in images:
        atoms.symbols[1] = "Au"
    write(path, [labelled(atoms) for atoms in images])
    with pytest.raises(InputError, match="the model does not cover Au .it covers Ni, Cu.; its weights .* are random"):
        prepare(configuration(path, start_from=base), quiet)
    prepared = prepare(configuration(path, start_from=base, new_elements=True), quiet)
    assert prepared.potential.elements == (28, 29, 79)


def test_an_element_of_the_validation_data_alone(path, tmp_path):
    write(tmp_path / "gold.extxyz", labelled(bulk("Au", cubic=True)))
    config = configuration(path, validation={"data": [{"paths": str(tmp_path / "gold.extxyz"), "name": "copper"}]})
    with pytest.raises(InputError, match="Au"):
        prepare(config, quiet)


def test_an_element_beyond_the_tables(path):
    config = configuration(path, model={**MODEL, "max_elements": 20})
    with pytest.raises(InputError, match="max_elements is 20; Cu needs a larger table"):
        prepare(config, quiet)


def test_a_network_that_fits_no_memory(path):
    wide = {**MODEL, "channels": 10_000, "ffn_hidden": 10_000, "edge_channels": 10_000}
    with pytest.raises(InputError, match=r"model: the network has \S+ parameters, and 1e\+09 are the most"):
        prepare(configuration(path, model=wide), quiet)
    prepared = prepare(configuration(path), quiet)  # nothing is left behind of the attempt
    assert all(buffer.device.type == "cpu" for buffer in prepared.potential.buffers())
    assert prepared.potential.predict(prepared.train[0].graph).energy.isfinite().all()


def adsorption_base(folder):
    """A model of adsorption energies, which nobody has trained either."""
    potential = Potential(ModelConfig(**MODEL), [28, 29], None, 0.5, "adsorption")
    save_checkpoint(folder, potential, {})
    return str(folder)


def test_total_energies_for_a_model_of_adsorption_energies_must_be_announced(tmp_path):
    images = copper(12)
    for atoms in images:
        results = atoms.calc.results
        results["energy"] -= 14.0 * len(atoms)
    path, base = tmp_path / "total.extxyz", adsorption_base(tmp_path / "base")
    write(path, images)
    with pytest.raises(
        InputError, match=r"predicts adsorption energies.* 1\d\.\d eV per atom .* look like total energies"
    ):
        prepare(configuration(path, start_from=base), quiet)
    for kind in ("total", "adsorption"):
        assert prepare(configuration(path, start_from=base, energy_kind=kind), quiet).potential.energy_kind == kind


def test_what_energies_are_is_kept_or_said(path, base, tmp_path):
    assert (
        prepare(configuration(path, start_from=adsorption_base(tmp_path / "other")), quiet).potential.energy_kind
        == "adsorption"
    )
    assert prepare(configuration(path, start_from=base), quiet).potential.energy_kind == "total"
    assert prepare(configuration(path), quiet).potential.energy_kind == "total"
    assert prepare(configuration(path, energy_kind="adsorption"), quiet).potential.energy_kind == "adsorption"


def test_isolated_atoms_are_trained_on_and_never_held_out(path, base, tmp_path):
    lone = [Atoms(symbol, info={"energy": energy}) for symbol, energy in {"Cu": 3.51, "Ni": -1.25}.items()]
    write(tmp_path / "lone.extxyz", lone)
    data = [{"paths": [str(path), str(tmp_path / "lone.extxyz")], "name": "copper", "block": 1}]
    validation = {"fraction": 0.4, "every_steps": 3}
    prepared = prepare(configuration(path, data=data, validation=validation), quiet)
    assert [sample.graph.num_atoms for sample in prepared.train].count(1) == 2
    assert [sample.graph.num_atoms for sample in prepared.valid].count(1) == 0
    assert prepared.potential.reference_energies[29] == pytest.approx(3.51)
    adapted = prepare(configuration(path, data=data, validation=validation, start_from=base), quiet)
    assert [sample.graph.num_atoms for sample in adapted.train].count(1) == 2
    assert adapted.potential.reference_energies[29] != pytest.approx(3.51, abs=0.5)
