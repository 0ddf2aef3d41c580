from dataclasses import replace

import pytest
import torch
from ase import Atoms

from equical import InputError
from equical.training.config import parse_config
from equical.training.data.dataset import read_frames
from equical.training.data.energy_zero import find_energy_zero
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from tests.training.labelled import MODEL, data, write_copper

OFFSET = {29: 3.0, 28: -7.0}


@pytest.fixture
def samples(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 9), name="a"))
    return list(make_samples(frames, NeighborRules(3.5), torch.float64))


def config(start=False, **kinds):
    sets = [{"name": name, "paths": f"{name}.xyz", "references": kind} for name, kind in kinds.items()]
    return parse_config({"data": sets} | ({"start_from": "x"} if start else {"model": MODEL}))


def offset(sample, by=OFFSET, name=None):
    energy = sample.energy + sum(by[z] for z in sample.graph.numbers.tolist())
    return replace(sample, energy=energy, dataset=name or sample.dataset)


def total(energies, sample):
    return sum(energies[z] for z in sample.graph.numbers.tolist())


def test_a_set_with_its_own_zero_is_shifted_onto_the_model_s(samples):
    foreign = [offset(sample, name="b") for sample in samples]
    energy_zero = find_energy_zero(config(a="shared", b="own"), samples + foreign)
    for sample, other in zip(samples, foreign, strict=True):
        assert energy_zero.shifted(other).energy == pytest.approx(sample.energy, abs=1e-9)
        assert energy_zero.shifted(sample) is sample
    assert energy_zero.references == pytest.approx(find_energy_zero(config(a="shared"), samples).references)


def test_sets_agree_on_an_element_that_the_shared_one_lacks(samples):
    pure = [sample for sample in samples if 28 not in sample.graph.numbers.tolist()]
    a = [offset(sample, {29: 1.0, 28: -50.0}, "b") for sample in samples]
    b = [offset(sample, {29: 2.0, 28: -100.0}, "c") for sample in samples]
    energy_zero = find_energy_zero(config(a="shared", b="own", c="own"), pure + a + b)
    for one, other in zip(a, b, strict=True):
        assert energy_zero.shifted(other).energy == pytest.approx(energy_zero.shifted(one).energy, abs=1e-6)

    base = {28: -1.0, 29: -2.0}
    replayed = [replace(sample, dataset="c") for sample in samples]
    predicted = [sample.energy for sample in pure + samples + samples]
    energy_zero = find_energy_zero(
        config(start=True, a="shared", b="own", c="base"), pure + a + replayed, predicted, base
    )
    change = {z: energy_zero.references[z] - base[z] for z in base}
    for sample in replayed:
        assert energy_zero.shifted(sample).energy == pytest.approx(sample.energy + total(change, sample))


def test_a_starting_model_is_shifted_onto_the_data(samples):
    """Its predictions plus the change of its references are the labels."""
    base = {28: -1.0, 29: -2.0, 47: -3.0}
    shifted = [offset(sample) for sample in samples]
    energy_zero = find_energy_zero(config(start=True, a="shared"), shifted, [sample.energy for sample in samples], base)
    assert energy_zero.references == pytest.approx({28: -8.0, 29: 1.0, 47: -3.0})
    assert energy_zero.rmse == pytest.approx(0, abs=1e-9)


def test_replayed_data_follow_the_model_onto_the_new_zero(samples):
    base = {28: -1.0, 29: -2.0}
    new, replayed = [offset(sample) for sample in samples], [replace(sample, dataset="b") for sample in samples]
    predicted = [sample.energy for sample in samples] * 2
    energy_zero = find_energy_zero(config(start=True, a="shared", b="base"), new + replayed, predicted, base)
    for sample, expected in zip(replayed, new, strict=True):
        assert energy_zero.shifted(sample).energy == pytest.approx(expected.energy)


