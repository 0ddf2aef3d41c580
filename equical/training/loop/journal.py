"""What a run says as it goes: means over the last steps, tables, TensorBoard, lines and the bar on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equical.errors import InputError
from equical.training.loop.progress import Progress
from equical.training.report.tables import CsvTable
from equical.training.report.tensorboard import TensorBoard

__all__ = ["Journal", "Window", "validation_line"]


class Window:
    """Running means over the steps since the last report; nothing is read from the device before it is asked for.

    Args:
        size: number of quantities.
        device: where they come from.
    """

    def __init__(self, size: int, device: torch.device):
        self.sums = torch.zeros(size, dtype=torch.float64, device=device)
        self.counts = torch.zeros(size, dtype=torch.float64, device=device)
        self.atoms = 0
        self.seconds = 0.0

    def add(self, values: Tensor, present: Tensor, atoms: int) -> None:
        """Take in one step."""
        self.sums += values * present
        self.counts += present
        self.atoms += atoms

    def means(self) -> list[float]:
        """Mean of each quantity over the steps that had it; zero where none had."""
        return (self.sums / self.counts.clamp(min=1.0)).tolist()

    def check(self, progress: Progress, state_file: Path) -> None:
        """Stop a run that has gone astray, before its state is saved.

        Raises:
            InputError: a mean is not a finite number.
        """
        if not all(isfinite(mean) for mean in self.means()):
            raise InputError(
                f"the loss is no longer a number at step {progress.step}; lower the learning rate or look for outliers "
                f"with `equical data check`. The state before is in {state_file}"
            )

    def clear(self) -> None:
        """Begin anew."""
        self.sums.zero_()
        self.counts.zero_()
        self.atoms, self.seconds = 0, 0.0

    def state(self) -> dict[str, Any]:
        """For the saved state."""
        return dict(vars(self))

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue a saved one."""
        self.sums.copy_(state["sums"])
        self.counts.copy_(state["counts"])
        self.atoms, self.seconds = state["atoms"], state["seconds"]


class Journal:
    """Tables and messages of a run; one that is not ``active`` does nothing.

    Args:
        folder: for ``training.csv``, ``validation.csv`` and, if wanted, ``tensorboard/``.
        until: step up to which earlier rows are kept; None for a new run.
        report: receives lines for the user.
        bar: receives the share of the run that is done and a short status.
        tensorboard: also write event files.
        active: whether this process speaks.
    """

    def __init__(
        self,
        folder: Path,
        until: int | None,
        report: Callable[[str], None],
        bar: Callable[[float, str], None],
        *,
        tensorboard: bool,
        active: bool,
    ):
        self.report, self.bar, self.active = report, bar, active
        self.board = None
        if active:
            self.board = TensorBoard(folder / "tensorboard") if tensorboard else None
            self.training = CsvTable(folder / "training.csv", until)
            self.validation = CsvTable(folder / "validation.csv", until)

    def say(self, line: str) -> None:
        """A line for the user."""
        if self.active:
            self.report(line)

    def add_training(self, row: Mapping[str, float], share: float) -> None:
        """Means over the last steps."""
        if self.active:
            self.training.add(row)
            self.bar(share, f"step {row['step']:.0f} loss {row['loss']:.4g}")
            if self.board is not None:
                self.board.add("training", row)

    def add_validation(self, row: Mapping[str, float]) -> None:
        """Errors of the averaged weights."""
        if self.active:
            self.validation.add(row)
            if self.board is not None:
                self.board.add("validation", row)

    def close(self) -> None:
        """Close what is open."""
        if self.board is not None:
            self.board.close()


def validation_line(progress: Progress, loss: float, errors: Mapping[str, float]) -> str:
    """Where a run is and how good its model is, in one line; a star marks the best so far."""
    shown = {
        "energy_rmse_meV_per_atom": "E RMSE {:.2f} meV/atom",
        "forces_mae_meV_per_A": "F MAE {:.2f} meV/Å",
        "stress_mae_meV_per_A3": "stress MAE {:.3f} meV/Å³",
    }
    parts = [text.format(errors[key]) for key, text in shown.items() if key in errors]
    best = " *" if progress.best_step == progress.step else ""
    where = f"{progress.seconds / 60:7.1f} min  epoch {progress.epoch:4d}  step {progress.step:6d}"
    return f"{where}  validation loss {loss:.4g}: {', '.join(parts)}{best}"
