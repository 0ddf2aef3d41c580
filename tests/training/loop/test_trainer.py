import csv
import io
import json
import shutil
import zipfile

import pytest
import torch

import equical.training.loop.trainer as trainer_module
from equical import EquiCalc, InputError, load_checkpoint
from equical.checkpoint import save_checkpoint
from equical.model import EquiformerV2Config, ModelConfig, Potential
from equical.training.config import DataConfig
from equical.training.data.dataset import read_frames
from equical.training.evaluation import evaluate_model
from equical.training.loop.checkpointing import load_state, save_state
from equical.training.loop.progress import Clock, StopRequest
from equical.training.loop.trainer import Trainer
from equical.training.report.metrics import error_summary
from equical.training.start.prepare import prepare
from tests.conftest import TINY_V1
from tests.training.labelled import MODEL, configuration, copper, write_copper

DENS = {"probability": 0.5, "ratio": 0.5, "max_ratio": 1.0, "sigma": 0.05, "weight": 2, "final_weight": 0}


@pytest.fixture
def data(tmp_path):
    return write_copper(tmp_path, 16)


def quiet(line):
    return None


def train(config, folder, *, stop_after=None, resume=False):
    """Run; or be asked to stop after a number of steps."""
    folder.mkdir(exist_ok=True)
    trainer = Trainer(config, prepare(config, quiet), folder, resume=resume, report=quiet)
    if stop_after is not None:
        ask_after(trainer, stop_after)
    return trainer.run()


def ask_after(trainer, steps):
    """Set the flag that a signal sets, once so many steps are done."""

    class Countdown(StopRequest):
        def __init__(self):
            pass

        @property
        def asked(self):
            return trainer.progress.step >= steps

    run_stage = trainer._run_stage
    trainer._run_stage = lambda request: run_stage(Countdown())


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def final_state(folder):
    return load_state(folder / "checkpoints" / "last.pt")


def assert_same_run(one, other):
    """Same weights, averages, optimiser state and tables, bit for bit; only times may differ."""
    first, second = final_state(one), final_state(other)
    assert first["progress"].keys() == second["progress"].keys()
    for part in ("model", "optimizer", "average", "best"):
        assert torch_equal(first[part], second[part]), part
    for name in ("training.csv", "validation.csv"):
        pairs = zip(rows(one / name), rows(other / name), strict=True)
        for a, b in pairs:
            for key in a.keys() - {"minutes", "atoms_per_second"}:
                assert a[key] == b[key], (name, key)


