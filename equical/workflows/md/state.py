"""The state of a run: everything it needs to go on as if it had never stopped.

It holds the exact positions, momenta and cell, the internal variables of the integrator, the state of the random
generator, and how much of the trajectory and of the thermo table there was at that moment. The state before it is kept
too, in case the last one comes back damaged from the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.files import atomic_path
from equical.workflows.common.notes import warn
from equical.workflows.md.growing import Extent

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["STATE", "STATE_BEFORE", "Departure", "MDState", "PhasePoint", "load_state", "save_state"]

STATE = "restart.npz"
STATE_BEFORE = "restart-before.npz"

FORMAT = 2
INTEGRATOR = "integrator."


@dataclass(frozen=True)
class PhasePoint:
    """Positions, momenta and cell at one moment, to the last bit.

    Attributes:
        positions: ``[N, 3]`` Å, not wrapped into the cell.
        momenta: ``[N, 3]`` ASE units, √(eV·u).
        cell: ``[3, 3]`` Å.
    """

    positions: NDArray[np.float64]
    momenta: NDArray[np.float64]
    cell: NDArray[np.float64]

    @classmethod
    def of(cls, atoms: Atoms) -> Self:
        """Copy that of the atoms."""
        return cls(atoms.get_positions(), atoms.get_momenta(), atoms.cell.array.copy())

    def apply(self, atoms: Atoms) -> None:
        """Bring the atoms there."""
        atoms.set_cell(self.cell, apply_constraint=False)
        atoms.set_positions(self.positions, apply_constraint=False)
        atoms.set_momenta(self.momenta, apply_constraint=False)


class Departure(NamedTuple):
    """Where a run has left what the model knows.

    Attributes:
        step: Of the first frame there.
        message: What that frame lies outside of, one line.
    """

    step: int
    message: str


@dataclass(frozen=True)
class MDState:
    """State of a run after a time step.

    Attributes:
        step: Number of time steps done.
        point: Positions, momenta and cell.
        integrator: Its internal variables by name.
        rng: State of the bit generator.
        extents: Of each growing file, by name.
        departure: None as long as no frame lay outside what the model knows.
    """

    step: int
    point: PhasePoint
    integrator: Mapping[str, NDArray[np.float64]]
    rng: Mapping[str, Any]
    extents: Mapping[str, Extent]
    departure: Departure | None = None


def save_state(folder: Path, state: MDState) -> None:
    """Write the state; the last one becomes the one before, and stays whatever happens to the new one."""
    arrays = {name: getattr(state.point, name) for name in ("positions", "momenta", "cell")}
    arrays |= {INTEGRATOR + name: value for name, value in state.integrator.items()}
    notes = {"format": FORMAT, "step": state.step, "rng": state.rng, "extents": state.extents}
    notes |= {"departure": state.departure}
    with atomic_path(folder / STATE) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, notes=np.array(json.dumps(notes)), **arrays)
        if (folder / STATE).exists():
            os.replace(folder / STATE, folder / STATE_BEFORE)


def load_state(folder: Path) -> MDState | None:
    """Read the last state that is whole; None where none was written yet.

    Raises:
        InputError: there are states, and none of them can be read.
    """
    damaged = []
    for path in (folder / STATE, folder / STATE_BEFORE):
        try:
            state = _read(path)
        except FileNotFoundError:
            continue
        except Exception:  # of zip, numpy and JSON, whatever stumbles over changed bytes
            damaged.append(path.name)
            continue
        if damaged:
            warn(f"{damaged[0]} is damaged: the run goes on from the state before it, of step {state.step}")
        return state
    if damaged:
        raise InputError(
            f"{' and '.join(damaged)} in {folder} cannot be read: go on from the last frame of the trajectory there, "
            "with --keep-velocities and another --output"
        )
    return None


def _read(path: Path) -> MDState:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = dict(stored)
    notes = json.loads(str(arrays.pop("notes")))
    if notes["format"] != FORMAT:
        raise ValueError("written by another version")
    return MDState(
        step=notes["step"],
        point=PhasePoint(arrays["positions"], arrays["momenta"], arrays["cell"]),
        integrator={key.removeprefix(INTEGRATOR): value for key, value in arrays.items() if key.startswith(INTEGRATOR)},
        rng=notes["rng"],
        extents={name: Extent(*extent) for name, extent in notes["extents"].items()},
        departure=Departure(*notes["departure"]) if notes.get("departure") else None,
    )
