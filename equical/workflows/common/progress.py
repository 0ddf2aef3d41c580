"""How a long run shows that it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

__all__ = ["progress_bar"]

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item] | None, label: str, unit: str, *, show: bool, **options: Any) -> Any:
    """A bar on standard error, where that is a terminal and the user wants one.

    Args:
        items: what is gone through; None where the bar is moved by hand.
        label: what is being done.
        unit: of what is counted, such as ``"steps"``.
        show: whether the user wants to see it.
        **options: as for :class:`tqdm.tqdm`.

    Returns:
        A ``tqdm`` over ``items``, which is silent where nothing is to be shown.
    """
    from tqdm import tqdm  # slow to import

    return tqdm(items, desc=label, unit=f" {unit}", disable=None if show else True, **options)
