"""A calculator behind LAMMPS's ``fix external``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from equical.errors import InputError
from equical.interfaces.lammps.box import box_of, virial_of
from equical.interfaces.lammps.ranks import Ranks, ranks_of
from equical.workflows.common.notes import warn

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator
    from lammps import lammps

__all__ = ["fix_external"]

RUN_INPUT = ("command", "commands_list", "commands_string", "file")
"""What of a ``lammps`` object may run a simulation."""


@dataclass(frozen=True)
class Share:
    """What one rank is told after an evaluation.

    Attributes:
        forces: (n, 3) on its own atoms, eV/Å.
        energy: of all atoms, eV.
        virial: (6,) of all atoms, eV; None if the calculator knows no stress.
        error: why there are no forces.
    """

    forces: np.ndarray
    energy: float = np.nan
    virial: np.ndarray | None = None
    error: BaseException | None = None


def fix_external(
    lmp: lammps, calculator: BaseCalculator | None, elements: Sequence[str], fix_id: str = "equical"
) -> None:
    """Let a calculator give LAMMPS energy, forces and virial of all atoms, by a ``fix external`` made here.

    To be called once the box and the atoms are there, before ``run`` or ``minimize``; ``unfix`` ends it. With several
    MPI ranks every rank calls it: LAMMPS divides its own work among them, while rank 0 evaluates all atoms. What goes
    wrong in an evaluation ends the run at that step, and is raised by the ``lmp.command`` (or ``file`` …) that runs it.

    ::

        lmp = start_lammps()
        lmp.file("system.in")
        fix_external(lmp, EquiCalc("metals-pbe"), ["Cu", "Ni"])
        lmp.command("run 1000")

    Args:
        lmp: LAMMPS with ``units metal``.
        calculator: of the energy; None does on ranks other than 0.
        elements: of the atom types 1, 2 …
        fix_id: name of the fix in LAMMPS.

    Raises:
        InputError: other units, no atoms, elements that do not match the types or that the model does not cover.
    """
    ranks = ranks_of(lmp)
    _refuse(lmp, calculator, elements, ranks)
    numbers = np.array([0, *(atomic_numbers[one] for one in elements)])  # types begin with 1
    evaluation = ForceCallback(lmp, calculator, numbers, ranks, fix_id)
    lmp.commands_list(
        [
            f"fix {fix_id} all external pf/callback 1 1",
            f"fix_modify {fix_id} energy yes virial yes",
        ]
    )
    lmp.set_fix_external_callback(fix_id, evaluation)
    for name in RUN_INPUT:
        setattr(lmp, name, evaluation.raising(getattr(lmp, name)))


def _refuse(lmp: lammps, calculator: BaseCalculator | None, elements: Sequence[str], ranks: Ranks) -> None:
    """The same answer on all ranks: only rank 0 needs a calculator, and all of them must stop."""
    complaint = _complaint(lmp, calculator, elements) if ranks.rank == 0 else None
    number = lmp.extract_setting("world_size")
    complaint = ranks.scatter([complaint] * number if ranks.rank == 0 else None)
    if complaint:
        raise InputError(complaint)


def _complaint(lmp: lammps, calculator: BaseCalculator | None, elements: Sequence[str]) -> str | None:
    unknown = [one for one in elements if one not in atomic_numbers or one == "X"]
    covered = getattr(calculator, "elements", elements)
    uncovered = [one for one in elements if one not in covered]
    if calculator is None:
        return "MPI rank 0 evaluates the energy and needs a calculator."
    if (units := lmp.extract_global("units")) != "metal":
        return f"LAMMPS runs with units {units}; energies and forces are given in those of 'units metal'."
    if lmp.extract_setting("box_exist") == 0 or lmp.get_natoms() == 0:
        return "LAMMPS has no atoms yet: read or create them before fix_external."
    types = lmp.extract_global("ntypes")
    if isinstance(elements, str) or len(elements) != types:
        return f"LAMMPS has {types} atom types: elements must be a list of as many, not {elements!r}."
    if unknown:
        return f"There is no element {', '.join(map(repr, unknown))}."
    if uncovered:
        return f"This model does not cover {', '.join(uncovered)}; it covers {', '.join(covered)}."
    _warn_of_masses(lmp, elements)
    if not _has_stress(calculator):
        warn("this model predicts no stress: LAMMPS's pressures lack the interaction of the atoms")
    if getattr(calculator, "conservative", True) is False:
        warn("this model's forces are not the gradient of its energy: LAMMPS's total energy will drift")
    return None


def _has_stress(calculator: BaseCalculator | None) -> bool:
    return "stress" in getattr(calculator, "implemented_properties", ["stress"])


def _warn_of_masses(lmp: lammps, elements: Sequence[str]) -> None:
    """Types in another order than elements show by their masses, if by anything; isotopes may be meant."""
    masses = lmp.extract_atom("mass")
    if not masses:
        return  # masses of each atom of its own, as in "atom_style sphere"
    for number, element in enumerate(elements, start=1):
        mass, usual = masses[number], atomic_masses[atomic_numbers[element]]
        if abs(mass - usual) > 0.05 * usual:
            warn(f"atom type {number} has a mass of {mass:g} in LAMMPS, while {element} has {usual:g}")


class ForceCallback:
    """Called by LAMMPS at every step, on each rank with its own atoms.

    Args:
        lmp: LAMMPS.
        calculator: of the energy; used on rank 0 alone.
        numbers: atomic number of each atom type, the first of which is 1.
        ranks: among which the atoms are divided.
        fix_id: name of the fix.
    """

    def __init__(self, lmp: lammps, calculator: BaseCalculator | None, numbers: np.ndarray, ranks: Ranks, fix_id: str):
        self.lmp, self.calculator, self.numbers, self.ranks, self.fix_id = lmp, calculator, numbers, ranks, fix_id
        self.error: BaseException | None = None
        self._atoms = Atoms()

    def __call__(
        self, caller: object, step: int, number: int, tags: np.ndarray, positions: np.ndarray, forces: np.ndarray
    ) -> None:
        """Write forces, (n, 3), on this rank's atoms, and tell LAMMPS the energy and the virial of all of them.

        No exception may leave this function: it would be lost in the library, and the run go on with old forces.
        """
        types = self.lmp.numpy.extract_atom("type", nelem=number)
        parts = self.ranks.gather((tags.copy(), types.copy(), positions.copy()))
        share = self.ranks.scatter(self._shares(parts) if parts is not None else None)
        forces[:] = share.forces
        self.lmp.fix_external_set_energy_global(self.fix_id, share.energy)
        if share.virial is not None:
            self.lmp.fix_external_set_virial_global(self.fix_id, share.virial)
        if share.error is not None:
            self.error = share.error
            self.lmp.force_timeout()

    def _shares(self, parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[Share]:
        """On rank 0: evaluate all atoms, and divide the forces as the atoms are divided."""
        ends = np.cumsum([len(tags) for tags, _, _ in parts])[:-1]
        tags, types, positions = (np.concatenate(values) for values in zip(*parts, strict=True))
        forces = np.full((len(tags), 3), np.nan)  # where there are no forces, nothing may look like a result
        energy, virial, error = np.nan, None, None
        order = np.argsort(tags)  # LAMMPS sorts its atoms anew now and then, and hands them from rank to rank
        try:
            if len(tags) != self.lmp.get_natoms():
                raise InputError(f"LAMMPS has lost {self.lmp.get_natoms() - len(tags)} of its atoms.")
            energy, forces[order], virial = self._evaluate(self.numbers[types[order]], positions[order])
        except BaseException as failure:  # also Ctrl-C, which would be lost as well
            error = failure
        return [Share(one, energy, virial, error) for one in np.split(forces, ends)]

    def _evaluate(self, numbers: np.ndarray, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray | None]:
        cell, periodic = box_of(self.lmp)
        if len(self._atoms) != len(numbers) or (self._atoms.numbers != numbers).any():
            self._atoms = Atoms(numbers, positions)
        self._atoms.set_cell(cell)
        self._atoms.set_pbc(periodic)
        self._atoms.set_positions(positions)
        self._atoms.calc = self.calculator
        forces = self._atoms.get_forces()  # first: calculators give the energy along with them
        virial = virial_of(self._atoms.get_stress(), cell) if _has_stress(self.calculator) else None
        return self._atoms.get_potential_energy(), forces, virial

    def raising(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """The same method of ``lammps``, which raises what went wrong in an evaluation that it led to."""

        @wraps(run)
        def checked(*arguments: Any, **keywords: Any) -> Any:
            try:
                return run(*arguments, **keywords)
            finally:  # LAMMPS's own complaint about forces that are no numbers says less
                if self.error is not None:
                    error, self.error = self.error, None
                    raise error

        return checked
