"""The benchmark scripts run: two steps on a few frames of a molecule."""

import importlib
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical.training.config import load_config

EXAMPLES = Path(__file__).parents[2] / "examples"


def write_molecules(path, frames):
    """Ethanol with random labels, the energy where rMD17 has it."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(frames):
        atoms = molecule("CH3CH2OH")
        atoms.positions += rng.normal(scale=0.05, size=(9, 3))
        atoms.info["Energy"] = -4200.0 + rng.normal()
        forces = rng.normal(size=(9, 3))
        atoms.calc = SinglePointCalculator(atoms, forces=forces - forces.mean(axis=0))
        images.append(atoms)
    write(path, images, format="extxyz")


@pytest.mark.slow
def test_the_rmd17_comparison_runs_resumes_and_is_tabulated(tmp_path):
    for part in ("train", "test"):
        write_molecules(tmp_path / f"ethanol_{part}_01.xyz.gz", 40)
    command = [str(EXAMPLES / "recipes" / "dens_rmd17" / "run.py"), "--data", str(tmp_path), "--steps", "2"]
    command += ["--molecules", "ethanol", "--seeds", "0"]
    assert "== ethanol-2steps-dens-0" in call(command, tmp_path)
    folder = tmp_path / "dens-rmd17" / "ethanol-2steps-dens-0"
    shutil.rmtree(folder / "test")  # as if it had been killed between training and testing
    state = (folder / "run" / "checkpoints" / "last.pt").read_bytes()
    output = call(command, tmp_path)
    assert "== ethanol-2steps-plain-0" not in output  # finished runs are left alone
    assert "resuming at step 2" in output
    assert (folder / "run" / "checkpoints" / "last.pt").read_bytes() == state
    assert "== " not in call(command, tmp_path)
    assert "== ethanol-2steps20frames-plain-0" in call([*command, "--frames", "20", "--kinds", "plain"], tmp_path)
    split = json.loads((tmp_path / "dens-rmd17" / "ethanol-2steps20frames-plain-0" / "run" / "split.json").read_text())
    assert (len(split["training"]), len(split["validation"])) == (16, 4)
    shutil.rmtree(tmp_path / "dens-rmd17" / "ethanol-2steps20frames-plain-0")

    rows = [
        line
        for line in call([str(EXAMPLES / "recipes" / "dens_rmd17" / "table.py")], tmp_path).splitlines()
        if "2steps" in line
    ]
    assert len(rows) == 6
    assert rows[0].startswith("| ethanol | 2steps | plain | 1 | 2 |")
    assert rows[1].startswith("| ethanol | 2steps | dens | 1 | 2 |")
    assert rows[2].startswith("| ethanol | 2steps | 2 steps | plain |")
    assert "minutes | dens |" in rows[5]
    assert rows[1].endswith(" % |")
    denoising = {
        kind: yaml.safe_load((tmp_path / "dens-rmd17" / f"ethanol-2steps-{kind}-0" / "run.yaml").read_text())[
            "training"
        ]
        for kind in ("plain", "dens")
    }
    assert "denoising" not in denoising["plain"]
    assert denoising["dens"]["denoising"]["probability"] == 0.25
    assert denoising["dens"]["denoising"]["weight"] == 0.3
    heavy = [*command, "--kinds", "dens", "--noise-weight", "10"]
    assert "== ethanol-2stepsnoise10-dens-0" in call(heavy, tmp_path)
    config = yaml.safe_load((tmp_path / "dens-rmd17" / "ethanol-2stepsnoise10-dens-0" / "run.yaml").read_text())
    assert config["training"]["denoising"]["weight"] == 10


def call(arguments, folder):
    """What a script says."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curves_are_read_at_equal_steps_and_at_equal_time(tmp_path):
    """Two kinds of runs, one of which takes twice the time for a step."""
    for kind, pace, gain in (("plain", 1.0, 0.0), ("dens", 2.0, 10.0)):
        for seed in (0, 1):
            folder = tmp_path / f"ethanol-30steps-{kind}-{seed}"
            (folder / "test").mkdir(parents=True)
            (folder / "run").mkdir()
            errors = {"energy_mae_meV_per_atom": 1.0, "forces_mae_meV_per_A": 50.0 - gain + 2 * seed}
            result = {"errors": errors, "atoms": 90, "structures": 10}
            (folder / "test" / "result.json").write_text(json.dumps(result))
            pause = 100 * seed  # minutes for which the second run was stopped
            rows = [f"{10 * i},{10 * i * pace + pause * (i > 1)},1.0,{100 - 10 * i - gain}" for i in (1, 2, 3)]
            header = "step,minutes,energy_mae_meV_per_atom,forces_mae_meV_per_A"
            (folder / "run" / "validation.csv").write_text("\n".join([header, *rows]) + "\n")
    lines = call([str(EXAMPLES / "recipes" / "dens_rmd17" / "table.py"), str(tmp_path)], tmp_path).splitlines()
    rows = [line for line in lines if "30steps" in line]
    assert rows[0] == "| ethanol | 30steps | plain | 2 | 30 | 30.0 | 9.0 ± 0.0 | 51.00 ± 1.41 |  |"
    assert rows[1] == "| ethanol | 30steps | dens | 2 | 30 | 60.0 | 9.0 ± 0.0 | 41.00 ± 1.41 | +19.6 % |"
    assert rows[3] == "| ethanol | 30steps | 30 steps | dens | 9.0 ± 0.0 | 60.00 ± 0.00 | +14.3 % |"
    assert rows[5] == "| ethanol | 30steps | 30 minutes | dens | 9.0 ± 0.0 | 80.00 ± 0.00 | -14.3 % |"


