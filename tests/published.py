"""Checkpoint files as they were published, put together from fixtures; see ``fixtures/published/README.md``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import read
from ase.stress import full_3x3_to_voigt_6_stress
from safetensors.torch import load_file

FOLDER = Path(__file__).parent / "fixtures" / "published"
NAMES = ("v2_oc20", "v2_hydra", "v3_direct", "v3_grad", "v3_dens")
STRUCTURES = ("ethanol_box", "cupt_bulk", "co_cu111", "nacl_prim")

DERIVED_BUFFERS = (
    "distance_expansion.offset",
    "SO3_rotation.0.mapping.m_complex",
    "SO3_grid.0.1.to_grid_mat",
    "mappingReduced.to_m",
    "blocks.0.norm_1.balance_degree_weight",
    "blocks.0.ga.proj.expand_index",
    "blocks.0.ga.so3_rotation.wigner_inv_rescale",
    "blocks.0.ffn.so3_grid.from_grid_mat",
    "norm.expand_index",
)


def checkpoint(name: str) -> dict[str, Any]:
    """What was in the file: a new copy each time, derived buffers replaced by nonsense."""
    saved = json.loads((FOLDER / name / "checkpoint.json").read_text())
    weights = load_file(FOLDER / name / "weights.safetensors")
    content = saved["content"]
    for states in (content["normalizers"], content["elementrefs"]):
        for state in states.values():
            for key, value in state.items():
                state[key] = torch.tensor(value, dtype=torch.float64)
    backbone = "backbone." if name == "v2_hydra" else ""
    state = {saved["prefix"] + key: weights[key] for key in saved["order"]}
    nonsense = {f"{saved['prefix']}{backbone}{key}": torch.full((3,), torch.nan) for key in DERIVED_BUFFERS}
    return {"state_dict": nonsense | state} | content


def write_checkpoint(path: Path, content: dict[str, Any] | str) -> Path:
    """A checkpoint file of a fixture, or of changed content."""
    torch.save(checkpoint(content) if isinstance(content, str) else content, path)
    return path


def structures(name: str) -> Iterator[Atoms]:
    """The structures that a fixture has numbers for; ``info["name"]`` says which."""
    yield from read(FOLDER / f"structures_{name[:2]}.extxyz", ":")


def expected(name: str, structure: str) -> dict[str, np.ndarray]:
    """Raw outputs of the published network."""
    with np.load(FOLDER / name / "expected.npz") as arrays:
        return {key.removeprefix(f"{structure}__"): arrays[key] for key in arrays if key.startswith(f"{structure}__")}


def physical(name: str, atoms: Atoms) -> dict[str, Any]:
    """What the published code predicts in eV, eV/Å and eV/Å³ (Voigt): raw · scale + mean, then reference energies."""
    raw = expected(name, atoms.info["name"])
    raw = {key.removeprefix("clean__"): value for key, value in raw.items()}
    content = checkpoint(name)
    states = content["normalizers"]

    def scaled(value: np.ndarray, *keys: str) -> np.ndarray:
        state = next((states[key] for key in keys if key in states), {"mean": 0.0, "rmsd": 1.0})
        return value * float(state.get("rmsd", state.get("std"))) + float(state["mean"])

    result = {
        "energy": scaled(raw["energy"].ravel(), "energy", "target")[0],
        "forces": scaled(raw.get("forces", raw.get("forces_or_noise")), "forces", "grad_target"),
    }
    if content["elementrefs"]:
        references = content["elementrefs"]["energy"]["element_references"]
        result["energy"] += float(references[atoms.numbers].sum())
    if "stress" in raw:
        result["stress"] = full_3x3_to_voigt_6_stress(scaled(raw["stress"].reshape(3, 3), "stress"))
    if "stress_isotropic" in raw:
        (p,) = scaled(raw["stress_isotropic"].ravel(), "stress_isotropic")
        q = scaled(raw["stress_anisotropic"].ravel(), "stress_anisotropic")
        diagonal = p / 3**0.5 + np.array([-q[2], 2 * q[2], -q[2]]) / 6**0.5 + np.array([-q[4], 0, q[4]]) / 2**0.5
        result["stress"] = np.concatenate([diagonal, np.array([q[3], q[0], q[1]]) / 2**0.5])
    return result
