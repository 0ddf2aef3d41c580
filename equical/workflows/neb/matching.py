"""Which atom of one end of a path is which of the other, and the short way there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.geometry import find_mic
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from equical.errors import InputError
from equical.workflows.common.inputs import check_structure, require_atoms
from equical.workflows.common.notes import warn

__all__ = ["check_alike", "followed", "is_free", "matched"]

SAME_CELL = 1e-3
"""Å. Lattice vectors that agree this well are the same: files round them."""

FROZEN = 0.01
"""Å. How far apart the two ends may have a frozen atom."""

DOUBTFUL = 1.5
"""Another matching of the atoms is nearly as short where its sum of squares is at most this many times the least."""

MOVES = 0.5
"""Å. An atom that goes further has moved, and does not just make room."""

HALF_WAY = 0.45
"""Of a lattice vector. An atom that goes further could as well go the other way round."""

ROUNDS = 10
"""Of turning a molecule onto another and matching their atoms."""


def check_alike(initial: Atoms, other: Atoms, name: str) -> None:
    """Refuse structures that no path can join.

    Args:
        initial: one end of the path.
        other: another structure of it.
        name: of that, as the error shall say it.

    Raises:
        InputError: numbers of atoms, elements, periodicity or cells are different; names what.
    """
    require_atoms(other)
    if len(initial) != len(other):
        raise InputError(f"the initial structure has {len(initial)} atoms, and {name} {len(other)}")
    ours, theirs = (atoms.symbols.formula.format("hill") for atoms in (initial, other))
    if ours != theirs:
        raise InputError(f"the initial structure is {ours}, and {name} {theirs}")
    if (initial.pbc != other.pbc).any():
        periodic = ["".join("T" if p else "F" for p in atoms.pbc) for atoms in (initial, other)]
        raise InputError(f"the initial structure has pbc={periodic[0]}, and {name} {periodic[1]}")
    apart = np.abs(initial.cell[:] - other.cell[:])[initial.pbc].max(initial=0.0)
    if apart > SAME_CELL:
        raise InputError(
            f"cells differ by up to {apart:.3g} Å between the initial structure and {name}: relax both in the same cell"
        )
    check_structure(other)


def is_free(atoms: Atoms) -> bool:
    """Whether a structure may be moved and turned at no cost: a molecule without frozen atoms or periodicity."""
    return not atoms.pbc.any() and not atoms.constraints


def matched(initial: Atoms, final: Atoms, keep_order: bool) -> Atoms:
    """The final structure with its atoms in the order of the initial one, each the short way from where it starts.

    Atoms of an element are matched so that the sum of the squares of all displacements is least. A free molecule is
    first turned onto the other. Constraints, isotopes and whatever else belongs to atoms are those of the initial one.

    Args:
        initial: where the path begins.
        final: where it ends, like the initial one by :func:`check_alike`.
        keep_order: atoms correspond in the order they have.

    Raises:
        InputError: a frozen atom would have to move, or, with ``keep_order``, an element into another.
    """
    if keep_order:
        different = np.flatnonzero(initial.numbers != final.numbers)
        if different.size:
            one = different[0]
            raise InputError(
                f"atom {one} is {initial.symbols[one]} in the initial structure and {final.symbols[one]} in the final "
                "one: leave out --keep-order"
            )
    end = _moved_to(initial, final)
    if not keep_order:
        end = _in_best_order(initial, end)
    elif is_free(initial):
        minimize_rotation_and_translation(initial, end)
    end = followed(initial, end, "the final one")
    _judge(initial, end, keep_order)
    return end


def followed(before: Atoms, after: Atoms, name: str) -> Atoms:
    """A copy of ``before`` with each atom where ``after`` has it, the short way through periodic boundaries.

    Args:
        before: a structure of the path, whose constraints hold.
        after: another one, with its atoms in the same order.
        name: of the latter, as the error shall say it.

    Raises:
        InputError: an atom that the constraints hold would have to move.
    """
    image = before.copy()
    image.calc = None
    target = before.positions + _way(before, after.positions - before.positions)
    image.set_positions(target, apply_constraint=True)
    held = np.linalg.norm(image.positions - target, axis=1)
    worst = int(held.argmax())
    if held[worst] > FROZEN:
        raise InputError(
            f"constraints of the initial structure hold {before.symbols[worst]}{worst}, which is {held[worst]:.2g} Å "
            f"away in {name}: frozen atoms must be at the same place in all of a path"
        )
    return image


def _moved_to(initial: Atoms, final: Atoms) -> Atoms:
    """The final structure alone, in the cell of the initial one."""
    return Atoms(final.numbers, final.positions, cell=initial.cell, pbc=initial.pbc)


def _in_best_order(initial: Atoms, end: Atoms) -> Atoms:
    if not is_free(initial):
        return end[_assignment(initial, end)[0]]
    return min(
        (_turned_and_sorted(initial, start) for start in _turned(initial, end)), key=lambda a: _squares(initial, a)
    )


def _turned_and_sorted(initial: Atoms, end: Atoms) -> Atoms:
    """Turn and sort in turns until neither changes anything."""
    for _ in range(ROUNDS):
        order, _ = _assignment(initial, end)
        end = end[order]
        minimize_rotation_and_translation(initial, end)
        if (order == np.arange(len(order))).all():
            break
    return end


def _turned(initial: Atoms, end: Atoms) -> Iterator[Atoms]:
    """Ways to turn a free molecule before its atoms are matched: as the order given says, not at all, and so that
    the axes of inertia lie on those of the initial structure."""
    if (initial.numbers == end.numbers).all():
        ordered = end.copy()
        minimize_rotation_and_translation(initial, ordered)
        yield ordered
    centres = [atoms.get_center_of_mass() for atoms in (initial, end)]
    axes = [atoms.get_moments_of_inertia(vectors=True)[1] for atoms in (initial, end)]
    turns = [np.eye(3)]
    for signs in product((1, -1), repeat=3):
        turn = axes[0].T @ np.diag(signs) @ axes[1]
        if np.linalg.det(turn) > 0:
            turns.append(turn)
    for turn in turns:
        turned = end.copy()
        turned.positions = (end.positions - centres[1]) @ turn.T + centres[0]
        yield turned


def _squares(initial: Atoms, end: Atoms) -> float:
    return float(((end.positions - initial.positions) ** 2).sum())


def _assignment(
    initial: Atoms, end: Atoms, forbidden: tuple[int, int] | None = None
) -> tuple[NDArray[np.int64], float]:
    """For each atom of the initial structure one of the other, and the sum of squared displacements in Å²."""
    order = np.empty(len(initial), dtype=np.int64)
    total = 0.0
    for number in np.unique(initial.numbers):
        here, there = np.flatnonzero(initial.numbers == number), np.flatnonzero(end.numbers == number)
        apart = end.positions[there] - initial.positions[here][:, None]
        squares = (_way(initial, apart.reshape(-1, 3)) ** 2).sum(axis=1).reshape(len(here), len(there))
        if forbidden is not None and forbidden[0] in here:
            squares[here == forbidden[0], there == forbidden[1]] = 1e6
        rows, columns = linear_sum_assignment(squares)
        order[here[rows]] = there[columns]
        total += float(squares[rows, columns].sum())
    return order, total


def _way(atoms: Atoms, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[K, 3]`` Å, the shortest of the periodic images of vectors."""
    return find_mic(vectors, atoms.cell, atoms.pbc)[0]


