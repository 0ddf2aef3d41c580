"""Checkpoint files of Equiformer (V1) as they were published; see ``fixtures/published/v1/README.md``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms

FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "published" / "v1" / "networks.json").read_text())
NAMES = tuple(FIXTURE["models"])

DERIVED_BUFFERS = {
    "atom_embed.atom_type_lin.tp.output_mask": (8,),
    "rbf.means": (6,),
    "rbf.betas": (6,),
    "edge_deg_embed.dw.tp.weight": (0,),
    "edge_deg_embed.dw.tp._compiled_main_left_right._w3j_1_1_1": (3, 3, 3),
    "blocks.0.ffn.fctp_1.gate.mul.weight": (0,),
}


def structure() -> Atoms:
    """The molecule that there are numbers for."""
    return Atoms(numbers=FIXTURE["numbers"], positions=FIXTURE["positions"])


def expected(name: str) -> dict[str, Any]:
    """Raw outputs of a published network."""
    return FIXTURE["models"][name]


def checkpoint(name: str) -> dict[str, Any]:
    """What its file holds: arguments, derived buffers that are nonsense, and weights that follow from their order."""
    rng = np.random.default_rng(1)
    shapes = FIXTURE["models"][name]["parameters"]
    state = {key: torch.full(shape, torch.nan) for key, shape in DERIVED_BUFFERS.items()}
    state |= {key: torch.tensor(_weights(key, rng.random(shape)), dtype=torch.float32) for key, shape in shapes.items()}
    arguments = dict(FIXTURE["models"][name]["arguments"])
    return {"state_dict": state, "config": {"model": "equiformer", "model_attributes": arguments}}


def _weights(name: str, uniform: np.ndarray) -> np.ndarray:
    """Numbers of the size of weights from numbers between zero and one."""
    if name.startswith("rbf."):
        return 0.3 + 0.7 * uniform
    return 0.5 + uniform if name.endswith("affine_weight") else 2 * uniform - 1
