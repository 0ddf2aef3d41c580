"""Compile a force field ahead of time."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from equical.errors import InputError
from equical.files import atomic_path
from equical.inference.buckets import Capacity, Counts
from equical.inference.eager import plain_mode
from equical.inference.step import Candidates, StaticInputs, Step
from equical.inference.tracing import trace_functional
from equical.interfaces.package.contents import PackageContents
from equical.model.frozen import freeze_whole
from equical.neighbors.verlet import VerletList

if TYPE_CHECKING:
    from ase import Atoms

    from equical.calculator import EquiCalc

__all__ = ["export_package"]

SUFFIX = ".pt2"
"""Torch takes no other."""


def export_package(calculator: EquiCalc, atoms: Atoms, path: str | os.PathLike[str], *, room: float = 1.25) -> Path:
    """Write a force field, weights and compiled code, into one file that needs none of the model's Python.

    ::

        export_package(EquiCalc("metals-pbe"), atoms, "copper.pt2")
        atoms.calc = PackagedCalc("copper.pt2")

    The code computes energy, forces and, where the model predicts one, stress, of one structure at a time, on the kind
    of device and in the precision of the calculator. Compiling takes minutes and, on a CPU, a C++ compiler.

    Args:
        calculator: of the model.
        atoms: a structure as large as any that will be evaluated.
        path: where to write; its name ends in ``.pt2``.
        room: how many times as many atoms and pairs as ``atoms`` has the package shall hold. What is not used costs
            time at every evaluation.

    Returns:
        ``path``.

    Raises:
        InputError: the model does not cover the structure or has a cap on neighbours, whose pairs a compiled step
            cannot choose; the name ends otherwise; ``room`` is below one.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise InputError(f"the name of a package ends in {SUFFIX}, and {path.name} does not")
    if not (room >= 1 and math.isfinite(room)):
        raise InputError(f"room must be a finite number of at least 1, not {room}")
    calculator.choose(atoms)
    calculator.get_potential_energy(atoms)  # refuses what cannot be evaluated, as always
    checkpoint = calculator.checkpoint
    potential = checkpoint.potential
    if potential.config.max_neighbors is not None:
        raise InputError(f"{checkpoint.name} caps the number of neighbours: such models cannot be packaged")
    device = potential.reference_energies.device
    search = VerletList(potential.cutoff)
    geometry = atoms.positions, atoms.cell.array, atoms.pbc
    listed, wraps = search.candidates(*geometry)
    counts = (len(atoms) + 1, len(listed.receiver), len(search.neighbors(*geometry)))
    capacity = Capacity.holding(Counts(*(math.ceil(room * count) for count in counts)))
    contents = PackageContents(
        model=checkpoint.name,
        sha256=checkpoint.sha256,
        elements=tuple(potential.elements),
        cutoff=potential.cutoff,
        dtype=str(potential.dtype).removeprefix("torch."),
        device=device.type,
        stress=potential.predicts_stress,
        capacity=capacity,
    )
    with plain_mode(device), atomic_path(path) as temporary:
        step = Step(freeze_whole(potential), capacity, derivatives=True, select=True)
        inputs = StaticInputs.allocate(capacity, device)
        pairs = (torch.from_numpy(one).to(device) for one in (listed.receiver, listed.sender, listed.shift))
        inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, Candidates(*pairs))
        exported = torch.export.export(trace_functional(step, inputs), inputs.tensors())
        torch._inductor.aoti_compile_and_package(
            exported,
            package_path=str(temporary),
            inductor_configs={"aot_inductor.metadata": contents.as_metadata()},
        )
    return path
