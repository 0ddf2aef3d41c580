"""The benchmark scripts run: two steps on a few frames of a molecule."""

import subprocess
import sys
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
    command = [sys.executable, str(EXAMPLES / "dens_rmd17" / "run.py"), "--data", str(tmp_path), "--steps", "2"]
    command += ["--molecules", "ethanol", "--budgets", "steps", "--seeds", "0"]
    for _ in range(2):  # the second time there is nothing left to do
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "== " not in done.stdout
    table = [sys.executable, str(EXAMPLES / "dens_rmd17" / "table.py")]
    done = subprocess.run(table, cwd=tmp_path, capture_output=True, text=True, check=False)
    rows = done.stdout.splitlines()
    assert len(rows) == 4
    assert rows[2].startswith("| ethanol | steps | plain | 1 | 2 |")
    assert rows[3].startswith("| ethanol | steps | dens | 1 | 2 |")
    assert rows[3].endswith(" % |")
    denoising = {
        kind: yaml.safe_load((tmp_path / "dens-rmd17" / f"ethanol-steps-{kind}-0" / "run.yaml").read_text())["training"]
        for kind in ("plain", "dens")
    }
    assert "denoising" not in denoising["plain"]
    assert denoising["dens"]["denoising"]["probability"] == 0.25


def test_the_configurations_in_examples_are_valid():
    paths = [EXAMPLES / "train_small.yaml", *EXAMPLES.glob("*/train.yaml")]
    assert len(paths) >= 2
    for path in paths:
        assert load_config(path).plan
