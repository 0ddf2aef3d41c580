"""Which groups of frames are held out for validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from equical.errors import InputError
from equical.training.data.labels import Frame

__all__ = ["split_frames"]


def split_frames(frames: Sequence[Frame], fraction: float, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Hold out about ``fraction`` of each data set's frames, whole groups at a time.

    Groups are drawn at random (by ``seed`` and name, so the choice does not depend on the other data sets) until the
    share is reached; a group that would overshoot it by more than it helps is passed over.

    Returns:
        training frames and validation frames, each in file order.

    Raises:
        InputError: a data set consists of a single group and so cannot be split.
    """
    if fraction == 0:
        return list(frames), []
    held: set[str] = set()
    by_dataset: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for frame in frames:
        by_dataset[frame.dataset][frame.group] += 1
    for dataset, sizes in by_dataset.items():
        if len(sizes) < 2:
            raise InputError(
                f"data set {dataset} is one group of {sum(sizes.values())} frame(s) and cannot be split; give "
                "validation data of its own, another group_key, a smaller block, or fraction: 0"
            )
        held |= _draw(sizes, fraction, np.random.default_rng([seed, *dataset.encode()]))
    kept = [frame for frame in frames if frame.group not in held]
    return kept, [frame for frame in frames if frame.group in held]


def _draw(sizes: dict[str, int], fraction: float, rng: np.random.Generator) -> set[str]:
    target = fraction * sum(sizes.values())
    names = sorted(sizes)
    chosen: set[str] = set()
    count = 0
    for index in rng.permutation(len(names)):
        size = sizes[names[index]]
        if len(chosen) < len(names) - 1 and abs(count + size - target) < abs(count - target):
            chosen.add(names[index])
            count += size
    if not chosen:
        chosen.add(min(names, key=lambda name: sizes[name]))
    return chosen
