"""Notices that atoms fly apart, before nonsense fills the disk."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.md.settings import MDSettings
from equical.workflows.md.state import PhasePoint
from equical.workflows.md.velocities import kinetic_temperature

__all__ = ["Guard"]

MAX_DISPLACEMENT = 1.0  # Å in one step; hydrogen at 2000 K moves 0.1 Å in 1 fs
HOT = 10.0  # times the highest target temperature
HEADROOM = 3000.0  # K on top, which a strained start may legitimately release
MAX_EXPANSION = 3.0  # of the volume, either way
ADVICE = "start from a relaxed structure, or use a shorter time step"


class Guard:
    """Compares the atoms after a step with those before it, and with what the run may reach at most."""

    def __init__(self, start: Atoms, settings: MDSettings, dof: int) -> None:
        self._dof = dof
        self._limit = HOT * max(settings.start_temperature, settings.end_temperature) + HEADROOM
        self._volume = start.get_volume() if settings.moves_cell else None

    def problem(self, before: PhasePoint, atoms: Atoms) -> str:
        """What is wrong with a step, in words that complete "atoms flew apart: …"; empty if nothing is."""
        if not all(np.isfinite(values).all() for values in (atoms.positions, atoms.get_momenta(), atoms.cell.array)):
            return f"positions or velocities are no longer numbers; {ADVICE}"
        if self._volume is not None:
            ratio = atoms.get_volume() / self._volume
            if not 1 / MAX_EXPANSION < ratio < MAX_EXPANSION:
                return f"the cell went to {ratio:.2g} times its initial volume; try a longer barostat time"
        moved = np.linalg.norm(self._shift(before, atoms), axis=1)
        if moved.max() > MAX_DISPLACEMENT:
            worst = int(moved.argmax())
            return f"atom {worst} ({atoms.symbols[worst]}) moved {moved[worst]:.1f} Å in one step; {ADVICE}"
        temperature = kinetic_temperature(atoms, self._dof)
        if temperature > self._limit:
            return f"the temperature rose to {temperature:.0f} K; {ADVICE}"
        return ""

    def _shift(self, before: PhasePoint, atoms: Atoms) -> NDArray[np.float64]:
        if self._volume is None:
            return np.asarray(atoms.positions - before.positions)
        # A barostat carries the atoms far from the origin along with the cell; only the rest is motion.
        return np.asarray(atoms.positions - before.positions @ np.linalg.inv(before.cell) @ atoms.cell.array)
