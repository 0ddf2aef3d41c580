"""``equical finetune``: adapt a model to data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_config, data_values, label_options, labels_of
from equical.cli.options import device_option, output_options, resume_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from equical.training.audit import Finding
    from equical.training.data.dataset import Frame
    from equical.training.loop.starting_point import StartingPoint


@click.command("finetune")
@click.option("--model", required=True, metavar="NAME|DIR", help="Where to start: a shipped, own or converted model.")
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path), help="Labelled structures.")
@click.option("--valid", type=click.Path(path_type=Path), help="Held-out structures; otherwise a tenth of the data.")
@click.option("--fraction", type=float, help="Share of the data to hold out without --valid.  [default: 0.1]")
@click.option("--block", type=int, help="Consecutive frames that stay together in this split.  [default: 10]")
@label_options
@click.option("--replay", type=click.Path(path_type=Path), help="Data the model was trained on, against forgetting.")
@click.option("--replay-weight", default=1.0, show_default=True, help="Weight of these in the loss.")
@click.option("--max-minutes", type=float, help="Stop after this time.")
@click.option("--max-epochs", type=int, help="Stop after so many passes over the data.  [default: 100]")
@click.option("--learning-rate", default=5e-4, show_default=True, help="Of the heads.")
@click.option("--backbone-rate", default=1.0, show_default=True, help="Factor on it for the rest of the network.")
@click.option("--freeze", multiple=True, metavar="PART", help="Part that stays as it is, such as blocks.0.")
@click.option("--batch-atoms", default=256, show_default=True, help="Atoms in one step.")
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
def finetune(output: Path | None, overwrite: bool, quiet: bool, resume: bool, **options: Any) -> None:
    """Adapt a model to the labelled structures in --data.

    Before the first step the data are checked, reference energies are fitted to them, and the errors of the model are
    shown as it is and at step 0. The best model lands in DIR/model, usable as EquiCalc("DIR/model").
    """
    from equical.cli.train import run_training
    from equical.training.config import parse_config

    say = (lambda line: None) if quiet else click.echo
    _check_data(options, say)
    config = parse_config(configuration(**options), name="finetune")
    if output is None:
        output = Path(f"finetune-{options['data'][0].name.split('.')[0]}")
    run_training(
        config,
        output,
        "",
        overwrite=overwrite,
        quiet=quiet,
        resume=resume,
        examine=_check_split(options["skip_check"], say),
    )


def configuration(
    *,
    model: str,
    data: tuple[Path, ...],
    valid: Path | None,
    **options: Any,
) -> dict[str, Any]:
    """The options as a training configuration."""
    labels = labels_of(options)
    own = data_values(list(data), **labels) | {
        "name": "data",
        "max_force": options["max_force"],
        "block": options["block"],
    }
    sets = [own]
    if options["replay"] is not None:
        replay = {"name": "replay", "paths": [str(options["replay"])], "references": "base", "split": False}
        sets.append(replay | {"weight": options["replay_weight"]})
    limits = {"max_minutes": options["max_minutes"], "max_epochs": options["max_epochs"]}
    if limits == {"max_minutes": None, "max_epochs": None}:
        limits["max_epochs"] = 100
    denoising = options["denoising"] and own.get("forces_key", "forces") is not None
    training = {
        "name": "finetune",
        "model": {} if options["forces"] is None else {"forces": options["forces"]},
        "optimizer": {
            "learning_rate": options["learning_rate"],
            "backbone_rate": options["backbone_rate"],
            "freeze": list(options["freeze"]),
            "ema_decay": 0.99,
        },
        "denoising": {"probability": 0.25, "ratio": 0.25, "final_weight": 0.0} if denoising else {},
        "batch": {"max_atoms": options["batch_atoms"]},
        "limits": limits,
    }
    held_out = [data_values([valid], **labels) | {"name": "valid", "references": "shared"}] if valid is not None else []
    return {
        "start_from": model,
        "data": sets,
        "validation": {"data": held_out} | ({} if options["fraction"] is None else {"fraction": options["fraction"]}),
        "training": training,
        "new_elements": options["new_elements"],
        "energy_kind": options["energy_kind"],
        "seed": options["seed"],
        "threads": options["threads"],
        "device": options["device"],
    }


def _check_data(options: dict[str, Any], say: Any) -> None:
    """Print what is wrong with the data; stop if training would go wrong."""
    from equical.cli.data import summary
    from equical.training.audit import audit_data
    from equical.training.audit.model import audit_with_model

    frames, findings = audit_data(data_config(list(options["data"]), labels_of(options)))
    if options["valid"] is not None:  # which makes up for it
        findings = [finding for finding in findings if finding.check != "one structure"]
    say(summary(frames))
    if frames and not options["new_elements"]:
        _check_elements(frames, options["model"])
        findings += audit_with_model(frames, options["model"])
    _judge(findings, options["skip_check"], say)


def _check_elements(frames: Sequence[Frame], model: str) -> None:
    """Refuse elements that the starting model was not trained for.

    Raises:
        InputError: there are such elements.
    """
    from ase.data import chemical_symbols

    from equical.checkpoint import load_checkpoint, models_covering
    from equical.errors import InputError

    present = {chemical_symbols[z] for frame in frames for z in frame.atoms.numbers}
    known = [chemical_symbols[z] for z in load_checkpoint(model).potential.elements]
    new = sorted(present.difference(known))
    if new:
        others = models_covering(present)
        advice = f"start from {' or '.join(others)}" if others else "start from a model that covers them"
        raise InputError(
            f"the data hold {', '.join(new)}, which {model} does not cover (it covers {', '.join(known)}): its weights "
            f"for new elements are random. {advice[0].upper()}{advice[1:]}, or train them anyway with --new-elements"
        )


def _check_split(skip_check: bool, say: Any) -> Any:
    """A look at the two sides of the split before training starts."""

    def examine(prepared: StartingPoint) -> None:
        from equical.training.audit import audit_split

        _judge(audit_split(*prepared.frames), skip_check, say)

    return examine


def _judge(findings: Sequence[Finding], skip_check: bool, say: Any) -> None:
    """Print findings; stop at errors unless they are to be ignored.

    Raises:
        InputError: training would go wrong.
    """
    from equical.errors import InputError

    for finding in findings:
        say(finding.line())
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors and not skip_check:
        raise InputError(
            f"the data are not fit for training: {errors[0].message}. {errors[0].advice}; or go on with --skip-check"
        )