def test_the_configurations_in_examples_are_valid():
    paths = [EXAMPLES / "train_small.yaml", *EXAMPLES.glob("recipes/*/train.yaml")]
    assert len(paths) >= 2
    for path in paths:
        assert load_config(path).plan


@pytest.mark.parametrize(("forces", "denoising"), [("direct", True), ("gradient", False)])
def test_a_training_step_is_divided_into_its_parts(tmp_path, monkeypatch, forces, denoising):
    monkeypatch.syspath_prepend(str(EXAMPLES / "recipes" / "benchmarks"))
    found = importlib.import_module("training").measure("metals-pbe", forces, denoising, 1, 4, tmp_path)
    assert found["atoms"] == 128 and found["edges"] > 128 * 12
    assert found["atoms_per_second"] == pytest.approx(128 / found["step_time"])
    shares = found["shares"]
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0
    # A force that is a derivative is differentiated again; one from a head costs next to nothing beyond the energy.
    assert (shares["forces"] > 0.05) == (forces == "gradient")


def test_growth_of_memory_and_time_is_measured(tiny_model, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(EXAMPLES / "recipes" / "benchmarks"))
    endurance = importlib.import_module("endurance")
    options = {"--model": tiny_model, "--steps": "40", "--structures": "40", "--rows": "4"}
    monkeypatch.setattr(sys, "argv", ["endurance.py", *(word for option in options.items() for word in option)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of so short a run
        endurance.main()
    told = capsys.readouterr().out
    assert told.count("growth: ") == 2
    assert [line.split()[0] for line in told.splitlines()].count("40") == 2
    marks = [endurance.Mark(n, 300 + 0.5 * n, 20 + n) for n in range(1, 9)]
    memory, pace = endurance.growth(marks)
    assert memory == pytest.approx(500)
    assert pace == pytest.approx((28 - 23) / 23)


@pytest.mark.slow
def test_both_generations_are_trained_and_tabulated(tmp_path):
    for part in ("train", "test"):
        write_molecules(tmp_path / f"aspirin_{part}_01.xyz.gz", 40)
    script = str(EXAMPLES / "recipes" / "generations_rmd17" / "run.py")
    lines = call([script, "--data", str(tmp_path), "--steps", "2"], tmp_path).splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["network", "v1", "v3"]
    assert [line.split()[2] for line in lines[-2:]] == ["2", "2"]
