"""What many tests share: a tiny network with random weights, as potential, folder and calculator; structures; and a
shelf of such models in place of the shipped ones."""

import json
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import settings

from equical.calculator import EquiCalc
from equical.checkpoint import save_checkpoint
from equical.domain import DOMAIN_FILE
from equical.model import AnyConfig, EquiformerV1Config, ModelConfig, Potential

settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")  # what passes here passes everywhere, and always

TINY = ModelConfig(
    cutoff=4.0,
    num_layers=2,
    channels=8,
    lmax=2,
    mmax=2,
    attention_hidden=8,
    num_heads=2,
    alpha_channels=4,
    value_channels=4,
    ffn_hidden=8,
    edge_channels=8,
    num_radial=6,
    avg_degree=20.0,
)
TINY_V1 = EquiformerV1Config(
    cutoff=4.0,
    num_layers=2,
    irreps="6x0e+4x1e+2x2e",
    feature_irreps="8x0e",
    head_irreps="3x0e+2x1e+1x2e",
    num_heads=2,
    ffn_irreps="6x0e+4x1e+2x2e",
    num_radial=6,
    radial_channels=8,
)
TINY_ELEMENTS = {
    "H": 1, "C": 6, "O": 8, "Na": 11, "Al": 13, "Si": 14, "Cl": 17, "Ni": 28, "Cu": 29, "Ge": 32, "Mo": 42, "Pt": 78,
}  # fmt: skip
TINY_REFERENCES = {z: -0.1 * z for z in TINY_ELEMENTS.values()}


def random_potential(config: AnyConfig = TINY, seed: int = 1, **options) -> Potential:
    """A float64 force field with random weights, none of them zero, and forces of the order of 1 eV/Å."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options = {"reference_energies": TINY_REFERENCES, "scale": 20.0, "dtype": torch.float64} | options
        potential = Potential(config, TINY_ELEMENTS.values(), **options)
        with torch.no_grad():
            for parameter in potential.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
                # What float32 can hold, so that a checkpoint of either type has the very same weights.
                parameter.copy_(parameter.float())
    return potential.eval()


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Numbers that a test draws without a seed are the same in every run."""
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def plots_are_not_drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than the runs of most tests: figures are made, and drawn in tests marked ``drawn`` alone."""
    if "drawn" not in request.keywords:
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **options: Path(path).touch())


@pytest.fixture
def tiny_potential() -> Potential:
    """A float64 :class:`Potential` for the elements of ``TINY_ELEMENTS``, cutoff 4 Å; yours to change."""
    return random_potential()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the same model with float32 weights; do not change it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, random_potential().float(), {"level_of_theory": "random numbers"})
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path) -> str:
    """The same folder, as it is written on a command line."""
    return str(tiny_checkpoint)


@pytest.fixture
def tiny_calculator(tiny_checkpoint: Path) -> EquiCalc:
    """A float64 calculator of the same model."""
    return EquiCalc(tiny_checkpoint, device="cpu", dtype="float64")


def make_structures() -> dict[str, Atoms]:
    """Small structures of every kind, off their equilibrium; yours to change."""
    return {name: atoms.copy() for name, atoms in _structures().items()}


@cache
def _structures() -> dict[str, Atoms]:
    skewed = bulk("NaCl", "rocksalt", a=5.6) * (1, 1, 2)
    skewed.set_cell(np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ skewed.cell.array)
    left_handed = bulk("Si", cubic=True)
    left_handed.set_cell(left_handed.cell.array[[1, 0, 2]])
    slab = fcc111("Al", (2, 1, 2), a=4.05, vacuum=6.0)
    in_a_box = molecule("CH3OH")
    in_a_box.center(vacuum=3.0)
    structures = {
        "one atom": bulk("Cu", a=3.6),
        "crystal": bulk("Cu", a=3.7, cubic=True),
        "compound, skewed cell": skewed,
        "left-handed cell": left_handed,
        "slab": slab,
        "molecule": molecule("CH3OH"),
        "molecule in a box": in_a_box,
        "lonely atom": Atoms("Ni"),
    }
    for seed, atoms in enumerate(structures.values()):
        atoms.rattle(0.1, seed=seed)
    return structures


STRUCTURES = tuple(make_structures())
"""Names of the structures."""


@pytest.fixture
def structures() -> dict[str, Atoms]:
    """Structures by name, new ones for every test."""
    return make_structures()


@pytest.fixture(params=STRUCTURES)
def structure(request: pytest.FixtureRequest) -> Atoms:
    """One structure after the other."""
    return make_structures()[request.param]


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    """Within, an operation that makes the host wait for the GPU raises RuntimeError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch calls this mode a prototype
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def copper() -> Atoms:
    """Four atoms of copper, rattled, in a strained cubic cell."""
    return make_structures()["crystal"]


SPECIAL = {"kinds": ["bulk", "slab"], "elements": ["Cu", "Ni"], "most": 1}
SURFACES = {"kinds": ["slab"], "elements": ["Cu", "Pt"], "minor": ["H", "O"]}


def put_on_shelf(folder: Path, elements: Sequence[int], ranges: Sequence[dict] = (), **options) -> None:
    """A model with random weights and, where there are ranges, a declared domain."""
    potential = random_potential(**options).float()
    potential.elements = tuple(elements)
    save_checkpoint(folder, potential, {})
    (folder / "README.md").write_text(f"# {folder.name}\n", "utf-8")
    if ranges:
        declared = {"level": "PBE", "errors": "10 meV/Å", "covers": list(ranges)}
        (folder / DOMAIN_FILE).write_text(json.dumps(declared), "utf-8")


@pytest.fixture(scope="session")
def shelf_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``metals`` (Cu, Ni, one at a time), ``surfaces`` (Cu, Pt with H, O), ``everything`` (12 elements, no domain)."""
    root = tmp_path_factory.mktemp("shelf")
    put_on_shelf(root / "everything", random_potential().elements, seed=3)
    put_on_shelf(root / "metals", (28, 29), [SPECIAL], seed=4)
    put_on_shelf(root / "surfaces", (1, 8, 29, 78), [SURFACES], seed=5)
    return {folder.name: folder for folder in sorted(root.iterdir())}


@pytest.fixture
def shelf(shelf_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """These models stand for the shipped ones; take one from the dictionary, and there are only the others."""
    there = dict(shelf_folders)
    monkeypatch.setattr("equical.checkpoint.shipped_models", lambda: there)
    monkeypatch.setattr("equical.catalogue.shipped_models", lambda: there)
    return there
