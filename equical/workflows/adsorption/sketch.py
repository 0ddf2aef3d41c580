"""Small adsorbates drawn from their bonds: usual bond lengths, and angles by the number of neighbours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

__all__ = ["sketch"]

Floats = NDArray[np.float64]

ANGLES = {2: np.pi, 3: 2 * np.pi / 3, 4: np.arccos(-1 / 3)}
"""Between neighbours of an atom, by the number of its neighbours and lone pairs."""

SHORTER = {1: 0.0, 2: 0.21, 3: 0.34}
"""Å. By how much double and triple bonds are shorter than single ones (Pauling: 0.71 Å times log10 of the order)."""

X, DOWN = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])

_TOKEN = re.compile(r"(?P<order>[=#]?)(?P<star>\*?)(?P<symbol>[A-Z])(?:H(?P<hydrogens>\d?))?|(?P<branch>[()])")


@dataclass
class _Node:
    """An atom with what hangs on it; ``order`` is that of the bond to the atom it hangs on."""

    symbol: str
    order: int = 1
    starred: bool = False
    children: list[_Node] = field(default_factory=list)

    def steric_number(self, neighbours: int) -> int:
        """Neighbours and lone pairs, which carbon has none of; those of double bonds and planar atoms do not count."""
        if self.symbol == "C":
            return max(neighbours, 2)
        multiple = max([self.order, *(child.order for child in self.children)])
        return max(neighbours, {1: 4, 2: 3, 3: 2}[multiple])


def sketch(notation: str) -> tuple[Atoms, tuple[int, ...]]:
    """Draw an adsorbate above a surface.

    Args:
        notation: a chain of atoms with their hydrogens, branches in parentheses, ``=`` and ``#`` for double and triple
            bonds, such as ``"CH(=O)CH2OH"``. The first atom binds to the surface; two that bind side by side are
            starred, as in ``"*CH2*O"``.

    Returns:
        Atoms with the middle of the binding ones at the origin and the surface below, and indices of these.

    >>> atoms, binding = sketch("OH")
    >>> atoms.symbols, binding, float(atoms.positions[1, 2].round(2))
    (Symbols('OH'), (0,), 0.32)
    """
    root = _parsed(notation)
    atoms: list[tuple[str, Floats]] = []
    partner = next((child for child in root.children if child.starred), None)
    if partner is None:
        _put(atoms, root, np.zeros(3), DOWN, -X)
        binding = [0]
    else:
        half = _length(root, partner) / 2
        root.children.remove(partner)
        _put(atoms, root, -half * X, X, DOWN, on_surface=True)
        binding = [0, len(atoms)]
        _put(atoms, partner, half * X, -X, DOWN, on_surface=True)
    symbols, positions = zip(*atoms, strict=True)
    drawn = Atoms(list(symbols), np.array(positions))
    low = drawn.positions[:, 2] < 0
    if low.any():  # leans back until the chain, which goes along +x, is above the surface
        drawn.rotate(-np.degrees(np.arctan2(-drawn.positions[low, 2], drawn.positions[low, 0]).max()), "y")
    return drawn, tuple(binding)


def _put(
    atoms: list[tuple[str, Floats]], node: _Node, place: Floats, back: Floats, aside: Floats, on_surface: bool = False
) -> None:
    """Add an atom and all that hangs on it.

    Args:
        atoms: symbols and places so far.
        node: the atom.
        place: ``[3]`` Å, where it is.
        back: ``[3]`` unit vector to the neighbour it hangs on.
        aside: ``[3]``, what its first child turns away from.
        on_surface: whether there is a bond to the surface as well, which then takes the side of ``aside``.
    """
    atoms.append((node.symbol, place))
    number = node.steric_number(1 + on_surface + len(node.children))
    across = aside - (aside @ back) * back
    if np.linalg.norm(across) < 1e-3:
        across = X - (X @ back) * back
    across = (1 if on_surface else -1) * across / np.linalg.norm(across)
    for turn, child in enumerate(node.children, start=int(on_surface)):
        around = turn * 2 * np.pi / (number - 1)
        outward = np.cos(around) * across + np.sin(around) * np.cross(back, across)
        direction = np.cos(ANGLES[number]) * back + np.sin(ANGLES[number]) * outward
        _put(atoms, child, place + _length(node, child) * direction, -direction, back)


def _length(a: _Node, b: _Node) -> float:
    """Å, of the bond by which the second atom hangs on the first."""
    first, second = (covalent_radii[atomic_numbers[node.symbol]] for node in (a, b))
    return float(first + second) - SHORTER[b.order]


def _parsed(notation: str) -> _Node:
    """The first atom of a chain, with the others hanging on it."""
    assert "".join(token.group() for token in _TOKEN.finditer(notation)) == notation, notation
    root, open_branches = _Node(""), []
    last = root
    for token in _TOKEN.finditer(notation):
        if token["branch"] == "(":
            open_branches.append(last)
        elif token["branch"] == ")":
            last = open_branches.pop()
        else:
            node = _Node(token["symbol"], {"": 1, "=": 2, "#": 3}[token["order"]], bool(token["star"]))
            hydrogens = 0 if token["hydrogens"] is None else int(token["hydrogens"] or 1)
            last.children.append(node)
            node.children += [_Node("H") for _ in range(hydrogens)]
            last = node
    (root,) = root.children
    _longest_first(root)
    return root


def _longest_first(node: _Node) -> int:
    """Sort branches by the number of their atoms, which is returned: the first branch points away from the surface."""
    sizes = {id(child): _longest_first(child) for child in node.children}
    node.children.sort(key=lambda child: (-sizes[id(child)], child.symbol == "H"))
    return 1 + sum(sizes.values())
