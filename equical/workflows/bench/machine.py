"""What it is that a benchmark is run on."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

__all__ = ["device_name", "processor_name"]


def device_name(device: torch.device) -> str:
    """What the GPU or the processor calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()


def processor_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux
        return platform.processor() or platform.machine()
