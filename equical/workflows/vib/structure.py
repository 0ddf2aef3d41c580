"""Which atoms vibrate."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.workflows.common.inputs import check_structure

__all__ = ["vibrating_atoms"]


def vibrating_atoms(atoms: Atoms, indices: Sequence[int] | None) -> list[int]:
    """Indices of the atoms to displace, in ascending order.

    Args:
        atoms: the structure; it may freeze atoms, and have no other constraints.
        indices: which atoms are wanted, negative ones counted from the end; None for all that are not frozen.

    Raises:
        InputError: nothing to displace, no such atom, or constraints that freeze no whole atoms.
    """
    check_structure(atoms)
    others = [constraint for constraint in atoms.constraints if not isinstance(constraint, FixAtoms)]
    if others:
        raise InputError(
            f"vibrations know frozen atoms (FixAtoms), and not {type(others[0]).__name__}: remove this constraint"
        )
    frozen = {int(index) for constraint in atoms.constraints for index in constraint.get_indices()}
    if indices is None:
        chosen = sorted(set(range(len(atoms))) - frozen)
        if not chosen:
            raise InputError(f"all {len(atoms)} atoms are frozen: name those that vibrate (--indices)")
        return chosen
    missing = [index for index in indices if not -len(atoms) <= index < len(atoms)]
    if missing:
        raise InputError(f"there is no atom {missing[0]}: the structure has atoms 0 to {len(atoms) - 1}")
    return sorted({index % len(atoms) for index in indices})
