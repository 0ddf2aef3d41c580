"""What is wrong with labelled structures, before they are trained on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from equical.catalogue import named_model
from equical.errors import InputError
from equical.files import write_json
from equical.training.audit import audit_data, audit_split
from equical.training.audit.model import audit_with_model
from equical.training.config import DataSource, resolve_data
from equical.training.data.elements import symbols
from equical.training.data.labels import Frame
from equical.training.result import DataCheck

__all__ = ["check_data", "summary"]


def check_data(
    data: DataSource,
    *,
    valid: DataSource | None = None,
    model: str | PathLike[str] | None = None,
    output: str | PathLike[str] | None = None,
) -> DataCheck:
    """Look for what makes training go wrong: units, signs, missing labels, outliers, copies, correlated frames.

    Args:
        data: files with labelled structures, or a :class:`.DataConfig` (or the same as a dictionary) that also says
            where the labels stand.
        valid: validation data, to be compared with them.
        model: name or folder of a model, as a witness of units and signs for frames of elements that it covers;
            ``"auto"`` is the shipped one that is made for the most of them.
        output: file for the findings, as JSON; those of an earlier check are replaced.

    Returns:
        What was found.

    Raises:
        InputError: a file is missing or unreadable, or ``output`` is a file of something else.
    """
    began = time.perf_counter()
    if output is not None:
        _check_replaceable(Path(output))
    frames, findings = audit_data(resolve_data(data))
    if valid is not None:
        held_out, more = audit_data(resolve_data(valid))
        findings += more + audit_split(frames, held_out)
    if model is not None and frames:
        witness = named_model(model, [frame.atoms for frame in frames], partly=True)
        findings += audit_with_model(frames, witness)
    result = DataCheck(
        structures=len(frames),
        summary=summary(frames),
        findings=tuple(findings),
        converged=all(finding.severity != "error" for finding in findings),
        warnings=tuple(finding.line() for finding in findings if finding.severity != "note"),
        wall_time=time.perf_counter() - began,
        output=None if output is None else Path(output),
    )
    if result.output is not None:
        write_json(result.output, result.to_json())
    return result


def _check_replaceable(path: Path) -> None:
    """Refuse to write over anything but the findings of an earlier check.

    Raises:
        InputError: there is such a file, and it holds something else.
    """
    if not path.exists():
        return
    try:
        known = "findings" in json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        known = False
    if not known:
        raise InputError(f"{path} exists and holds no findings of an earlier check; choose another name")


def summary(frames: Sequence[Frame]) -> str:
    """What is there, in one line."""
    if not frames:
        return "no usable frame"
    sizes = [len(frame.atoms) for frame in frames]
    elements = symbols({int(z) for frame in frames for z in frame.atoms.numbers})
    forces, stresses = (sum(getattr(f, name) is not None for f in frames) for name in ("forces", "stress"))
    groups = len({frame.group for frame in frames})
    return (
        f"{len(frames)} frames of {min(sizes)}–{max(sizes)} atoms in {groups} groups; {elements}; "
        f"energies in all, forces in {forces}, stress in {stresses}"
    )
