"""The files of a relaxation: a trajectory that grows step by step and can be taken up again, and the final result."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units

from equical.errors import InputError
from equical.workflows.common.output import (
    append_structure,
    atomic_path,
    parameters_of,
    provenance,
    write_json,
    write_structures,
)
from equical.workflows.relax.plots import plot_relaxation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator
    from ase.constraints import FixConstraint

    from equical.workflows.relax.run import RelaxResult, RelaxSettings

__all__ = ["RELAX_FILES", "RelaxRecord", "describe"]

_FILES = ("run.json", "trajectory.extxyz", "relaxed.extxyz", "relax.png")
RELAX_FILES = (*_FILES, *(f"[0-9]*/{name}" for name in ("result.json", *_FILES)))
"""What relaxations of one or of many structures leave in a folder."""

UNITS = {
    "energy": "eV",
    "energy_per_atom": "eV/atom",
    "initial_energy": "eV",
    "enthalpy": "eV, energy + target pressure · volume",
    "max_force": "eV/Å",
    "max_stress": "GPa, largest deviation from the target",
    "stress": "GPa; xx, yy, zz, yz, xz, xy; negative under compression",
    "pressure": "GPa",
    "volume": "Å³",
    "cell_lengths": "Å",
    "cell_angles": "degree",
    "fmax": "eV/Å",
    "smax": "GPa",
    "wall_time_s": "s",
}


class RelaxRecord:
    """The folder of a relaxation; without a folder, nothing is kept.

    Args:
        folder: where the files go, or None.
        start: the structure before the first step.
        settings: how it is relaxed.
        calculator: with what.
        resume: take up the trajectory found in the folder.

    Attributes:
        earlier: structures of the trajectory taken up, with their results; the last one is where to go on.

    Raises:
        InputError: the folder holds the run of another structure, model or kind of relaxation.
    """

    def __init__(
        self,
        folder: Path | None,
        start: Atoms,
        settings: RelaxSettings,
        calculator: BaseCalculator,
        *,
        resume: bool = False,
    ) -> None:
        self._folder = folder
        self._provenance = provenance(calculator)
        self.earlier: list[Atoms] = []
        if folder is None:
            return
        self._run = {
            "model": self._provenance["model"],
            "parameters": parameters_of(calculator),
            "cell": settings.cell,
            "pressure": settings.pressure,
            "symmetry": settings.symmetry,
            "pbc": start.pbc.tolist(),
            "constraints": _constraints(start),
        }
        if resume and self._trajectory.exists():
            self._check_same(self._run)
            self.earlier = self._take_up(start)

    @property
    def _trajectory(self) -> Path:
        assert self._folder is not None
        return self._folder / "trajectory.extxyz"

    def _check_same(self, run: dict[str, Any]) -> None:
        """Refuse to go on with another model, structure or kind of relaxation than before."""
        assert self._folder is not None
        try:
            before = json.loads((self._folder / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise InputError(
                f"{self._folder} has a trajectory but no readable run.json; start anew with --overwrite"
            ) from None
        changed = [key for key in run if run[key] != before.get(key)]
        if changed:
            what = ", ".join(f"{key} {_was(key)} {_shown(before.get(key))}" for key in changed)
            raise InputError(f"cannot resume the run in {self._folder}: {what}; keep to that, or choose another folder")

    def _take_up(self, start: Atoms) -> list[Atoms]:
        """Read the whole frames of the trajectory, and cut off one that a kill has left unfinished."""
        from ase.io import read

        size = len(start) + 2
        lines = [line for line in self._trajectory.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        whole = "".join(lines[: len(lines) // size * size])
        with atomic_path(self._trajectory) as temporary:
            temporary.write_text(whole, "utf-8")
        if not whole:
            return []
        try:
            frames: list[Atoms] = read(StringIO(whole), index=":", format="extxyz")
            first = frames[0]
            same = np.array_equal(first.numbers, start.numbers) and all(
                np.allclose(one, other, rtol=0, atol=1e-6)
                for one, other in ((first.positions, start.positions), (first.cell, start.cell))
            )
        except (ValueError, KeyError, OSError):
            same = False
        if not same:
            raise InputError(f"the run in {self._folder} began with another structure; choose another output folder")
        return frames

    def add(self, image: Atoms, step: int) -> None:
        """Append the structure after ``step`` steps, unless the trajectory has it already."""
        if self._folder is None or step < len(self.earlier):
            return
        if step == 0:
            write_json(self._folder / "run.json", self._run)
            write_structures(self._trajectory, image)
        else:
            append_structure(self._trajectory, image)

    def finish(self, result: RelaxResult) -> None:
        """Write the final structure, the plot, and last of all ``result.json``, which says that all is there."""
        if self._folder is None:
            return
        write_structures(self._folder / "relaxed.extxyz", result.atoms)
        plot_relaxation(result, self._folder / "relax.png")
        write_json(self._folder / "result.json", describe(result) | self._provenance | {"units": UNITS})


def _constraints(atoms: Atoms) -> list[str]:
    """Constraints as text; the one that keeps the symmetry is a setting of its own."""
    from ase.constraints import FixSymmetry

    given = [constraint for constraint in atoms.constraints if not isinstance(constraint, FixSymmetry)]
    return [f"{type(one).__name__} {json.dumps(_arguments(one), default=_as_list)}" for one in given]


def _arguments(constraint: FixConstraint) -> Any:
    """What it was made with; ASE demands ``todict`` of its own constraints only."""
    try:
        return constraint.todict()["kwargs"]
    except (AttributeError, NotImplementedError):
        return vars(constraint)


def _as_list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)


def _was(key: str) -> str:
    return "were" if key.endswith("s") else "was"


def _shown(value: Any) -> Any:
    """A model by its name, or its calculator's where it has none; long lists cut short; other settings as they are."""
    if isinstance(value, dict) and "calculator" in value:
        return value.get("name", value["calculator"])
    return shorten(str(value), 60, placeholder=" …") if isinstance(value, list | dict) else value


def describe(result: RelaxResult) -> dict[str, Any]:
    """The numbers of ``result.json``; their units are in ``UNITS``."""
    atoms = result.atoms
    numbers = {
        "structure": atoms.get_chemical_formula(),
        "num_atoms": len(atoms),
        "converged": result.converged,
        "steps": result.steps,
        "energy": result.energy,
        "energy_per_atom": result.energy / len(atoms),
        "initial_energy": result.energies[0],
        "max_force": result.max_force,
        "space_group_before": result.space_group_before,
        "space_group_after": result.space_group_after,
        "settings": result.settings,
        "wall_time_s": result.wall_time,
    }
    if result.max_stresses is not None:
        stress = atoms.get_stress(apply_constraint=False) / units.GPa
        numbers["enthalpy"] = result.enthalpies[-1]
        numbers |= {"max_stress": result.max_stress, "stress": stress, "pressure": -stress[:3].mean()}
    if atoms.cell.rank == 3:
        numbers |= {
            "volume": atoms.cell.volume,
            "cell_lengths": atoms.cell.lengths(),
            "cell_angles": atoms.cell.angles(),
        }
    return numbers
