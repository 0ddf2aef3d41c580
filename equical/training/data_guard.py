"""The guard rails of fine-tuning: nothing is trained on data that would spoil a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from equical.errors import InputError
from equical.training.audit import DataFinding, audit_data, audit_split
from equical.training.audit.model import audit_with_model
from equical.training.check import summary
from equical.training.config import DataConfig
from equical.training.data.elements import symbol, symbols
from equical.training.data.labels import Frame
from equical.training.loop.starting_point import StartingPoint
from equical.workflows.common.notes import warn

__all__ = ["DataGuard"]


@dataclass(frozen=True)
class DataGuard:
    """Checks of data that a model is to be adapted to.

    Attributes:
        data: what is trained on.
        model: name or folder of the starting model.
        validation_given: whether there are validation data of their own, so that one structure will do.
        new_elements: accept elements that the model was not trained for.
        skip_errors: warn of errors in the data, and go on.
        plan: how they will be trained on, in one line.
    """

    data: DataConfig
    model: str
    validation_given: bool
    new_elements: bool
    skip_errors: bool
    plan: str

    def look_at_files(self, say: Callable[[str], None]) -> None:
        """Before anything else: labels, units and signs, the last two also by what the model predicts.

        Raises:
            InputError: a file is unreadable, there is an element that the model does not cover, or training would go
                wrong.
        """
        frames, findings = audit_data(self.data)
        if self.validation_given:
            findings = [finding for finding in findings if finding.check != "one structure"]
        say(summary(frames))
        say(self.plan)
        if frames and not self.new_elements:
            _require_covered(frames, self.model)
            findings += audit_with_model(frames, self.model)
        self._judge(findings, say)

    def look_at_split(self, start: StartingPoint, say: Callable[[str], None]) -> None:
        """Before the first step: whether validation frames are like those that are trained on.

        Raises:
            InputError: training would go wrong.
        """
        self._judge(audit_split(*start.frames), say)

    def _judge(self, findings: Sequence[DataFinding], say: Callable[[str], None]) -> None:
        """Tell what was found; stop at errors unless they are to be passed over."""
        errors = [finding for finding in findings if finding.severity == "error"]
        for finding in findings:
            if finding.severity == "note":
                say(finding.line())
            elif finding.severity == "warning" or self.skip_errors:
                warn(finding.line())
        if errors and not self.skip_errors:
            raise InputError(
                f"the data are not fit for training: {errors[0].message}. {errors[0].advice}; "
                "or go on with --skip-check"
            )


def _require_covered(frames: Sequence[Frame], model: str) -> None:
    """Refuse elements that the starting model was not trained for.

    Raises:
        InputError: there are such elements.
    """
    from equical.catalogue import catalogue
    from equical.checkpoint import load_checkpoint

    present = {int(z) for frame in frames for z in frame.atoms.numbers}
    known = load_checkpoint(model).potential.elements
    new = present.difference(known)
    if new:
        others = [one.name for one in catalogue() if {symbol(z) for z in present}.issubset(one.elements)]
        advice = f"start from {' or '.join(others)}" if others else "start from a model that covers them"
        raise InputError(
            f"the data hold {symbols(new)}, which {model} does not cover (it covers {symbols(known)}): its weights "
            f"for new elements are random. {advice[0].upper()}{advice[1:]}, or train them anyway with --new-elements"
        )