def test_references_can_be_kept(samples):
    settings = config(start=True, a="shared").model_copy(update={"refit_references": False})
    energy_zero = find_energy_zero(
        settings, [offset(sample) for sample in samples], [s.energy for s in samples], {28: -1.0, 29: -2.0}
    )
    assert energy_zero.references == pytest.approx({28: -1.0, 29: -2.0})


def test_given_references_are_taken(samples):
    settings = config(a="shared").model_copy(update={"reference_energies": {"Cu": -3.5}})
    assert find_energy_zero(settings, samples).references[29] == -3.5
    with pytest.raises(InputError, match="'Xy' is no chemical symbol"):
        find_energy_zero(config(a="shared").model_copy(update={"reference_energies": {"Xy": 1.0}}), samples)


def test_some_set_must_define_the_zero(samples):
    with pytest.raises(InputError, match="no data set has references: shared"):
        find_energy_zero(config(a="own"), samples)


def test_an_element_whose_shift_is_unknown_is_named(samples):
    pure = [replace(sample, dataset="b") for sample in samples if 28 not in sample.graph.numbers]
    alloy = next(replace(sample, dataset="b") for sample in samples if 28 in sample.graph.numbers)
    energy_zero = find_energy_zero(config(a="shared", b="own"), samples + pure)
    with pytest.raises(InputError, match="Ni is not in the training structures of b"):
        energy_zero.shifted(alloy)


def lone(sample, number, energy, name="a"):
    """An isolated atom with the labels of ``sample``."""
    graph = NeighborRules(3.5).graph(Atoms(numbers=[number]), torch.float64)
    none = torch.zeros(1, 3, dtype=torch.float64)
    return replace(sample, graph=graph, energy=energy, forces=none, force_weight=none[:, 0], dataset=name)


def test_isolated_atoms_are_the_reference_energies_of_a_new_model(samples):
    atoms = [lone(samples[0], 29, 3.51), lone(samples[0], 28, -1.25)]
    energy_zero = find_energy_zero(config(a="shared"), [*samples, *atoms])
    assert energy_zero.references == {28: -1.25, 29: 3.51}
    assert energy_zero.lines[0] == "isolated atoms in the data give the reference energies of Ni, Cu"
    given = config(a="shared").model_copy(update={"reference_energies": {"Cu": 5.0}})
    assert find_energy_zero(given, [*samples, *atoms]).references == {28: -1.25, 29: 5.0}
    with pytest.raises(InputError, match="this isolated atom has 3.6000 eV, and that of .* has 3.5100 eV; keep one"):
        find_energy_zero(config(a="shared"), [*samples, *atoms, lone(samples[0], 29, 3.6)])


def test_isolated_atoms_of_another_zero_are_those_of_their_set(samples):
    ours = [lone(samples[0], 29, 3.51), lone(samples[0], 28, -1.25)]
    theirs = [lone(samples[0], 29, 103.51, "b"), lone(samples[0], 28, 98.75, "b")]
    foreign = [offset(sample, {28: 100.0, 29: 100.0}, "b") for sample in samples]
    energy_zero = find_energy_zero(config(a="shared", b="own"), [*samples, *ours, *foreign, *theirs])
    for sample, other in zip(samples, foreign, strict=True):
        assert energy_zero.shifted(other).energy == pytest.approx(sample.energy, abs=1e-9)


def test_isolated_atoms_do_not_spoil_the_fit_to_a_starting_model(samples):
    """It knows bonded atoms, and is eV off for a single one."""
    base = {28: -1.0, 29: -2.0}
    predicted = [sample.energy - 0.1 * sample.graph.num_atoms for sample in samples]
    energy_zero = find_energy_zero(
        config(start=True, a="shared"), [*samples, lone(samples[0], 29, 3.5)], [*predicted, -3.3], base
    )
    assert energy_zero.references == pytest.approx({28: -0.9, 29: -1.9}, abs=1e-6)
    new = find_energy_zero(
        config(start=True, a="shared"), [*samples, lone(samples[0], 47, 3.5)], [*predicted, -3.3], base
    )
    assert new.references == pytest.approx({28: -0.9, 29: -1.9, 47: 6.8}, abs=1e-6)
