"""The checkpoint: everything a run needs to go on as if it had never stopped.

It holds the exact positions, momenta and cell, the internal variables of the integrator, the state of the random
generator, and how long the trajectory and the thermo table were at that moment. A restart cuts both files back to that
length, so a frame that was half written when the process died is gone, and so are frames the run will write again.
"""

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from equical.errors import InputError
from equical.files import atomic_path
from equical.workflows.common.provenance import parameters_of, provenance
from equical.workflows.md.ensembles import Propagator
from equical.workflows.md.settings import MDSettings
from equical.workflows.md.snapshot import Snapshot

__all__ = ["Checkpoint", "load_checkpoint", "origin_of", "save_checkpoint"]

_FORMAT = 1
_EXTENSIBLE = "steps"  # the one setting a restart may change


@dataclass(frozen=True)
class Checkpoint:
    """State of a run after a time step.

    Attributes:
        step: Number of time steps done.
        snapshot: Positions, momenta and cell.
        propagator: Internal variables of the integrator by name.
        rng: State of the bit generator.
        sizes: Length in bytes of each growing file.
        wall_time: s, spent so far.
        origin: What the run belongs to, see :func:`origin_of`.
    """

    step: int
    snapshot: Snapshot
    propagator: dict[str, NDArray[np.float64]]
    rng: dict[str, Any]
    sizes: dict[str, int]
    wall_time: float
    origin: dict[str, Any]

    def restore(self, propagator: Propagator, rng: np.random.Generator) -> None:
        """Bring back the integrator's variables and the random generator."""
        propagator.restore(self.propagator)
        rng.bit_generator.state = self.rng


def origin_of(atoms: Atoms, calculator: BaseCalculator, settings: MDSettings) -> dict[str, Any]:
    """What identifies a run: its starting structure, its model and its settings, as plain values."""
    digest = hashlib.sha256()
    frozen = [constraint.index for constraint in atoms.constraints]
    arrays = [atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, atoms.get_masses(), *frozen]
    if settings.keep_velocities:
        arrays.append(atoms.get_momenta())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    model = provenance(calculator)["model"] | {"parameters": parameters_of(calculator)}
    return {"structure": digest.hexdigest(), "model": model, "settings": settings.to_dict()}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint; until the new one is whole on disk the old one stays."""
    arrays = {name: getattr(checkpoint.snapshot, name) for name in ("positions", "momenta", "cell")}
    arrays |= {f"propagator.{name}": value for name, value in checkpoint.propagator.items()}
    names = ("step", "rng", "sizes", "wall_time", "origin")
    notes = {"format": _FORMAT} | {name: getattr(checkpoint, name) for name in names}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, notes=np.array(json.dumps(notes)), **arrays)
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: Path, origin: dict[str, Any]) -> Checkpoint:
    """Read the checkpoint of the same run.

    Args:
        path: Written by :func:`save_checkpoint`.
        origin: Of the run that wants to go on.

    Raises:
        InputError: The file is damaged, or belongs to another structure, model or setting; the message says which.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        notes = json.loads(str(arrays.pop("notes")))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} is not a readable checkpoint ({error}): start afresh with --overwrite") from error
    if notes["format"] != _FORMAT:
        raise InputError(f"{path} was written by another version of equical: start afresh with --overwrite")
    _require_same(notes["origin"], origin, notes["step"], path)
    prefix = "propagator."
    return Checkpoint(
        step=notes["step"],
        snapshot=Snapshot(arrays["positions"], arrays["momenta"], arrays["cell"]),
        propagator={name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)},
        rng=notes["rng"],
        sizes=notes["sizes"],
        wall_time=notes["wall_time"],
        origin=origin,
    )


def _require_same(stored: dict[str, Any], asked: dict[str, Any], step: int, path: Path) -> None:
    where = f"{path.parent} holds a run"
    if stored["structure"] != asked["structure"]:
        raise InputError(f"{where} that started from another structure: restart with the same file")
    if stored["model"] != asked["model"]:
        old, new = (model.get("name", model["calculator"]) for model in (stored["model"], asked["model"]))
        detail = f"{old}, not {new}" if old != new else f"{old} with other weights or parameters"
        raise InputError(f"{where} with another model ({detail}): restart with the same one")
    changed = [
        f"{name} {stored['settings'].get(name)} (now {value})"
        for name, value in asked["settings"].items()
        if name != _EXTENSIBLE and stored["settings"].get(name) != value
    ]
    if changed:
        raise InputError(f"{where} with other settings: {', '.join(changed)}; only the number of steps may change")
    steps = asked["settings"]["steps"]
    if isinstance(asked["settings"]["temperature"], list) and steps != stored["settings"]["steps"]:
        raise InputError(
            f"{where} with a temperature ramp over {stored['settings']['steps']} steps: "
            f"it cannot be restarted with {steps}; start a new run from its final structure"
        )
    if step > steps:
        raise InputError(f"{where} that has done {step} steps: steps counts all of them, ask for more than {step}")
