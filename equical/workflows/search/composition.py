"""Which atoms go into a cell: some formula units of a compound, or every mixture within ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from itertools import product
from math import gcd, prod

import numpy as np

from equical.errors import InputError

__all__ = ["Composition", "composition_of", "compositions", "formula_of", "reduced"]

Composition = dict[str, int]
"""Atoms of each element in a cell."""

RANGE = re.compile(r"\s*([A-Z][a-z]?)\s*=\s*(\d+)(?:\s*:\s*(\d+))?\s*")

MOST = 10_000
"""Compositions; more of them are a slip, and no search visits them all."""


def compositions(text: str, units: tuple[int, int] = (1, 1)) -> list[Composition]:
    """Every composition that a text stands for.

    Args:
        text: a formula such as ``"SiO2"``, or a range for each element such as ``"Li=0:8,Si=0:4"``.
        units: least and largest number of formula units; for ranges (1, 1).

    Raises:
        InputError: neither of the two, an element that does not exist, or no atoms.

    >>> compositions("SiO2", (1, 2))
    [{'Si': 1, 'O': 2}, {'Si': 2, 'O': 4}]
    >>> compositions("Li=0:1,Si=1:2")
    [{'Si': 1}, {'Si': 2}, {'Li': 1, 'Si': 1}, {'Li': 1, 'Si': 2}]
    """
    if "=" in text:
        if units != (1, 1):
            raise InputError("ranges such as Li=0:8,Si=0:4 count atoms: leave out the number of formula units")
        return _within(text)
    unit = _formula(text)
    least, most = units
    return [{symbol: number * count for symbol, number in unit.items()} for count in range(least, most + 1)]


def composition_of(seed: int, number: int, choices: list[Composition]) -> Composition:
    """The composition of structure ``number``: all of them in a random order, and then again in another one."""
    turn, place = divmod(number, len(choices))
    return choices[np.random.default_rng([seed, turn]).permutation(len(choices))[place]]


def reduced(composition: Mapping[str, int]) -> Composition:
    """The same proportions in the smallest whole numbers, by the alphabet.

    >>> reduced({"Si": 2, "O": 4})
    {'O': 2, 'Si': 1}
    """
    divisor = reduce(gcd, composition.values())
    return {symbol: composition[symbol] // divisor for symbol in sorted(composition)}


def formula_of(composition: Mapping[str, int]) -> str:
    """Metals first, then by the alphabet.

    >>> formula_of({"O": 2, "Ti": 1})
    'TiO2'
    """
    from ase.formula import Formula

    return str(Formula.from_dict(dict(composition)).format("metal"))


def _formula(text: str) -> Composition:
    from ase.data import atomic_numbers
    from ase.formula import Formula

    try:
        unit = {symbol: int(number) for symbol, number in Formula(text).count().items()}
    except ValueError:
        unit = {}
    if not unit or not all(atomic_numbers.get(symbol) and number > 0 for symbol, number in unit.items()):
        raise InputError(
            f"{text!r} is no chemical formula such as SiO2, nor a range for each element such as Li=0:8,Si=0:4"
        )
    return unit


def _within(text: str) -> list[Composition]:
    from ase.data import atomic_numbers

    ranges: dict[str, range] = {}
    for part in text.split(","):
        found = RANGE.fullmatch(part)
        if found is None or not atomic_numbers.get(found[1]):
            raise InputError(f"{part.strip()!r} is no range of an element such as Li=0:8")
        least, most = int(found[2]), int(found[3] or found[2])
        if found[1] in ranges:
            raise InputError(f"{found[1]} has two ranges in {text!r}")
        if most < least:
            raise InputError(f"the range {part.strip()!r} ends before it begins")
        ranges[found[1]] = range(least, most + 1)
    if prod(map(len, ranges.values())) > MOST:
        raise InputError(f"{text!r} stands for more than {MOST} compositions; choose smaller ranges")
    mixtures = [{s: n for s, n in zip(ranges, counts, strict=True) if n} for counts in product(*ranges.values())]
    if not any(mixtures):
        raise InputError(f"{text!r} leaves no atoms")
    return [mixture for mixture in mixtures if mixture]