def _judge(initial: Atoms, end: Atoms, keep_order: bool) -> None:
    """Doubt a matching where another one is as good."""
    way = end.positions - initial.positions
    lengths = np.linalg.norm(way, axis=1)
    best, order = float((lengths**2).sum()), np.arange(len(initial))
    if keep_order:
        other, total = _assignment(initial, end)
        if total < best / DOUBTFUL and (other != order).any():
            warn(
                f"in the order given, {_moving(lengths)} by up to {lengths.max():.2f} Å; matched anew, the sum of "
                f"squared displacements would be {total:.2f} Å² instead of {best:.2f}: leave out --keep-order, unless "
                "this is meant"
            )
    else:
        for atom in np.argsort(-lengths, kind="stable")[:5]:
            if lengths[atom] < MOVES:
                break
            other, total = _assignment(initial, end, (int(atom), int(atom)))
            if total <= DOUBTFUL * best:
                changed = ", ".join(f"{initial.symbols[i]}{i}" for i in np.flatnonzero(other != order))
                warn(
                    f"which atom goes where is not certain: another matching, of {changed}, is nearly as short "
                    f"({total:.2f} Å² instead of {best:.2f}); bring the atoms into one order and --keep-order, or give "
                    "a --path"
                )
                break
    if initial.pbc.any():
        fractions = np.abs(initial.cell.complete().scaled_positions(way))[:, initial.pbc]
        if fractions.max() > HALF_WAY:
            atom = int(fractions.max(axis=1).argmax())
            warn(
                f"{initial.symbols[atom]}{atom} goes half-way across the cell, and could as well go the other way "
                "round: take a larger cell, or give a --path"
            )


def _moving(lengths: NDArray[np.float64]) -> str:
    number = int((lengths > MOVES).sum())
    return f"{number} atom{' moves' if number == 1 else 's move'}"
