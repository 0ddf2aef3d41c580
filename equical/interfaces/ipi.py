"""Energies, forces and virials for codes that move the atoms and ask for them over a socket, in i-PI's protocol."""

from __future__ import annotations

import socket as sockets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ase.calculators.socketio import SocketClient, actualunixsocketname

from equical.errors import InputError
from equical.workflows.common.suitability import warn_if_unsuitable

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["serve"]


def serve(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    socket: str | None = None,
    port: int | None = None,
    host: str = "localhost",
    wait: float = 60.0,
) -> int:
    """Answer a code that moves the atoms, such as i-PI, until it hangs up.

    The code must listen; this process connects to it. Several processes may, and share the beads or replicas. Positions
    and cells come from the code, elements, their order and periodicity from ``atoms``. A virial is given where the
    structure is periodic and the calculator knows a stress, zeros otherwise.

    Args:
        atoms: in the order that the code has; not changed.
        calculator: of energy and forces.
        socket: name of a UNIX domain socket on this machine, ``/tmp/ipi_<name>`` as a file.
        port: of the internet socket in place of that.
        host: where the code runs, for ``port``.
        wait: how long to try until the code listens, s.

    Returns:
        How many structures were evaluated.

    Raises:
        InputError: neither or both of socket and port, nobody listens, or another number of atoms is sent.
    """
    if (socket is None) == (port is None):
        raise InputError("Give the name of a UNIX socket or a port, as the code that moves the atoms has it.")
    if socket is not None and (not socket or "/" in socket):
        raise InputError(f"A UNIX socket has a name without folders, not {socket!r}; its file is /tmp/ipi_<name>.")
    if port is not None and not 0 < port < 65536:
        raise InputError(f"A port is a number from 1 to 65535, not {port}.")
    atoms = atoms.copy()
    atoms.calc = calculator
    warn_if_unsuitable(calculator, atoms, "dynamics")
    has_stress = "stress" in getattr(calculator, "implemented_properties", ["stress"])
    count = 0
    with _connection(socket, port, host, wait) as client:
        _refuse_other_numbers(client, len(atoms))
        for _ in client.irun(atoms, use_stress=bool(atoms.pbc.any()) and has_stress):
            count += 1
    return count


@contextmanager
def _connection(socket: str | None, port: int | None, host: str, wait: float) -> Iterator[SocketClient]:
    where = f"port {port} of {host}" if socket is None else actualunixsocketname(socket)
    end = time.monotonic() + wait
    while True:
        try:
            client = SocketClient(host=host, port=port, unixsocket=socket)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() >= end:
                raise InputError(
                    f"Nobody listens at {where}, tried for {wait:g} s: start the code that moves the atoms first."
                ) from None
            time.sleep(0.1)
        except (sockets.gaierror, UnicodeError):  # the latter of names such as "a..b"
            raise InputError(f"There is no host {host!r}.") from None
    try:
        yield client
    except (ConnectionResetError, BrokenPipeError):
        pass  # the other side has ended without saying so, as codes do that were stopped
    finally:
        client.close()


def _refuse_other_numbers(client: SocketClient, number: int) -> None:
    """ASE's client would fail, or spread the position of one atom over all."""
    receive = client.protocol.recvposdata

    def checked() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cell, inverse, positions = receive()
        if len(positions) != number:
            raise InputError(
                f"The code that moves the atoms sends {len(positions)} of them, while the structure has {number}."
            )
        return cell, inverse, positions

    client.protocol.recvposdata = checked
