"""``equical data check``: what is wrong with labelled structures, before they are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_config, label_options
from equical.cli.options import debug_option, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from equical.training.data.dataset import Frame


@click.group("data")
def data() -> None:
    """Look after data sets."""


@data.command("check")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@label_options
@click.option("--valid", type=click.Path(path_type=Path), help="Validation data, to be compared with FILES.")
@click.option("--model", metavar="NAME|DIR", help="Test units and signs against a model that covers the elements.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Also write the findings as JSON.")
@debug_option
def check(files: tuple[Path, ...], valid: Path | None, model: str | None, output: Path | None, **labels: Any) -> None:
    """Check labelled structures in FILES: units, signs, missing labels, outliers, duplicates, correlated frames.

    The exit code is 0 without errors, 2 with errors.
    """
    from equical.files import write_json
    from equical.training.audit import audit_data, audit_split
    from equical.training.audit.model import audit_with_model

    frames, findings = audit_data(data_config(list(files), labels))
    if valid is not None:
        held_out, more = audit_data(data_config([valid], labels))
        findings += more + audit_split(frames, held_out)
    if model is not None and frames:
        findings += audit_with_model(frames, model)
    click.echo(summary(frames))
    for finding in findings:
        click.echo(finding.line())
    if not findings:
        click.echo("nothing to complain about")
    if output is not None:
        write_json(output, {"structures": len(frames), "findings": [vars(finding) for finding in findings]})
    finish(all(finding.severity != "error" for finding in findings))


def summary(frames: Sequence[Frame]) -> str:
    """What is there, in one line."""
    from ase.data import chemical_symbols

    if not frames:
        return "no usable frame"
    sizes = [len(frame.atoms) for frame in frames]
    elements = ", ".join(chemical_symbols[z] for z in sorted({int(z) for f in frames for z in f.atoms.numbers}))
    forces, stresses = (sum(getattr(f, name) is not None for f in frames) for name in ("forces", "stress"))
    groups = len({frame.group for frame in frames})
    return (
        f"{len(frames)} frames of {min(sizes)}–{max(sizes)} atoms in {groups} groups; {elements}; "
        f"energies in all, forces in {forces}, stress in {stresses}"
    )
