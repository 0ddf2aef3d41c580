"""``equical finetune``: thin skin over :func:`equical.finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from equical.cli.data_options import data_values, label_options, labels_of
from equical.cli.options import device_option, finish, output_options, resume_option
from equical.cli.train import print_result


@click.command("finetune", short_help="Adapt a model to labelled structures.")
@click.option(
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME|DIR",
    help="Where to start: a shipped, own or converted model; auto: the shipped one that knows the most elements.",
)
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path), help="Labelled structures.")
@click.option("--valid", type=click.Path(path_type=Path), help="Held-out structures; otherwise a tenth of the data.")
@click.option("--fraction", type=float, help="Share of the data to hold out without --valid.  [default: 0.1]")
@click.option("--block", type=int, help="Consecutive frames that stay together in this split.  [default: 10]")
@label_options
@click.option("--replay", type=click.Path(path_type=Path), help="Data the model was trained on, against forgetting.")
@click.option("--replay-weight", default=1.0, show_default=True, help="Weight of these in the loss.")
@click.option("--max-minutes", type=float, help="Stop after this time.")
@click.option("--max-epochs", type=int, help="Stop after so many passes over the data.  [default: 100]")
@click.option("--learning-rate", type=float, help="Of the heads.  [default: by the number of frames]")
@click.option("--backbone-rate", default=1.0, show_default=True, help="Factor on it for the rest of the network.")
@click.option("--freeze", multiple=True, metavar="PART", help="Part that stays as it is, such as blocks.0.")
@click.option("--batch-atoms", type=int, help="Atoms in one step.  [default: by the number of frames]")
@click.option("--denoising/--no-denoising", default=True, show_default=True, help="Train with DeNS.")
@click.option("--forces", type=click.Choice(["gradient", "direct"]), help="Change how the model makes forces.")
@click.option("--max-force", type=float, help="Leave out frames with a longer force (eV/Å).")
@click.option("--new-elements", is_flag=True, help="Accept elements that the model was not trained for.")
@click.option(
    "--energy-kind",
    type=click.Choice(["total", "adsorption"]),
    help="What the energies in the data are.  [default: those of the model]",
)
@click.option("--skip-check", is_flag=True, help="Go on in spite of errors in the data.")
@click.option("--seed", default=0, show_default=True, help="Of split, order and noise.")
@click.option("--threads", type=int, help="CPU threads.")
@device_option
@output_options
@resume_option
def finetune(
    data: tuple[Path, ...],
    valid: Path | None,
    block: int | None,
    max_force: float | None,
    replay: Path | None,
    replay_weight: float,
    output: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Adapt a model to the labelled structures in --data.

    Before the first step the data are checked, reference energies are fitted to them, and the errors of the model are
    shown as it is and at step 0. The best model lands in DIR/model, usable as EquiCalc("DIR/model").
    """
    from equical.training.finetune import finetune as run
    from equical.training.loop.memory import keep_freed_memory

    keep_freed_memory()
    labels = labels_of(options)
    options = {name: value for name, value in options.items() if name not in labels}
    result = run(
        data=data_values(data, **labels) | {"block": block, "max_force": max_force},
        valid=None if valid is None else data_values([valid], **labels),
        replay=None if replay is None else {"paths": replay, "weight": replay_weight},
        output=output or Path(f"finetune-{data[0].name.split('.')[0]}"),
        progress=not quiet,
        **options,
    )
    if not quiet:
        print_result(result)
    finish(result.converged)
