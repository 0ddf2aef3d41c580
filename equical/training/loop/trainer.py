"""The training loop: steps, evaluations and checkpoints, stage after stage, resumable at any step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equical.errors import InputError
from equical.model import Potential
from equical.training.config import TrainConfig, described
from equical.training.data.batching import collate, plan_epoch, share_batch
from equical.training.data.denoising import corrupt_some
from equical.training.data.samples import Sample
from equical.training.loop.buckets import BatchSize, Buckets
from equical.training.loop.checkpointing import load_state, save_state
from equical.training.loop.distributed import World
from equical.training.loop.ema import using_weights
from equical.training.loop.evaluate import EVALUATION_FACTOR, Evaluation, evaluate_samples
from equical.training.loop.executions import make_step, require_execution
from equical.training.loop.journal import Journal, Window, validation_line
from equical.training.loop.loss import NoiseSize, NoiseTerm
from equical.training.loop.optimizer import learning_rate_factor
from equical.training.loop.progress import Clock, Progress, StopRequest, heed_signals
from equical.training.loop.signature import check_signature, run_signature
from equical.training.loop.stages import Stage, begin_stage, check_plan, plain_potential, stage_potential
from equical.training.loop.starting_point import StartingPoint
from equical.training.loop.step import Controls, PlainStep
from equical.training.report.advice import relative_error
from equical.training.report.metrics import Comparison, error_summary
from equical.training.report.tensorboard import require_tensorboard
from equical.workflows.common.notes import warn

__all__ = ["BEST_MODEL", "LAST_MODEL", "STATE_FILE", "Trained", "Trainer"]

BEST_MODEL, LAST_MODEL = "model", "model_last"
"""Folders of the model with the lowest validation loss and of that after the last step."""

STATE_FILE = Path("checkpoints", "last.pt")
"""What a run goes on from."""

AGREEMENT = 0.02
"""Relative difference of errors between a starting model and the model at step 0 that rounding may cause."""


NOISE_UNLEARNT = 0.95
"""Share of the noise that is left to predict at the end of a stage, above which DeNS has not begun to work."""

NOISE_JUDGED_AFTER = 200
"""Steps of a stage before which nobody expects it to."""


@dataclass(frozen=True)
class Trained:
    """How far a run came.

    Attributes:
        finished: whether every stage reached a limit; false after an interruption (resume to go on).
        steps: optimiser steps.
        minutes: time spent, before interruptions too.
        best_step: step of the best model.
        comparison: labels of the validation data beside the predictions of the best model; of the training data where
            there are none.
        training_errors: errors of the best model on some of the training data, where it started from another one.
    """

    finished: bool
    steps: int
    minutes: float
    best_step: int
    comparison: Comparison
    training_errors: dict[str, float]


class Trainer:
    """Runs the stages of a configuration in a folder. Nothing is written before :meth:`run`.

    Args:
        config: of the run.
        start: samples and starting model.
        folder: for tables, checkpoints and models.
        resume: go on from the state in the folder.
        world: the processes that share the work.
        report: receives lines for the user.
        bar: receives the share of the run that is done (0 to 1) and a short status, once per log interval.

    Raises:
        InputError: a stage could not begin, or the folder's state belongs to another configuration or other data.
    """

    stage: Stage
    window: Window
    journal: Journal

    def __init__(
        self,
        config: TrainConfig,
        start: StartingPoint,
        folder: Path,
        *,
        resume: bool = False,
        world: World | None = None,
        report: Callable[[str], None] = print,
        bar: Callable[[float, str], None] = lambda share, status: None,
    ):
        self.config, self.start, self.folder = config, start, folder
        self.world = world or World()
        self.report, self.bar, self.resume = report, bar, resume
        self.plan = config.plan
        self.device = self.world.device(config.device)
        require_execution(config.execution, self.device)
        self.progress = Progress()
        self.best: dict[str, Any] = {}
        self.state_file = folder / STATE_FILE
        self.signature = run_signature(config, start.provenance)
        if config.output.tensorboard:
            require_tensorboard()
        check_plan(self.plan, start.potential, start.train)
        state = load_state(self.state_file) if resume else None
        if state is not None:
            check_signature(state["signature"], self.signature, self.state_file)
            self.progress = Progress(**state["progress"])
        self._set_up_stage(self._rebuilt(), state)

    def run(self) -> Trained:
        """Train until the last stage is done or the process is asked to stop.

        Raises:
            InputError: the loss is no number.
        """
        self.journal = Journal(
            self.folder,
            self.progress.step if self.resume else None,
            self.report,
            self.bar,
            tensorboard=self.config.output.tensorboard,
            active=self.world.speaks,
        )
        try:
            with heed_signals() as request:
                if self.resume:
                    self.journal.say(f"resuming at step {self.progress.step}")
                else:
                    self._open_stage()
                while not self.progress.done:
                    if not self._run_stage(request):
                        return self._trained(finished=False)
                    self._end_stage()
                    if not self.progress.done:
                        before = self.stage.potential
                        self.progress.next_stage()
                        self._set_up_stage(before)
                        self._open_stage()
                return self._trained(finished=True)
        finally:
            self.journal.close()

    def _rebuilt(self) -> Potential:
        """A model with the architecture of the stage before the current one; its weights come from the state."""
        potential = self.start.potential
        for settings in self.plan[: self.progress.stage]:
            potential = stage_potential(potential, settings.model)
        return potential

    def _set_up_stage(self, before: Potential, state: dict[str, Any] | None = None) -> None:
        """Make the current stage, from a saved state or afresh."""
        settings = self.plan[self.progress.stage]
        seed = self.config.seed + self.progress.stage
        self.stage = begin_stage(settings, before, self.start.train, self.device, seed)
        self.noise_left = 0.0
        self.window = Window(len(self.stage.terms) + 1, self.device)
        self.best = {}
        if state is not None:
            self.stage.load(state)
            self.window.load(state["window"])
            self.best = state["best"]
        plain = PlainStep(self.stage, self.config.dtype == "bfloat16", self.world)
        self.step = make_step(plain, self.config.execution, self._buckets, self._announce)

    def _buckets(self) -> Buckets:
        """For the batches of this stage, as its first pass over the data has them."""
        train = self.start.epoch
        return Buckets(BatchSize.of_samples([train[index] for index in batch]) for batch in self._plan_epoch(0))

    def _announce(self, line: str) -> None:
        if self.world.speaks:
            self.report(line)

    def _open_stage(self) -> None:
        """Say what the stage is about, look at a starting model before the first step, and save the first state."""
        settings = self.stage.config
        if len(self.plan) > 1:
            self.journal.say(f"stage {self.progress.stage + 1} of {len(self.plan)}: {settings.name}")
        names = ", ".join(f"{term.coefficient:g}·{term.name}" for term in self.stage.terms if term.coefficient)
        self.journal.say(f"loss: {names}")
        unused = settings.loss.stress.weight > 0 and not self.stage.potential.predicts_stress
        if unused and self.world.speaks and any(sample.has_stress for sample in self.start.train):
            warn("the model predicts no stress, so stresses in the data are not used")
        self.progress.evaluated_step = -1
        if self.progress.step == 0 and self.start.baseline is not None:
            self._compare_with_baseline(self._validate(), self.start.baseline)
        self._save()

    def _compare_with_baseline(self, errors: dict[str, float], baseline: dict[str, float]) -> None:
        """Before the first step a fine-tuned model must be as good as the model it starts from.

        Raises:
            InputError: it is not, although it computes forces in the same way.
        """
        same_heads = self.stage.potential.config.conservative == self.start.potential.config.conservative
        if not same_heads:
            self.journal.say("forces come from other heads than the starting model's, so their error starts afresh")
        for key in ("energy_rmse_meV_per_atom", "forces_mae_meV_per_A"):
            if key not in errors or (not same_heads and key.startswith("forces")):
                continue
            if abs(errors[key] - baseline[key]) > AGREEMENT * baseline[key] + 1e-3:
                raise InputError(
                    f"before the first step {key} is {errors[key]:.4g}, the starting model's {baseline[key]:.4g}; the "
                    "weights were not carried over as they should be"
                )

    def _run_stage(self, request: StopRequest) -> bool:
        """Steps until a limit (True) or until asked to stop (False)."""
        progress, clock = self.progress, Clock()
        limits = self.stage.config.limits
        since_saved = 0.0
        while True:
            batches = self._plan_epoch(progress.epoch)
            while progress.position < len(batches):
                share = progress.share_done(limits, len(batches))
                if share >= 1.0 or (limits.patience is not None and progress.stale >= limits.patience):
                    return True
                self._step(batches[progress.position], share)
                evaluated = self._advance(len(batches))
                passed, stop = self._agree(clock.tick(), request.asked)
                self._spend(passed)
                since_saved += passed
                if progress.step % self.config.output.log_every == 0:
                    self._log(share)
                if evaluated:
                    self._validate()
                    self._spend(self._agree(clock.tick(), False)[0])
                if evaluated or stop or since_saved > 60 * self.config.output.checkpoint_minutes:
                    self._save()
                    since_saved = 0.0
                if stop:
                    return False
                if progress.position == 0:
                    break

    def _plan_epoch(self, epoch: int) -> list[list[int]]:
        batch = self.stage.config.batch
        return plan_epoch(
            self.start.epoch,
            max_atoms=batch.max_atoms,
            max_edges=batch.max_edges,
            seed=self.config.seed,
            epoch=1000 * self.progress.stage + epoch,
        )

    def _step(self, members: list[int], share: float) -> None:
        settings, progress, train = self.stage.config, self.progress, self.start.epoch
        factor = learning_rate_factor(settings.schedule, progress.stage_step, share)
        controls = Controls(
            rate=settings.optimizer.learning_rate * factor,
            coefficients=self.stage.coefficients(share),
            share=self.stage.average.share(progress.stage_step),
        )
        mine = share_batch(train, members, self.world.size)[self.world.rank]
        batch = None
        if mine:
            samples, corruptions = [train[index] for index in mine], None
            if settings.denoising.probability > 0:
                seed = (self.config.seed, progress.step)
                corruptions = corrupt_some(
                    samples, mine, settings.denoising, seed=seed, neighbor_rules=self.start.neighbor_rules
                )
            batch = collate(samples, corruptions, skip_fixed=settings.loss.forces.skip_fixed)
        outcome = self.step(batch, controls)
        self.window.add(*outcome, atoms=sum(train[index].graph.num_atoms for index in members))

    def _advance(self, batches: int) -> bool:
        """Move the counters past the step just done; whether an evaluation is due."""
        progress, validation = self.progress, self.config.validation
        progress.step += 1
        progress.stage_step += 1
        progress.position += 1
        if progress.position == batches:
            progress.epoch, progress.position = progress.epoch + 1, 0
        if validation.every_steps is not None:
            return progress.stage_step % validation.every_steps == 0
        return progress.position == 0 and progress.epoch % validation.every_epochs == 0

    def _agree(self, passed: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock and the wish of any process to stop."""
        if self.world.size == 1:
            return passed, stop
        answers = self.world.gather((passed, stop))
        return answers[0][0], any(answer[1] for answer in answers)

    def _spend(self, seconds: float) -> None:
        self.progress.seconds += seconds
        self.progress.stage_seconds += seconds
        self.window.seconds += seconds

    def _log(self, share: float) -> None:
        """One row of means since the last row."""
        self.window.check(self.progress, self.state_file)
        progress, means = self.progress, self.window.means()
        row: dict[str, float] = {"step": progress.step, "stage": progress.stage, "epoch": progress.epoch}
        row["minutes"] = progress.seconds / 60
        row["learning_rate"] = max(float(group["lr"]) for group in self.stage.optimizer.param_groups)
        terms, coefficients = self.stage.terms, self.stage.coefficients(share)
        row["loss"] = sum(c * mean for c, mean in zip(coefficients, means, strict=False))
        row |= {term.column: mean for term, mean in zip(terms, means, strict=False)}
        row["gradient_norm"] = means[-1]
        if row.get(NoiseSize.column):
            self.noise_left = row[NoiseTerm.column] / row[NoiseSize.column]
        row["atoms_per_second"] = self.window.atoms / max(self.window.seconds, 1e-9)
        self.journal.add_training(row, (progress.stage + share) / len(self.plan))
        self.window.clear()

    def _validate(self) -> dict[str, float]:
        """Evaluate the averaged weights; keep and save them if they are the best so far. Returns their errors."""
        self.window.check(self.progress, self.state_file)
        progress = self.progress
        with self.stage.average.applied():
            evaluation = self._evaluate()
            errors = error_summary(evaluation.comparison)
            row = {"step": progress.step, "epoch": progress.epoch, "minutes": progress.seconds / 60}
            self.journal.add_validation(row | {"loss": evaluation.loss} | errors)
            progress.stale += 1
            progress.evaluated_step = progress.step
            score = self._score(evaluation.loss, errors)
            if score < progress.best_loss:
                progress.best_loss, progress.best_step, progress.stale = score, progress.step, 0
                self.best = {"weights": self.stage.averaged_weights()}
                self._export(BEST_MODEL, errors, progress.step)
        self.journal.say(validation_line(progress, evaluation.loss, errors))
        return errors

    def _score(self, loss: float, errors: dict[str, float]) -> float:
        """What the best model has the lowest of."""
        if self.config.validation.best_by == "loss" or self.start.baseline is None:
            return loss
        return relative_error(errors, self.start.baseline)

    def _evaluate(self, samples: Sequence[Sample] = ()) -> Evaluation:
        """Errors on some samples, by default on those held out."""
        batch = self.stage.config.batch
        return evaluate_samples(
            self.stage.potential,
            samples or self.start.valid or self.start.train,
            self.stage.judged_terms,
            max_atoms=EVALUATION_FACTOR * batch.max_atoms,
            max_edges=EVALUATION_FACTOR * batch.max_edges,
            device=self.device,
            world=self.world,
            skip_fixed=self.stage.config.loss.forces.skip_fixed,
            bfloat16=self.config.dtype == "bfloat16",
        )

    def _export(self, name: str, errors: dict[str, float], step: int) -> None:
        """Save the model with the weights it has now, without what only training needs."""
        if not self.world.speaks:
            return
        from equical.checkpoint import save_checkpoint

        training = {
            **self.start.provenance,
            "config": described(self.config),
            "stage": self.stage.config.name,
            "steps": step,
            "minutes": round(self.progress.seconds / 60, 2),
            "validation": errors,
        }
        save_checkpoint(self.folder / name, plain_potential(self.stage.potential), {"training": training})

    def _end_stage(self) -> None:
        """Evaluate once more if needed; the averaged weights become the weights."""
        if self.progress.evaluated_step != self.progress.step:
            self._validate()
        self._export_last()
        if self.noise_left > NOISE_UNLEARNT and self.progress.stage_step >= NOISE_JUDGED_AFTER:
            left = f"{100 * self.noise_left:.0f} %"
            warn(
                f"stage {self.stage.config.name}: of the noise, {left} is left to predict, so denoising has taught "
                "nothing; train longer, raise denoising.weight, or do without"
            )
        if self.progress.stage + 1 == len(self.plan):
            self.progress.done = True  # and everything that this promises is on disk
            self._save()
        with torch.no_grad():
            torch._foreach_copy_(list(self.stage.potential.parameters()), self.stage.average.weights)

    def _export_last(self) -> None:
        """Save the averaged weights of this moment."""
        with self.stage.average.applied():
            self._export(LAST_MODEL, {}, self.progress.step)

    def _save(self) -> None:
        if not self.world.speaks:
            return
        self.window.check(self.progress, self.state_file)
        self.state_file.parent.mkdir(exist_ok=True)
        state = {
            "signature": self.signature,
            "progress": self.progress.as_dict(),
            "best": self.best,
            "window": self.window.state(),
            **self.stage.state(),
        }
        save_state(self.state_file, state)

    def _trained(self, finished: bool) -> Trained:
        """Evaluate the best model, and export again what is missing of a run that was done."""
        if finished and not (self.folder / LAST_MODEL).is_dir():
            self._export_last()
        weights: list[Tensor] = self.best.get("weights") or self.stage.averaged_weights()
        with using_weights(list(self.stage.potential.parameters()), weights):
            comparison, learned = self._evaluate().comparison, {}
            if self.start.baseline is not None and self.start.valid:
                every = -(-len(self.start.train) // len(self.start.valid))  # as many as there are held out, or fewer
                learned = error_summary(self._evaluate(self.start.train[::every]).comparison)
            if self.best and not (self.folder / BEST_MODEL).is_dir():
                self._export(BEST_MODEL, error_summary(comparison), self.progress.best_step)
        return Trained(
            finished=finished,
            steps=self.progress.step,
            minutes=self.progress.seconds / 60,
            best_step=self.progress.best_step,
            comparison=comparison,
            training_errors=learned,
        )