def torch_equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(torch_equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(torch_equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def test_training_learns_and_writes_a_usable_model(data, tmp_path):
    training = {"limits": {"max_steps": 30}, "batch": {"max_atoms": 16}, "optimizer": {"learning_rate": 0.02}}
    result = train(configuration(data, training=training), tmp_path / "run")
    validation = rows(tmp_path / "run" / "validation.csv")
    assert float(validation[-1]["loss"]) < 0.7 * float(validation[0]["loss"])
    assert result.finished
    assert result.steps == 30
    checkpoint = load_checkpoint(tmp_path / "run" / "model")
    assert not checkpoint.potential.config.denoising
    training = checkpoint.metadata["training"]
    assert training["data"][0]["name"] == "copper"
    assert len(training["data"][0]["files"][0]["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(checkpoint.metadata)
    atoms = copper(1)[0]
    label = atoms.get_potential_energy()
    atoms.calc = EquiCalc(tmp_path / "run" / "model")
    assert atoms.get_potential_energy() == pytest.approx(label, abs=0.5)


def test_the_saved_model_is_the_best_one(data, tmp_path):
    config = configuration(data, training={"limits": {"max_steps": 12}, "optimizer": {"learning_rate": 0.05}})
    result = train(config, tmp_path / "run")
    losses = {int(row["step"]): float(row["loss"]) for row in rows(tmp_path / "run" / "validation.csv")}
    assert result.best_step == min(losses, key=losses.get)
    metadata = load_checkpoint(tmp_path / "run" / "model").metadata["training"]
    assert metadata["steps"] == result.best_step
    assert metadata["validation"] == pytest.approx(error_summary(result.comparison), rel=1e-5)


def test_stopping_and_resuming_changes_nothing(data, tmp_path):
    """In the middle of a pass, at an evaluation, and in the second of two stages, with DeNS and decaying weights."""
    stages = [
        {"name": "direct", "model": {"forces": "direct"}, "denoising": DENS},
        {"name": "gradient", "model": {"forces": "gradient"}, "limits": {"max_steps": 7}},
    ]
    config = configuration(data, stages=stages)
    train(config, tmp_path / "straight")
    for stop_after in (1, 3, 7, 11):
        stopped = train(config, tmp_path / "stopped", stop_after=stop_after, resume=stop_after > 1)
        assert not stopped.finished
        assert stopped.steps == stop_after
    resumed = train(config, tmp_path / "stopped", resume=True)
    assert resumed.finished
    assert resumed.steps == 13
    assert_same_run(tmp_path / "straight", tmp_path / "stopped")


def test_resuming_a_finished_run_changes_nothing(data, tmp_path):
    config = configuration(data)
    first = train(config, tmp_path / "run")
    again = train(config, tmp_path / "run", resume=True)
    assert error_summary(again.comparison) == pytest.approx(error_summary(first.comparison))
    assert again.steps == 6


def test_denoising_of_probability_zero_is_plain_training(data, tmp_path):
    plain = configuration(data)
    never = configuration(data, training={**plain.training.model_dump(), "denoising": {**DENS, "probability": 0}})
    train(plain, tmp_path / "plain")
    train(never, tmp_path / "never")
    assert_same_run(tmp_path / "plain", tmp_path / "never")


@pytest.mark.parametrize("forces", ["gradient", "direct"])
def test_denoising_trains_either_kind_of_forces(data, tmp_path, forces):
    model = {**MODEL, "forces": forces}
    train(configuration(data, model=model, training={"denoising": DENS}), tmp_path / "run")
    noise = [float(row["noise_sigma"]) for row in rows(tmp_path / "run" / "training.csv")]
    size = [float(row["noise_size_sigma"]) for row in rows(tmp_path / "run" / "training.csv")]
    assert all(0.5 < error < 5 for error in noise)
    # The mean length of a vector of three normal numbers is √(8/π), here over a few atoms.
    assert max(size) == pytest.approx(1.6, abs=0.6)
    assert not load_checkpoint(tmp_path / "run" / "model").potential.config.denoising


def test_noise_that_is_not_learnt_is_warned_of(data, tmp_path, monkeypatch):
    """With a weight of next to nothing the head goes on predicting next to nothing."""
    monkeypatch.setattr("equical.training.loop.trainer.NOISE_JUDGED_AFTER", 1)
    unlearnt = {**DENS, "weight": 1e-9, "probability": 1.0}
    with pytest.warns(UserWarning, match=r"of the noise, \d+ % is left to predict, so denoising has taught nothing"):
        train(configuration(data, training={"denoising": unlearnt}), tmp_path / "run")


def test_stages_hand_their_weights_on(data, tmp_path):
    """The second stage starts from the averaged weights of the first; only heads are new."""
    stages = [
        {"model": {"forces": "direct"}, "limits": {"max_steps": 3}},
        {"model": {"forces": "gradient"}, "limits": {"max_steps": 1}, "optimizer": {"learning_rate": 1e-30}},
    ]
    config = configuration(data, stages=stages)
    first = configuration(data, stages=stages[:1])
    train(first, tmp_path / "first")
    train(config, tmp_path / "both")
    before = load_checkpoint(tmp_path / "first" / "model_last").potential.network.state_dict()
    after = load_checkpoint(tmp_path / "both" / "model").potential
    assert after.config.conservative
    weights = after.network.state_dict()
    assert weights.keys() < before.keys()
    for name, value in weights.items():
        assert torch.allclose(value, before[name], atol=1e-6), name


@pytest.mark.parametrize("change", [{"cutoff": 4.5}, {"channels": 8}, {"repulsion": "zbl"}])
def test_a_stage_changes_heads_alone(data, change):
    with pytest.raises(InputError, match=f"changing {next(iter(change))} changes the network itself"):
        prepare(configuration(data, stages=[{"limits": {"max_steps": 1}}, {"model": change}]), quiet)


@pytest.mark.filterwarnings("ignore:the model predicts no stress")
def test_numbers_that_only_a_later_stage_has_reach_the_tables(data, tmp_path):
    stages = [
        {"model": {"forces": "direct", "direct_stress": False}, "limits": {"max_steps": 2}},
        {"model": {"forces": "gradient"}, "limits": {"max_steps": 2}},
    ]
    train(configuration(data, stages=stages, output={"log_every": 1}), tmp_path / "run")
    for name, key in (("training.csv", "stress_eV_per_A3"), ("validation.csv", "stress_mae_meV_per_A3")):
        table = rows(tmp_path / "run" / name)
        assert [bool(row[key]) for row in (table[0], table[-1])] == [False, True], name


def test_a_model_of_the_first_generation_learns_with_and_without_dens(data, tmp_path):
    model = TINY_V1.model_dump(include={"generation", "irreps", "head_irreps", "ffn_irreps", "num_radial"})
    training = {"denoising": DENS, "limits": {"max_steps": 30}, "optimizer": {"learning_rate": 0.01}}
    train(configuration(data, model={**model, "cutoff": 3.5}, training=training), tmp_path / "run")
    errors = [float(row["forces_mae_meV_per_A"]) for row in rows(tmp_path / "run" / "validation.csv")]
    assert errors[-1] < 0.9 * errors[0]
    saved = load_checkpoint(tmp_path / "run" / "model").potential
    assert saved.config.generation == "v1"
    assert not saved.config.denoising


@pytest.mark.filterwarnings("ignore:the model predicts no stress")
def test_a_v2_model_is_saved_as_it_was_evaluated(data, tmp_path):
    """Its force encoding has a bias that every atom feels, also in a clean pass."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        base = Potential(EquiformerV2Config(**MODEL, denoising=True), [28, 29], {28: 0.1, 29: 0.2}, 0.5)
        torch.nn.init.normal_(base.network.force_embedding.linear.bias)
    save_checkpoint(tmp_path / "base", base, {})
    held_out = DataConfig(paths=[write_copper(tmp_path, 4, "held-out.extxyz", seed=8)])
    changes = {"start_from": str(tmp_path / "base"), "model": None, "validation": {"data": [held_out.model_dump()]}}
    for name, denoising in (("plain", {}), ("dens", DENS)):
        result = train(configuration(data, **changes, training={"denoising": denoising}), tmp_path / name)
        saved = load_checkpoint(tmp_path / name / "model").potential
        assert not saved.config.denoising
        again = evaluate_model(saved, read_frames(held_out), held_out).errors
        for key in ("energy_rmse_meV_per_atom", "forces_mae_meV_per_A"):
            assert again[key] == pytest.approx(error_summary(result.comparison)[key], rel=1e-4), (name, key)


def test_a_starting_model_is_judged_in_the_precision_of_the_training(data, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        base = Potential(ModelConfig(**MODEL), [28, 29], {28: 0.1, 29: 0.2}, 5.0)
    save_checkpoint(tmp_path / "base", base, {})
    config = configuration(data, start_from=str(tmp_path / "base"), model=None, dtype="bfloat16")
    assert train(config, tmp_path / "run").steps == 6


def test_it_stops_early_when_nothing_improves(data, tmp_path):
    training = {"limits": {"max_steps": 200, "patience": 2}, "optimizer": {"learning_rate": 1e-30}}
    validation = {"fraction": 0.25, "every_steps": 1}
    result = train(configuration(data, training=training, validation=validation), tmp_path / "run")
    assert result.finished
    assert result.steps < 20


def test_a_time_limit_ends_the_cosine(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Clock, "tick", lambda self: 0.06)  # s, on any machine
    training = {"limits": {"max_minutes": 0.01}, "schedule": {"warmup_steps": 0, "final": 0.0}}
    result = train(configuration(data, training=training, output={"log_every": 1}), tmp_path / "run")
    assert result.finished
    assert result.minutes == pytest.approx(0.01, rel=0.2)
    rates = [float(row["learning_rate"]) for row in rows(tmp_path / "run" / "training.csv")]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] == 1e-3


def test_epochs_can_be_the_limit(data, tmp_path):
    training = {"limits": {"max_epochs": 2}, "batch": {"max_atoms": 16}}
    result = train(configuration(data, training=training, validation={"fraction": 0.25}), tmp_path / "run")
    assert result.steps == 6  # twelve structures, four at a time
    assert [int(row["step"]) for row in rows(tmp_path / "run" / "validation.csv")] == [3, 6]


def test_a_loss_that_is_no_number_stops_the_run_and_spares_its_state(data, tmp_path):
    training = {"optimizer": {"learning_rate": 1e30, "clip_norm": None}, "limits": {"max_steps": 50}}
    with pytest.raises(InputError, match=r"no longer a number at step \d+; lower the learning rate"):
        train(configuration(data, training=training), tmp_path / "run")
    state = final_state(tmp_path / "run")
    assert all(torch.isfinite(value).all() for value in state["model"].values())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"training": {"optimizer": {"learning_rate": 0.5}}},
            "config.training.optimizer.learning_rate was 0.001 and is now 0.5",
        ),
        ({"seed": 3}, "config.seed was 0 and is now 3"),
    ],
)
def test_another_configuration_is_not_resumed(data, tmp_path, change, named):
    train(configuration(data), tmp_path / "run", stop_after=2)
    before = (tmp_path / "run" / "checkpoints" / "last.pt").read_bytes()
    with pytest.raises(InputError, match=named):
        train(configuration(data, **change), tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "checkpoints" / "last.pt").read_bytes() == before


def test_other_data_are_not_resumed(data, tmp_path):
    train(configuration(data), tmp_path / "run", stop_after=2)
    write_copper(tmp_path, 16, seed=5)
    with pytest.raises(InputError, match=r"data files\.0 \(copper\)\.0 was"):
        train(configuration(data), tmp_path / "run", resume=True)


def test_training_data_are_told_from_validation_data_of_the_same_name(data, tmp_path):
    (tmp_path / "valid").mkdir()
    held_out = write_copper(tmp_path / "valid", 4, seed=8)
    config = configuration(data, validation={"data": [{"paths": str(held_out)}]})
    train(config, tmp_path / "run", stop_after=2)
    write_copper(tmp_path, 16, seed=5)
    with pytest.raises(InputError, match="data files"):
        train(config, tmp_path / "run", resume=True)


def test_another_starting_model_is_not_resumed(data, tmp_path):
    for seed in (1, 2):
        train(configuration(data, seed=seed), tmp_path / f"base{seed}")
    config = [configuration(data, start_from=str(tmp_path / f"base{n}" / "model_last"), model=None) for n in (1, 2)]
    train(config[0], tmp_path / "run", stop_after=2)
    with pytest.raises(InputError, match=r"starting model\.sha256 was"):
        train(config[1], tmp_path / "run", resume=True)


def test_a_state_without_newer_settings_is_resumed(data, tmp_path):
    train(configuration(data), tmp_path / "run", stop_after=2)
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    state = load_state(path)
    del state["signature"]["config"]["data"][0]["repeat"]
    save_state(path, state)
    assert train(configuration(data), tmp_path / "run", resume=True).steps == 6


def test_other_places_threads_and_intervals_are_resumed(data, tmp_path):
    train(configuration(data), tmp_path / "run", stop_after=2)
    (tmp_path / "elsewhere").mkdir()
    moved = data.rename(tmp_path / "elsewhere" / data.name)
    config = configuration(moved, output={"log_every": 1, "checkpoint_minutes": 0.01}, threads=2)
    assert train(config, tmp_path / "run", resume=True).steps == 6


def flipped(content):
    """One bit in the middle of the largest tensor."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = max(archive.infolist(), key=lambda entry: entry.file_size)
    name, extra = (int.from_bytes(content[entry.header_offset + at :][:2], "little") for at in (26, 28))
    place = entry.header_offset + 30 + name + extra + entry.file_size // 2
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"nonsense" + b[8:], flipped])
def test_a_damaged_state_is_named(data, tmp_path, damage):
    train(configuration(data), tmp_path / "run", stop_after=2)
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"last\.pt is damaged"):
        train(configuration(data), tmp_path / "run", resume=True)


def test_nothing_to_resume(data, tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        train(configuration(data), tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", ["training.csv", "validation.csv"])
@pytest.mark.parametrize("damage", [b"\xe7\xff", b"?"])
def test_a_damaged_table_is_named_and_can_be_done_without(data, tmp_path, name, damage):
    train(configuration(data), tmp_path / "run", stop_after=5)
    path = tmp_path / "run" / name
    path.write_bytes(path.read_bytes().replace(b"step", damage + b"tep"))
    with pytest.raises(InputError, match=f"{name} is damaged; remove it, and the run goes on"):
        train(configuration(data), tmp_path / "run", resume=True)
    path.unlink()
    train(configuration(data), tmp_path / "run", resume=True)
    assert [int(row["step"]) for row in rows(path)] == [6]


def test_what_a_done_run_promised_is_exported_again(data, tmp_path):
    """A kill between the state that said "done" and the export once cost ``model_last`` for good."""
    train(configuration(data), tmp_path / "run")
    before = {name: load_checkpoint(tmp_path / "run" / name) for name in ("model", "model_last")}
    for name in before:
        shutil.rmtree(tmp_path / "run" / name)
    train(configuration(data), tmp_path / "run", resume=True)
    for name, checkpoint in before.items():
        again = load_checkpoint(tmp_path / "run" / name)
        assert again.sha256 == checkpoint.sha256
        assert again.metadata["training"]["steps"] == checkpoint.metadata["training"]["steps"]


def test_a_state_says_done_when_all_that_it_promises_is_there(data, tmp_path, monkeypatch):
    there = []

    def save(path, state):
        there.append((state["progress"]["done"], (tmp_path / "run" / "model_last").is_dir()))
        save_state(path, state)

    monkeypatch.setattr(trainer_module, "save_state", save)
    train(configuration(data), tmp_path / "run")
    assert there[-1] == (True, True) and not there[0][0]


def test_a_later_stage_that_could_not_begin_is_refused_before_the_first(data, tmp_path):
    stages = [{"limits": {"max_steps": 1}}, {"optimizer": {"freeze": ["blocks.7"]}}]
    with pytest.raises(InputError, match=r"the network has no part 'blocks\.7'"):
        train(configuration(data, stages=stages), tmp_path / "run")
    assert not any((tmp_path / "run").iterdir())


def test_a_device_that_is_not_there(data, tmp_path):
    config = configuration(data, device="cuda:99")
    with pytest.raises(InputError, match="There is no device 'cuda:99'"):
        train(config, tmp_path / "run")


def test_tensorboard_gets_the_same_numbers(data, tmp_path):
    pytest.importorskip("tensorboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
        train(configuration(data, output={"log_every": 2, "tensorboard": True}), tmp_path / "run")
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))
