"""All checks on one data set, and on the two sides of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from equical.errors import InputError
from equical.training.audit.boundaries import check_boundaries
from equical.training.audit.convergence import check_convergence
from equical.training.audit.copies import check_duplicates, copies_among, equivalents_among
from equical.training.audit.energies import check_compositions, check_energies
from equical.training.audit.finding import DataFinding, origins
from equical.training.audit.forces import check_forces, check_stress
from equical.training.audit.labels import check_other_labels
from equical.training.audit.misplaced import check_misplaced
from equical.training.audit.structures import check_disorder, check_distances, check_trajectories, mean_move
from equical.training.audit.work import check_work
from equical.training.config import DataConfig
from equical.training.data.dataset import group_keys, label_frames, read_images
from equical.training.data.labels import Frame

__all__ = ["audit_data", "audit_split"]

TOLD_APART = 0.1
"""Å, root mean square; a validation frame closer than this to a training frame tests little."""

MANY_COPIES = 0.05
"""Share of the validation frames from which on copies spoil it; the last steps of relaxations hardly differ."""

SAMPLED = 100
"""Validation frames of which this is asked."""


def audit_data(config: DataConfig) -> tuple[list[Frame], list[DataFinding]]:
    """Read a data set and ask everything of it.

    Returns:
        The frames that could be read, and findings, worst first.

    Raises:
        InputError: a file is missing or unreadable.
    """
    problems: list[InputError] = []
    images = read_images(config)
    frames = label_frames(images, config, problems)
    findings = _unreadable(problems, len(frames))
    findings += check_boundaries(images, config.stress_key)
    findings += check_disorder(images)
    findings += check_convergence(images, config)
    if frames:
        work = check_work(frames)
        findings += check_energies(frames)
        findings += check_forces(frames)
        findings += work.findings or check_misplaced(frames)
        findings += check_stress(frames, judged=work.stress)
        findings += check_other_labels(images, frames, config)
        findings += check_distances(frames)
        findings += check_duplicates(frames)
        findings += check_trajectories(frames, config.group_key is not None, group_keys(images.values()))
        findings += check_compositions(frames)
    order = ("error", "warning", "note")
    return frames, sorted(findings, key=lambda finding: order.index(finding.severity))


def audit_split(train: Sequence[Frame], valid: Sequence[Frame]) -> list[DataFinding]:
    """Frames of the validation data that training has as good as seen."""
    if not valid:
        advice = "The best model is chosen on the training data: hold something out"
        return [DataFinding("warning", "split", "there are no validation data", advice)]
    both = [*train, *valid]
    copies = _across(copies_among(both), train, valid)
    findings = []
    if copies:
        message = f"{len(copies)} of {len(valid)} validation frames are also training frames"
        advice = "Remove the copies; order, lattice vectors, shift and rotation make no new frame of one"
        many = len(copies) > MANY_COPIES * len(valid)
        findings.append(DataFinding("error" if many else "warning", "split", message, advice, origins(copies)))
        if many:
            return findings
    looked_at = valid[:: max(1, len(valid) // SAMPLED)]
    images = {frame.origin for frame in _across(equivalents_among(both), train, valid)}
    near = [frame for frame in looked_at if frame.origin in images or _is_near(frame, train)]
    if len(near) <= 0.2 * len(looked_at):
        return findings
    message = (
        f"{len(near)} of {len(looked_at)} validation frames lie within {TOLD_APART} Å of a training frame, or are "
        "images of one by symmetry"
    )
    advice = "Validation errors will look too good: split by trajectory (group_key), or in longer runs (block)"
    return [*findings, DataFinding("warning", "split", message, advice, origins(near))]


def _across(groups: Sequence[Sequence[int]], train: Sequence[Frame], valid: Sequence[Frame]) -> list[Frame]:
    """Validation frames that are in a group with a training frame; both are numbered through, training first."""
    mixed = [group for group in groups if group[0] < len(train) <= group[-1]]
    return [valid[i - len(train)] for group in mixed for i in group if i >= len(train)]


def _is_near(frame: Frame, train: Sequence[Frame]) -> bool:
    """Whether a frame is a step away from one of the training frames."""
    moves = (mean_move(frame, other) for other in train)
    return any(move is not None and move < TOLD_APART for move in moves)


def _unreadable(problems: Sequence[InputError], good: int) -> list[DataFinding]:
    """Errors of single frames, those that read the same counted together."""
    texts = [str(problem).partition(": ") for problem in problems]
    counts = Counter(text[2] for text in texts)
    findings = []
    for text, count in counts.items():
        where = tuple(head for head, _, tail in texts if tail == text)
        message = f"{count} of {good + len(problems)} frames cannot be used: {text}"
        findings.append(DataFinding("error", "labels", message, "Training stops at the first of them", where))
    return findings
