"""Calculators of other packages, by a name on the command line."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["calculator_maker", "named_calculator"]


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
        with _modules_here():
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
    return lambda: _made(factory, name)


def named_calculator(name: str) -> BaseCalculator:
    """The calculator itself; a function that other processes can be sent, with the name, to make their own.

    Raises:
        InputError: as :func:`calculator_maker`, or the factory fails.
    """
    return calculator_maker(name)()


@contextmanager
def _modules_here() -> Iterator[None]:
    """Let modules of the working directory be found, which an installed command does not look into."""
    before = list(sys.path)
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path[:] = before


def _made(factory: Callable[[], object], name: str) -> BaseCalculator:
    from ase.calculators.calculator import BaseCalculator

    try:
        with _modules_here():
            made = factory()
    except Exception as error:  # whatever somebody else's code may raise
        raise InputError(f"{name} cannot make its calculator: {type(error).__name__}: {error}") from error
    if not isinstance(made, BaseCalculator):
        raise InputError(f"{name} made a {type(made).__name__}, which is no ASE calculator")
    return made


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
