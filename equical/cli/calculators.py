"""Calculators of other packages, by a name on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["calculator_maker"]


def calculator_maker(name: str) -> Callable[[], BaseCalculator]:
    """What makes the calculator that is called by a name.

    Args:
        name: one of ASE's names (``emt``, ``lj``), or ``module:factory`` with a class or a function that needs no
            arguments.

    Raises:
        InputError: there is no such module, or nothing of that name in it that can be called.
    """
    module_name, _, factory_name = name.partition(":")
    if not factory_name:
        return _of_ase(name)
    try:
        factory = getattr(import_module(module_name), factory_name)
    except ImportError as error:
        raise InputError(f"cannot import {module_name} for --calculator {name}: {error}") from error
    except AttributeError:
        raise InputError(f"{module_name} has no {factory_name}, which --calculator {name} asks for") from None
    if not callable(factory):
        raise InputError(f"{factory_name} of {module_name} is no class and no function without arguments")
    needed = [p.name for p in inspect.signature(factory).parameters.values() if _must_be_given(p)]
    if needed:
        raise InputError(
            f"{name} needs {', '.join(needed)}: name a function without arguments that makes the calculator"
        )
    return factory


def _of_ase(name: str) -> Callable[[], BaseCalculator]:
    from ase.calculators.calculator import get_calculator_class, names

    if name not in names:
        raise InputError(f"there is no calculator {name!r}: give one of ASE's names, such as emt, or module:factory")
    try:
        return get_calculator_class(name)
    except ImportError as error:
        raise InputError(f"the calculator {name} cannot be used here: {error}") from error


def _must_be_given(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not variadic
