"""Event files for TensorBoard, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from equical.errors import InputError

__all__ = ["TensorBoard", "require_tensorboard"]


def require_tensorboard() -> None:
    """Make sure that event files can be written.

    Raises:
        InputError: the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise InputError("output.tensorboard needs the tensorboard package: pip install equical[train]")


class TensorBoard:
    """The numbers of the tables once more, for :func:`require_tensorboard`'s package."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def add(self, prefix: str, row: Mapping[str, float]) -> None:
        """Write every number of a row at its step."""
        for key, value in row.items():
            if key != "step":
                self.writer.add_scalar(f"{prefix}/{key}", value, int(row["step"]))

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()
