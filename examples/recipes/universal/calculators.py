"""A model of equical, or any ASE calculator by the name of what makes it."""

import argparse
import importlib
import sys
from pathlib import Path

from ase.calculators.calculator import Calculator


def load_calculator(spec: str) -> Calculator:
    """What ``module:function`` returns, where the module lies beside these scripts, in this folder, or is installed.

    Raises:
        SystemExit: there is no such module or function.
    """
    module, _, function = spec.partition(":")
    sys.path[:0] = [str(Path(__file__).parent), str(Path.cwd())]
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        advice = "give module:function, such as ase.calculators.emt:EMT"
        raise SystemExit(f"--calculator {spec}: {error}; {advice}") from error
    finally:
        del sys.path[:2]
    return make()


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Let a command be about a model or a calculator."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="name or folder of a model")
    which.add_argument("--calculator", help="module:function that returns an ASE calculator")


def chosen(options: argparse.Namespace) -> Calculator:
    """What a command is about."""
    if options.model is None:
        return load_calculator(options.calculator)
    from equical import EquiCalc

    return EquiCalc(options.model)
