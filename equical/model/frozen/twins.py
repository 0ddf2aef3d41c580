"""Other classes for the same bricks: how a brick takes over from its plain twin."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

__all__ = ["Twins", "replace_bricks", "take_over"]

Twins = Mapping[type[nn.Module], Callable[[Any], nn.Module]]
"""For the class of a plain brick, what makes its twin from it."""


def replace_bricks(module: nn.Module, twins: Twins) -> None:
    """Put twins in the places of the bricks inside ``module``, from the inside out."""
    for name, brick in list(module.named_children()):
        replace_bricks(brick, twins)
        if type(brick) in twins:
            setattr(module, name, twins[type(brick)](brick))


def take_over(twin: nn.Module, plain: nn.Module) -> None:
    """Give a twin, instead of parts of its own, those of the plain brick, which is of no use afterwards."""
    nn.Module.__init__(twin)
    vars(twin).update(vars(plain))
