"""The model as an ASE calculator."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from torch import Tensor

from equical.catalogue import AUTO, WAYS_ON, Choice, choose_model, models_for, tell
from equical.checkpoint import Checkpoint, load_checkpoint
from equical.errors import InputError
from equical.graph import AtomGraph
from equical.inference.batch import BatchEvaluator
from equical.inference.devices import find_device, find_dtype
from equical.inference.eager import plain_mode
from equical.inference.executions import make_evaluator, require_execution
from equical.inference.habit import ForceHabit
from equical.inference.stats import Stats
from equical.model.frozen import BFloat16Matrix, Matrix
from equical.model.potential import EnergyKind
from equical.prediction import Prediction
from equical.uncertainty import Uncertainty

__all__ = ["BatchResult", "EquiCalc"]

PROPERTIES = ("energy", "free_energy", "energies", "forces", "stress", "energy_std", "forces_std")
UNCERTAINTIES = {"energy_std", "forces_std"}


@dataclass(frozen=True)
class BatchResult:
    """What was found for one structure of many.

    Attributes:
        results: by property, in ASE's units and shapes; empty if there was an error.
        error: why the structure could not be evaluated.
    """

    results: dict[str, Any]
    error: str | None = None


class EquiCalc(Calculator):
    """Energies, forces and stresses of an equical model for ASE.

    ::

        atoms.calc = EquiCalc()
        atoms.get_potential_energy()

    Units and signs are ASE's: eV, eV/Å, and for the stress eV/Å³ in Voigt order (xx, yy, zz, yz, xz, xy), positive
    where the crystal wants to shrink. ``energies`` are contributions of the atoms, which sum to the energy;
    ``free_energy`` is the energy. ``energy_std``, of models that were calibrated, is the standard deviation of the
    energy in eV, and ``forces_std`` (``[N, 3]`` eV/Å) that of the components of forces, see :meth:`uncertainty`. A
    stress needs three lattice vectors; directions without periodicity count with their full length, vacuum included.

    Only what is asked for is computed. Nothing global is changed (threads, precision, random numbers), and neither are
    the structures. One calculator serves any sequence of structures, and can be copied and pickled. Threads that share
    one wait for each other, and each gets the numbers of its own structure; a calculator for each is faster.

    Args:
        model: name of a shipped model, folder of a model, or a loaded :class:`~equical.checkpoint.Checkpoint`, which is
            left as it is. ``"auto"`` takes the most specialised shipped model that is made for the first structure it
            meets, says which and why (a :class:`~equical.errors.ModelChoice` warning), and stays with it: energies of
            two models cannot be compared. Where numbers are to be the same next year, name the model.
        device: ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        dtype: ``"float32"``, or ``"float64"`` for finite differences and tight convergence.
        execution: how the network is run, which changes no result: ``"eager"``, ``"static"``, ``"cuda-graph"`` or
            ``"compile"`` (see :data:`equical.inference.executions.EXECUTIONS`); ``"auto"`` is right for the device.
        convolutions: ``"bfloat16"`` multiplies the matrices of convolutions in that type, which makes large models
            faster and results less exact. For a first look; not for phonons or anything else that needs small
            differences.

    Raises:
        InputError: no such model, device, dtype or execution. Later, from any calculation: atoms the model does not
            cover, no shipped model that is made for the structure, or a structure that cannot be meant (see
            :func:`equical.neighbors.build.neighbor_list`).
    """

    name = "equical"
    implemented_properties = list(PROPERTIES)  # noqa: RUF012 (how ASE's calculators tell)

    @torch.inference_mode(False)  # weights made in a caller's inference mode could never be differentiated through
    def __init__(
        self,
        model: str | os.PathLike[str] | Checkpoint = AUTO,
        device: str = "auto",
        dtype: str = "float32",
        execution: str = "auto",
        convolutions: str | None = None,
    ):
        super().__init__()
        self._device, self._dtype, self._execution = find_device(device), find_dtype(dtype), execution
        if convolutions not in (None, "bfloat16"):
            raise InputError(f"convolutions must be bfloat16, or left out, not {convolutions!r}.")
        self._convolutions = BFloat16Matrix if convolutions else Matrix
        require_execution(execution, self._device)
        self.parameters.update(
            model=AUTO,
            device=str(self._device),
            dtype=dtype,
            execution=execution,
            **({} if convolutions is None else {"convolutions": convolutions}),
        )
        self._checkpoint: Checkpoint | None = None
        self.choice: Choice | None = None
        if isinstance(model, Checkpoint) or model != AUTO:
            self._take(model)
        self._prediction: Prediction | None = None
        self._habit = ForceHabit()
        self._lock = RLock()

    def _take(self, model: str | os.PathLike[str] | Checkpoint) -> None:
        """Make ready to evaluate this model."""
        if isinstance(model, Checkpoint):
            potential = copy.deepcopy(model.potential).to(self._device, self._dtype).eval()
            checkpoint = replace(model, potential=potential)
        else:
            checkpoint = load_checkpoint(model, device=self._device, dtype=self._dtype)
            potential = checkpoint.potential
        missing = {"stress"} if not potential.predicts_stress else set()
        knowledge = checkpoint.knowledge
        if knowledge is None:
            missing |= UNCERTAINTIES
        elif not (potential.config.conservative and knowledge.tells_forces):
            missing |= {"forces_std"}
        self.implemented_properties = [name for name in PROPERTIES if name not in missing]
        self.evaluator = make_evaluator(potential, self._execution, self._convolutions)
        self.parameters.update(model=checkpoint.name, sha256=checkpoint.sha256)
        self._checkpoint = checkpoint

    @torch.inference_mode(False)
    def choose(self, structures: Atoms | Sequence[Atoms], *, partly: bool = False) -> None:
        """Decide for a model, where that was left open, as the first calculation would.

        Args:
            structures: what will be computed.
            partly: be content with a model that is made for the most of them, and one at least.

        Raises:
            InputError: no shipped model is made for them.
        """
        with self._lock:
            if self._checkpoint is None:
                self.choice = choose_model(structures, partly=partly)
                self._take(self.choice.name)
                tell(self.choice)

    @property
    def checkpoint(self) -> Checkpoint:
        """The model.

        Raises:
            InputError: it is still to be chosen.
        """
        if self._checkpoint is None:
            raise InputError("which model this is depends on the first structure: name a model, or choose(atoms) first")
        return self._checkpoint

    def __getstate__(self) -> dict[str, Any]:
        """Copies have a lock of their own, since locks cannot be copied."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = RLock()

    @property
    def cutoff(self) -> float:
        """Radius of the neighbourhood that an atom sees in one layer, Å."""
        return self.checkpoint.potential.cutoff

    @property
    def elements(self) -> list[str]:
        """Chemical symbols of the elements the model covers."""
        return [chemical_symbols[number] for number in self.checkpoint.potential.elements]

    @property
    def energy_kind(self) -> EnergyKind:
        """``"total"``, or ``"adsorption"`` for energies relative to clean slab and gas."""
        return self.checkpoint.potential.energy_kind

    @property
    def conservative(self) -> bool:
        """Whether forces are the gradient of the energy; those of a force head do not even sum to zero."""
        return self.checkpoint.potential.config.conservative

    @property
    def smooth(self) -> bool:
        """Whether the energy is continuous; with a cap on the number of neighbours it jumps where they change."""
        return self.checkpoint.potential.config.smooth

    @property
    def stats(self) -> Stats:
        """What was evaluated so far, how, and what took the time."""
        with self._lock:
            return Stats() if self._checkpoint is None else copy.deepcopy(self.evaluator.stats)

    def set(self, **parameters: Any) -> dict[str, Any]:
        """Refuse changes: a calculator stays what it was made as."""
        if parameters:
            raise InputError(f"EquiCalc cannot change {', '.join(parameters)} once it is made; make another EquiCalc.")
        return {}

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        """One property of ``atoms``, computed where it is not at hand; see ASE.

        From the comparison of structures to the copy of the result, no other thread comes in between.
        """
        with self._lock:
            return super().get_property(name, atoms, allow_calculation)

    def calculate_properties(self, atoms: Atoms, properties: Sequence[str]) -> Any:
        """Several properties of ``atoms``; see ASE."""
        with self._lock:
            return super().calculate_properties(atoms, properties)

    def reset(self) -> None:
        """Forget the last structure and its results."""
        with self._lock:
            super().reset()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute ``properties`` of ``atoms`` into ``results``."""
        with self._lock:
            self._calculate(atoms, properties, system_changes)

    def _calculate(self, atoms: Atoms | None, properties: Sequence[str], system_changes: Sequence[str]) -> None:
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms
        if system_changes:
            self._prediction = None
            self._habit.next_structure()
        if len(atoms) > 0:
            self.choose(atoms)
        self._refuse_uncovered(atoms)
        has_volume = atoms.cell.rank == 3
        if "stress" in properties and not has_volume:
            raise PropertyNotImplementedError(
                "A stress needs a cell with three lattice vectors, and this structure has"
                f" {atoms.cell.rank}: set a cell, or do without the stress."
            )
        wanted = {"forces", "stress"}.intersection(properties)
        self._habit.asked(derivatives=bool(wanted))
        if self._prediction is None or any(getattr(self._prediction, name) is None for name in wanted):
            # Once there are forces, the stress costs next to nothing; it is kept at hand and not put into the results.
            forces = self._habit.expects_forces
            stress = forces and has_volume and "stress" in self.implemented_properties
            self._prediction = self.evaluator.evaluate(atoms, forces=forces, stress=stress)
        self.results.update(_results(self._prediction, wanted))
        if UNCERTAINTIES.intersection(properties):
            self.results |= _deviations(self._judge(atoms, forces="forces_std" in properties))

    def batch(
        self,
        structures: Iterable[Atoms],
        properties: Sequence[str] = ("energy", "forces"),
        *,
        memory: float | None = None,
    ) -> list[BatchResult]:
        """Evaluate many structures, small ones together, which is faster than one by one.

        One that cannot be evaluated does not keep the others from it. Structures without three lattice vectors get no
        stress. The calculator's own results stay as they are.

        Args:
            structures: atoms, which are not changed.
            properties: what to compute.
            memory: bytes that tensors may take; by default 1 GB, or half of what is free on a GPU.

        Returns:
            One result for each structure, in their order.

        Raises:
            InputError: a property that the model does not predict.
        """
        structures = list(structures)
        if structures:
            self.choose(structures, partly=True)
        unknown = sorted(set(properties).difference(self.implemented_properties))
        if unknown:
            known = ", ".join(self.implemented_properties)
            raise InputError(f"This model does not predict {', '.join(unknown)}; it predicts {known}.")
        potential, wanted = self.checkpoint.potential, {"forces", "stress"}.intersection(properties)
        with_volume: list[bool] = []

        def graph(atoms: Atoms) -> AtomGraph:
            with_volume.append(atoms.cell.rank == 3)
            self._refuse_uncovered(atoms)
            return potential.graph(atoms)

        with self._lock:
            evaluator = BatchEvaluator(self.evaluator.frozen(), memory)
        graphs = ((lambda atoms=atoms: graph(atoms)) for atoms in structures)
        found = evaluator.evaluate(graphs, forces="forces" in wanted, stress="stress" in wanted)

        def complete(place: int, one: Prediction) -> dict[str, Any]:
            results = _results(one, wanted if with_volume[place] else wanted - {"stress"})
            if UNCERTAINTIES.intersection(properties):
                results |= _deviations(self.uncertainty(structures[place], forces="forces_std" in properties))
            return results

        return [
            BatchResult({}, str(one)) if isinstance(one, InputError) else BatchResult(complete(place, one))
            for place, one in enumerate(found)
        ]

    def uncertainty(self, atoms: Atoms, *, forces: bool = False) -> Uncertainty:
        """How sure the model is of a structure, and whether it lies outside what the model knows.

        It takes one more pass for the energy. The calculator's results stay as they are.

        Args:
            atoms: the structure.
            forces: tell the standard deviations of its forces too, which takes as long as computing them some 15 times.

        Raises:
            InputError: the model was not calibrated, or not for forces, or does not cover the structure.
        """
        with self._lock:
            if len(atoms) > 0:
                self.choose(atoms)
            self._refuse_uncovered(atoms)
            return self._judge(atoms, forces=forces)

    def _judge(self, atoms: Atoms, *, forces: bool) -> Uncertainty:
        knowledge, name = self.checkpoint.knowledge, self.checkpoint.name
        if knowledge is None:
            raise InputError(f"The model {name} does not tell how sure it is: calibrate it with `equical calibrate`.")
        if forces and "forces_std" not in self.implemented_properties:
            raise InputError(
                f"The model {name} does not tell how sure it is of forces: that takes a conservative model, calibrated "
                "with forces."
            )
        with plain_mode(self._device):
            return knowledge.judge(self.evaluator.frozen(), atoms, forces=forces)

    def _refuse_uncovered(self, atoms: Atoms) -> None:
        if len(atoms) == 0:
            raise InputError("The structure has no atoms: there is nothing to calculate.")
        uncovered = sorted(set(atoms.numbers.tolist()).difference(self.checkpoint.potential.elements))
        if uncovered:
            missing = ", ".join(chemical_symbols[number] for number in uncovered)
            name, covered = self.checkpoint.name, ", ".join(self.elements)
            said = f"The model {name} does not cover {missing}; it covers {covered}."
            if self.choice is not None:
                raise InputError(f"{said} It was chosen for an earlier structure; make another EquiCalc for this one.")
            others = ", ".join(model.name for model in models_for(atoms))
            if others:
                raise InputError(f"{said} Shipped models that are made for this structure: {others}.")
            raise InputError(f"{said} No shipped model is made for this structure: {WAYS_ON}.")


def _results(prediction: Prediction, wanted: set[str]) -> dict[str, Any]:
    """ASE's results of one structure: energies always, forces and stress where wanted."""
    energy = float(prediction.energy[0])
    results = {"energy": energy, "free_energy": energy, "energies": _array(prediction.atom_energies)}
    if "forces" in wanted:
        assert prediction.forces is not None
        results["forces"] = _array(prediction.forces)
    if "stress" in wanted:
        assert prediction.stress is not None
        results["stress"] = full_3x3_to_voigt_6_stress(_array(prediction.stress[0]))
    return results


def _deviations(found: Uncertainty) -> dict[str, Any]:
    """ASE's results of how sure the model is; forces where they were asked for."""
    forces = {} if found.forces_std is None else {"forces_std": found.forces_std}
    return {"energy_std": found.energy_std} | forces


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().to(torch.float64).numpy()
