"""``equical serve``: thin skin over :func:`equical.interfaces.ipi.serve`."""

from __future__ import annotations

import click

from equical.cli import options
from equical.cli.options import StructureFile, calculator_options, debug_option, quiet_option, structure_argument


@click.command("serve", short_help="Forces for i-PI and other codes, through a socket.")
@structure_argument
@click.option("--socket", metavar="NAME", help="UNIX socket that i-PI listens at on this machine, /tmp/ipi_NAME.")
@click.option("--port", type=int, metavar="N", help="Internet socket in place of that.")
@click.option("--host", default="localhost", show_default=True, help="Where i-PI runs, for --port.")
@click.option("--wait", type=float, default=60.0, show_default=True, metavar="S", help="Try so long until it listens.")
@calculator_options
@quiet_option
@debug_option
def serve(
    structure: StructureFile,
    socket: str | None,
    port: int | None,
    host: str,
    wait: float,
    model: str,
    device: str,
    dtype: str,
    quiet: bool,
) -> None:
    """Energies and forces for i-PI, or another code that speaks its protocol.

    STRUCTURE has the elements in the order that the code has them, and says what is periodic; positions and cells come
    over the socket. Start the code first. The command ends when the code does; several of them share its beads.
    """
    from equical.interfaces.ipi import serve as run

    atoms = structure.read()
    calculator = options.make_calculator(model, device, dtype)
    count = run(atoms, calculator, socket=socket, port=port, host=host, wait=wait)
    if not quiet:
        click.echo(f"{atoms.get_chemical_formula()} evaluated {count} times")
