"""Checks of forces and stresses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from equical.training.audit.finding import DataFinding, origins
from equical.training.data.labels import Frame

__all__ = ["check_forces", "check_stress"]

LARGE = 20.0
"""eV/Å; beyond this a force is suspicious in any data set."""

NET_FORCE = 0.1
"""eV/Å; a larger sum of forces on a structure without fixed atoms means that something acts from outside."""

LARGE_STRESS = 1.0
"""eV/Å³; no data set is under such a stress."""

GPA = 160.21766
"""GPa in 1 eV/Å³."""


def check_forces(frames: Sequence[Frame]) -> list[DataFinding]:
    """Missing, vanishing, very large and unbalanced forces."""
    labelled = [frame for frame in frames if frame.forces is not None]
    forces = [frame.forces for frame in frames if frame.forces is not None]
    if all(len(frame.atoms) == 1 for frame in frames):
        return []  # there are none to be had
    if not labelled:
        message = "there are no forces"
        return [DataFinding("warning", "forces", message, "Energies alone teach little; add forces if you can")]
    longest = np.array([np.linalg.norm(array, axis=1).max() for array in forces])
    findings = []
    if longest.max() == 0:
        message = "all forces are exactly zero"
        return [DataFinding("error", "forces", message, "Check forces_key, or set it to null")]
    findings += _missing(frames)
    typical = float(np.median(longest))
    limit = max(LARGE, 5 * typical)
    large = [frame for frame, force in zip(labelled, longest, strict=True) if force > limit]
    if large:
        message = (
            f"{len(large)} of {len(labelled)} frames have forces above {limit:.0f} eV/Å, up to {longest.max():.0f}; "
            f"the median of the largest force is {typical:.2f}"
        )
        advice = f"They would dominate the loss: look at them, or leave them out with max_force: {limit:.0f}"
        findings.append(DataFinding("warning", "force outliers", message, advice, origins(large)))
    findings += _net_forces(labelled)
    return findings


def check_stress(frames: Sequence[Frame], judged: bool = False) -> list[DataFinding]:
    """Stresses that are missing in part, or whose size betrays another unit.

    Args:
        frames: of the data set.
        judged: whether the work done on cells has told already what the stress is.
    """
    labelled = [frame for frame in frames if frame.stress is not None]
    if not labelled:
        return []
    findings = []
    crystals = sum(bool(frame.atoms.pbc.all()) for frame in frames)
    if len(labelled) < crystals:
        message = f"{len(labelled)} of {crystals} periodic frames have a stress"
        findings.append(DataFinding("note", "stress", message, "The others train energy and forces only"))
    typical = float(np.median([np.abs(frame.stress).max() for frame in frames if frame.stress is not None]))
    if typical > LARGE_STRESS and not judged:
        message = f"the typical stress is {typical:.3g} eV/Å³, which would be {typical * GPA:.0f} GPa"
        advice = (
            f"Convert to eV/Å³: divide by {GPA:.2f} if it is in GPa, by {10 * GPA:.1f} if in kbar, by −volume if it is "
            "a virial in eV"
        )
        findings.append(DataFinding("error", "stress unit", message, advice))
    return findings


def _missing(frames: Sequence[Frame]) -> list[DataFinding]:
    """Frames without forces where others have them; a single atom needs none."""
    lacking = [frame for frame in frames if frame.forces is None and len(frame.atoms) > 1]
    if not lacking:
        return []
    message = f"{len(lacking)} of {len(frames)} frames have no forces"
    rare = len(lacking) <= 0.5 * len(frames)
    return [
        DataFinding("note" if rare else "warning", "forces", message, "They train energies alone", origins(lacking))
    ]


def _net_forces(frames: Sequence[Frame]) -> list[DataFinding]:
    free = [f for f in frames if f.forces is not None and not f.fixed.any() and len(f.atoms) > 1]
    net = [float(np.linalg.norm(f.forces.sum(axis=0))) for f in free if f.forces is not None]
    pulled = [frame for frame, force in zip(free, net, strict=True) if force > NET_FORCE]
    if not pulled:
        return []
    message = (
        f"in {len(pulled)} of {len(free)} frames without fixed atoms the forces do not sum to zero "
        f"(up to {max(net):.2g} eV/Å)"
    )
    advice = "A conservative model cannot learn a net force: are atoms held fixed without a mark, is convergence loose?"
    return [DataFinding("warning", "net force", message, advice, origins(pulled))]
