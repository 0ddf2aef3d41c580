"""Calculations whose electrons did not converge, as far as files tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from equical.structures.formats import content, find_format
from equical.training.audit.finding import DataFinding
from equical.training.config import DataConfig
from equical.training.data.labels import find_label

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["check_convergence"]

ADVICE = "Leave them out, or converge them: energy and forces may be far off"

PHRASES = {
    "espresso-out": r"convergence NOT achieved",
    "gpaw-out": r"Did not converge|Not converged",
    "orca-output": r"SCF NOT CONVERGED|Wavefunction not fully converged",
    "aims-output": r"Self-consistency cycle not converged",
    "gaussian-out": r"Convergence failure",
    "nwchem-out": r"[Cc]alculation failed to converge",
    "castep-castep": r"max\. SCF cycles performed but system has not reached",
}
"""What programs write when they give up, by ASE's name of their format."""


def check_convergence(images: Mapping[str, Atoms], config: DataConfig) -> list[DataFinding]:
    """Frames of calculations that stopped before they were converged, and files that nobody has looked at for this.

    Args:
        images: structures by origin, with all that the files say.
        config: of the data set.
    """
    open_ended = [origin for origin, atoms in images.items() if _says_not(atoms)]
    unknown = []
    for path in config.paths:
        kind = find_format(path, config.format)
        if kind in READERS:
            open_ended += [f"{path}, frame {index}" for index in READERS[kind](_text(path))]
        elif kind in PHRASES and re.search(PHRASES[kind], _text(path)):
            message = f"{path.name} says that a calculation in it has not converged"
            return [DataFinding("warning", "convergence", message, ADVICE)]
        elif kind.endswith(("-out", "-output")) and kind not in PHRASES:
            unknown.append(path.name)
    findings = []
    if open_ended:
        message = f"in {len(open_ended)} of {len(images)} frames the electrons have not converged"
        findings.append(DataFinding("warning", "convergence", message, ADVICE, tuple(open_ended)))
    if unknown:
        message = f"whether the calculations in {', '.join(unknown)} have converged is not looked at"
        findings.append(DataFinding("note", "convergence", message, "Make sure of it"))
    return findings


def _says_not(atoms: Atoms) -> bool:
    """Whether a structure has a mark of the kind ``converged=False``."""
    marks = [key for key in atoms.info if re.fullmatch(r"(is_|scf_|elec\w*_)?converged", str(key), re.IGNORECASE)]
    return any(str(find_label(atoms, key)).lower() in ("false", "f", "0", "no") for key in marks)


def _text(path: Path) -> str:
    return content(path).decode("utf-8", "replace")


def _of_outcar(text: str) -> list[int]:
    """Ionic steps of an OUTCAR whose electronic loop did not reach EDIFF."""
    steps = text.split("FREE ENERGIE OF THE ION-ELECTRON SYSTEM")[:-1]
    return [index for index, step in enumerate(steps) if "EDIFF is reached" not in step]


def _of_vasprun(text: str) -> list[int]:
    """Ionic steps of a vasprun.xml that took as many electronic steps as were allowed."""
    allowed = re.search(r'name="NELM">\s*(\d+)', text)
    if allowed is None:
        return []
    steps = text.split("<calculation>")[1:]
    return [index for index, step in enumerate(steps) if step.count("<scstep>") >= int(allowed[1])]


READERS: dict[str, Callable[[str], list[int]]] = {"vasp-out": _of_outcar, "vasp-xml": _of_vasprun}
"""How to find the frames that have not converged."""
