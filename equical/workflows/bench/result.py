"""What steps cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from equical.workflows.bench.settings import BenchSettings
from equical.workflows.common.result import Result

__all__ = ["STAGES", "BenchResult", "BenchRow", "BenchSkip"]

STAGES = ("neighbors", "inputs", "network", "other")
"""Finding neighbours; copying to the device; the network and its derivative; everything else, ASE included."""


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
        peak_memory: bytes of tensors during a step; None where the execution cannot tell, or time was up.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_times", tuple(self.step_times))


@dataclass(frozen=True)
class BenchSkip:
    """One size and one execution that there was no time for.

    Attributes:
        execution: its name.
        num_atoms: of the structure.
        reason: in a few words.
    """

    execution: str
    num_atoms: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class BenchResult(Result):
    """Cost of a model on a machine.

    Attributes:
        rows: by size, then by execution.
        skipped: what was not measured.
        formula: what the structures are made of.
        device: name of the GPU, or of the processor.
        threads: that torch computes with; 0 on a GPU.
        settings: what was asked for.
        converged: every execution that was asked for did work, in time.
        warnings, wall_time, output: see :class:`.Result`.
    """

    rows: tuple[BenchRow, ...]
    skipped: tuple[BenchSkip, ...]
    formula: str
    device: str
    threads: int
    settings: BenchSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "step_time": "s",
        "step_times": "s",
        "atom_time": "s per atom",
        "atoms_per_second": "1/s",
        "ns_per_day": "ns/day",
        "peak_memory": "bytes",
        "shares": "1",
        "fill": "1",
        "timestep": "fs",
        "time_limit": "s",
    }

    @property
    def timestep(self) -> float:
        """fs, which ``ns_per_day`` refers to."""
        return self.settings.timestep

    @property
    def machine(self) -> str:
        """What it was measured on, in a few words."""
        return self.device + (f", {self.threads} thread{'s' * (self.threads > 1)}" if self.threads else "")

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "formula": self.formula,
            "timestep": self.timestep,
            "device": self.device,
            "threads": self.threads,
            "settings": self.settings.to_json(),
        }
