"""How fast a model is on this machine: time and memory of a step against the number of atoms."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.data import atomic_numbers, reference_states
from tqdm import tqdm

from equical.calculator import EquiCalc
from equical.errors import InputError
from equical.files import write_json
from equical.inference.executions import EXECUTIONS
from equical.inference.memory import PeakMemory
from equical.workflows.common.inputs import check_structure
from equical.workflows.common.output import open_output
from equical.workflows.common.provenance import provenance

if TYPE_CHECKING:
    from equical.inference.stats import Stats

__all__ = ["STAGES", "BenchResult", "BenchRow", "bench", "processor_name"]

SIZES = (32, 108, 256, 500)
TEMPERATURE = 300.0
"""K, of the velocities with which atoms move between steps: neighbour lists last as long as in a simulation."""

WARM_UP = 3
"""Steps that are not counted: first captures, and what libraries do once."""

STAGES = ("neighbors", "inputs", "network", "other")
"""Finding neighbours; copying to the device; the network and its derivative; everything else, ASE included."""

UNITS = {
    "step_time": "s", "atom_time": "s per atom", "atoms_per_second": "1/s", "ns_per_day": "ns/day",
    "peak_memory": "bytes", "shares": "1", "timestep": "fs", "wall_time_s": "s",
}  # fmt: skip


@dataclass(frozen=True)
class BenchRow:
    """One size and one execution; a step is energy, forces and, where the model predicts it, stress.

    Attributes:
        execution: see :data:`equical.inference.executions.EXECUTIONS`.
        num_atoms: of the structure.
        num_edges: pairs within the cutoff, in both directions.
        step_time: s, the median over all steps.
        step_times: s, of each step.
        atom_time: s, the median divided by the number of atoms.
        atoms_per_second: its inverse.
        ns_per_day: simulated time at the time step given.
        peak_memory: bytes of tensors during a step; None where the execution cannot tell.
        shares: fraction of the time in each of ``STAGES``, adding up to one.
        list_rebuilds: neighbour lists made during the counted steps.
        fill: how full static buffers were with edges; None without buffers.
        gave_up: whether the execution did not work, so that the times are those of eager execution.
    """

    execution: str
    num_atoms: int
    num_edges: int
    step_time: float
    step_times: tuple[float, ...]
    atom_time: float
    atoms_per_second: float
    ns_per_day: float
    peak_memory: int | None
    shares: dict[str, float]
    list_rebuilds: int
    fill: float | None
    gave_up: bool


@dataclass(frozen=True)
class BenchResult:
    """Cost of a model on a machine.

    Attributes:
        rows: by size, then by execution.
        formula: what the structures are made of.
        timestep: fs, which ``ns_per_day`` refers to.
        device: name of the GPU, or of the processor.
        threads: that torch computes with; 0 on a GPU.
        converged: every execution that was asked for did work.
    """

    rows: tuple[BenchRow, ...]
    formula: str
    timestep: float
    device: str
    threads: int
    converged: bool


def bench(  # noqa: PLR0913
    model: str | Path = "metals-pbe",
    structure: Atoms | None = None,
    *,
    device: str = "auto",
    dtype: str = "float32",
    sizes: Sequence[int] = SIZES,
    executions: Sequence[str] = ("auto",),
    timestep: float = 1.0,
    steps: int = 10,
    output: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = True,
) -> BenchResult:
    """Measure the cost of steps as molecular dynamics takes them, for several sizes and executions.

    Executions take turns step by step, so that a machine that is busy at times is unfair to none of them. Close other
    programs nevertheless.

    Args:
        model: name of a shipped model, or its folder.
        structure: repeated to each of the sizes; by default the crystal of an element the model covers.
        device: as for :class:`~equical.calculator.EquiCalc`.
        dtype: as for :class:`~equical.calculator.EquiCalc`.
        sizes: numbers of atoms; the structure is repeated along its shortest direction until it has that many.
        executions: names of executions.
        timestep: fs.
        steps: counted for each size and execution.
        output: folder for ``result.json`` and ``bench.png``.
        overwrite: accept a folder with earlier results.
        quiet: show no progress.

    Raises:
        InputError: settings out of range, or no structure that fits the model.
    """
    start = time.perf_counter()
    _check_settings(sizes, executions, timestep, steps)
    first = EquiCalc(model, device=device, dtype=dtype, execution=executions[0])
    unit = _default_structure(first) if structure is None else structure
    check_structure(unit)
    folder = None
    if output is not None:
        folder = open_output(output, "bench", first.checkpoint.name, ["bench.png"], overwrite=overwrite)
    cells = {len(cell): cell for cell in (_supercell(unit, size) for size in sorted(sizes))}
    rows: list[BenchRow] = []
    for atoms in tqdm(cells.values(), desc="sizes", unit="size", disable=quiet or None):
        calculators = {name: EquiCalc(first.checkpoint, device, dtype, name) for name in executions}
        rows += _measure(atoms, calculators, timestep, steps)
    result = BenchResult(
        rows=tuple(rows),
        formula=unit.get_chemical_formula(empirical=True),
        timestep=timestep,
        device=_device_name(first),
        threads=0 if first.parameters["device"].startswith("cuda") else torch.get_num_threads(),
        converged=not any(row.gave_up for row in rows),
    )
    if folder is not None:
        from equical.workflows.bench.plots import plot_bench

        plot_bench(result, folder / "bench.png")
        tail = {"wall_time_s": time.perf_counter() - start, "units": UNITS}
        write_json(folder / "result.json", asdict(result) | provenance(first) | tail)
    return result


def _check_settings(sizes: Sequence[int], executions: Sequence[str], timestep: float, steps: int) -> None:
    if not sizes or min(sizes) < 1:
        raise InputError("Give numbers of atoms of at least 1, such as 32, 108, 256.")
    unknown = [name for name in executions if name not in EXECUTIONS]
    if unknown or not executions:
        raise InputError(f"Executions are {', '.join(EXECUTIONS)}, and not {', '.join(unknown) or 'none'}.")
    if not timestep > 0:
        raise InputError(f"The time step must be positive, not {timestep:g} fs.")
    if steps < 1:
        raise InputError("At least one step must be measured.")


def _default_structure(calculator: EquiCalc) -> Atoms:
    """The crystal of copper or, for a model without it, of another element."""
    simple = ("fcc", "bcc", "diamond")
    for symbol in sorted(calculator.elements, key=lambda symbol: (symbol != "Cu", atomic_numbers[symbol])):
        state = reference_states[atomic_numbers[symbol]]
        if state is not None and state["symmetry"] in simple:
            return bulk(symbol, cubic=True)
    raise InputError("The model covers no element that ASE knows a cubic crystal of; give a structure.")


def _supercell(unit: Atoms, size: int) -> Atoms:
    """Repeated along its shortest periodic direction, again and again, until it has ``size`` atoms or more."""
    repeats = np.ones(3, dtype=int)
    periodic = np.flatnonzero(unit.pbc)
    if len(unit) < size and not len(periodic):
        raise InputError(f"A structure of {len(unit)} atoms without periodicity cannot be repeated to {size} atoms.")
    while len(unit) * repeats.prod() < size:
        lengths = repeats * unit.cell.lengths()
        repeats[periodic[lengths[periodic].argmin()]] += 1
    atoms = unit.repeat(tuple(repeats))
    atoms.calc = None
    return atoms


def _measure(atoms: Atoms, calculators: dict[str, EquiCalc], timestep: float, steps: int) -> list[BenchRow]:
    """Let atoms fly at the speeds of ``TEMPERATURE``, and evaluate every step with every calculator."""
    rng = np.random.default_rng(0)
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    speed = np.sqrt(units.kB * TEMPERATURE / atoms.get_masses())[:, None]
    flight = rng.normal(0, 1, atoms.positions.shape) * speed * timestep * units.fs
    times: dict[str, list[float]] = {name: [] for name in calculators}
    before: dict[str, Stats] = {}
    for step in range(WARM_UP + steps):
        atoms.positions += flight
        for name, calculator in calculators.items():
            if step == WARM_UP:
                before[name] = calculator.stats
            seconds = _timed(calculator, atoms)
            if step >= WARM_UP:
                times[name].append(seconds)
    return [_row(name, atoms, calculators[name], times[name], before[name], timestep) for name in calculators]


def _timed(calculator: EquiCalc, atoms: Atoms) -> float:
    wanted = ["energy", "forces"]
    if "stress" in calculator.implemented_properties and atoms.cell.rank == 3:
        wanted.append("stress")
    start = time.perf_counter()
    calculator.calculate(atoms, wanted)
    return time.perf_counter() - start


def _row(
    execution: str, atoms: Atoms, calculator: EquiCalc, times: list[float], before: Stats, timestep: float
) -> BenchRow:
    after, total, median = calculator.stats, sum(times), float(np.median(times))
    spent = {stage: after.seconds.get(stage, 0.0) - before.seconds.get(stage, 0.0) for stage in STAGES[:-1]}
    shares = {stage: seconds / total for stage, seconds in spent.items()}
    return BenchRow(
        execution=execution,
        num_atoms=len(atoms),
        num_edges=calculator.checkpoint.potential.graph(atoms).num_edges,
        step_time=median,
        step_times=tuple(times),
        atom_time=median / len(atoms),
        atoms_per_second=len(atoms) / median,
        ns_per_day=timestep * 1e-6 * 86400 / median,
        peak_memory=_peak_memory(calculator, atoms, execution),
        shares=shares | {"other": 1 - sum(shares.values())},
        list_rebuilds=after.list_rebuilds - before.list_rebuilds,
        fill=after.edge_fill if after.replays else None,
        gave_up=after.fallbacks > 0,
    )


def _peak_memory(calculator: EquiCalc, atoms: Atoms, execution: str) -> int | None:
    """Bytes of tensors in one more step."""
    device = calculator.evaluator.potential.reference_energies.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        _timed(calculator, atoms)
        return int(torch.cuda.max_memory_allocated(device))
    if execution == "compile":  # a compiled function does not tell what it allocates
        return None
    with PeakMemory() as used:
        _timed(calculator, atoms)
    return used.peak


def _device_name(calculator: EquiCalc) -> str:
    device = calculator.evaluator.potential.reference_energies.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()


def processor_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux
        return platform.processor() or platform.machine()
