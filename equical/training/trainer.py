"""The training loop: steps, evaluations and checkpoints, stage after stage, resumable at any step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from equical.errors import InputError
from equical.model import Potential
from equical.training.batching import collate, plan_epoch, share_batch
from equical.training.checkpointing import load_state, save_state
from equical.training.config import StageConfig, TrainConfig, described
from equical.training.distributed import World
from equical.training.ema import using_weights
from equical.training.metrics import Comparison, error_summary, errors_by_element, errors_by_group
from equical.training.optimizer import learning_rate_factor, set_learning_rate
from equical.training.prepare import Prepared
from equical.training.progress import Clock, Progress, StopRequest, heed_signals
from equical.training.records import CsvTable
from equical.training.signature import check_signature, run_signature
from equical.training.stages import begin_stage
from equical.training.step import Evaluation, evaluate, train_step

__all__ = ["TrainResult", "Trainer"]

EVALUATION_FACTOR = 2
"""Batches of an evaluation may be this much larger: nothing is kept for a second derivative."""


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        folder: of the run; the best model is in its ``model/``.
        finished: whether every stage reached a limit; false after an interruption (resume to go on).
        steps: optimiser steps.
        minutes: time spent.
        best_step: step of the best model.
        validation: errors of the best model on the validation data; on the training data where there are none.
        by_dataset: the same for each data set.
        by_element: errors of forces on each element.
        comparison: labels and predictions behind these numbers.
    """

    folder: Path
    finished: bool
    steps: int
    minutes: float
    best_step: int
    validation: dict[str, float]
    by_dataset: dict[str, dict[str, float]]
    by_element: dict[str, dict[str, float]]
    comparison: Comparison


class Trainer:
    """Runs the stages of a configuration in a folder.

    Args:
        config: of the run.
        prepared: samples and starting model.
        folder: for tables, checkpoints and models.
        world: the processes that share the work.
        report: receives lines for the user.
        bar: receives the share of the run that is done (0 to 1) and a short status, about once per log interval.
    """

    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        folder: Path,
        *,
        world: World | None = None,
        report: Callable[[str], None] = print,
        bar: Callable[[float, str], None] = lambda share, status: None,
    ):
        self.config, self.prepared, self.folder = config, prepared, folder
        self.world = world or World()
        self.report = report if self.world.speaks else _silent
        self.bar = bar if self.world.speaks else _silent
        self.plan = config.plan
        self.device = _device(config.device, self.world)
        self.progress = Progress()
        self.best: dict[str, Any] = {}
        self.window = torch.zeros(0)
        self.window_steps = self.window_atoms = 0
        self.window_seconds = 0.0

    def run(self, *, resume: bool = False) -> TrainResult:
        """Train until the last stage is done or the process is asked to stop.

        Raises:
            InputError: the folder's state belongs to another configuration or other data, or the loss is no number.
        """
        state = load_state(self.state_file) if resume else None
        if state is not None:
            check_signature(state["signature"], self.signature, self.state_file)
            self.progress = Progress(**state["progress"])
        self.state_file.parent.mkdir(exist_ok=True)
        if self.world.speaks:
            self.training_table = CsvTable(self.folder / "training.csv", self.progress.step)
            self.validation_table = CsvTable(self.folder / "validation.csv", self.progress.step)
        potential = self._rebuild()
        with heed_signals() as request:
            while True:
                self._begin_stage(potential, state)
                state = None
                if not self.progress.done:
                    if not self._run_stage(request):
                        return self._result(finished=False)
                    self._end_stage()
                if self.progress.done:
                    return self._result(finished=True)
                potential = self.stage.potential
                self.progress.next_stage()

    @property
    def state_file(self) -> Path:
        """Where the state for resuming is kept."""
        return self.folder / "checkpoints" / "last.pt"

    @property
    def signature(self) -> dict[str, Any]:
        """What a resumed run must have in common with this one."""
        return run_signature(self.config, self.prepared.provenance)

    def _rebuild(self) -> Potential:
        """A model with the architecture of the stage before the current one; its weights come from the state."""
        from equical.training.stages import stage_potential

        potential = self.prepared.potential
        for settings in self.plan[: self.progress.stage]:
            potential = stage_potential(potential, settings.model)
        return potential

    def _begin_stage(self, before: Potential, state: dict[str, Any] | None) -> None:
        """Set up the current stage, from a saved state or afresh."""
        settings = self.plan[self.progress.stage]
        seed = self.config.seed + self.progress.stage
        self.stage = begin_stage(settings, before, self.prepared.train, self.device, seed)
        if state is not None:
            self._restore(state)
            return
        self._announce(settings)
        self.best = {}
        self._clear_window()
        self._save()

    def _run_stage(self, request: StopRequest) -> bool:
        """Steps until a limit (True) or until asked to stop (False)."""
        stage, progress, clock = self.stage, self.progress, Clock()
        limits = stage.config.limits
        since_saved = 0.0
        while True:
            batches = self._plan_epoch()
            while progress.position < len(batches):
                share = progress.share_done(limits, len(batches))
                patient = limits.patience is None or progress.stale < limits.patience
                if share >= 1.0 or not patient:
                    return True
                self._step(batches[progress.position], share)
                evaluated = self._evaluation_due(len(batches))
                if progress.position + 1 == len(batches):
                    progress.epoch, progress.position = progress.epoch + 1, 0
                else:
                    progress.position += 1
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

    def _plan_epoch(self) -> list[list[int]]:
        batch = self.stage.config.batch
        return plan_epoch(
            self.prepared.train,
            max_atoms=batch.max_atoms,
            max_edges=batch.max_edges,
            seed=self.config.seed,
            epoch=1000 * self.progress.stage + self.progress.epoch,
        )

    def _step(self, members: list[int], share: float) -> None:
        settings, progress = self.stage.config, self.progress
        rate = settings.optimizer.learning_rate
        set_learning_rate(
            self.stage.optimizer, rate * learning_rate_factor(settings.schedule, progress.stage_step, share)
        )
        mine = share_batch(self.prepared.train, members, self.world.size)[self.world.rank]
        batch = None
        if mine:
            samples = [self.prepared.train[index] for index in mine]
            batch = collate(samples, skip_fixed=settings.loss.forces.skip_fixed).to(self.device)
        outcome = train_step(
            self.stage.potential,
            self.stage.optimizer,
            batch,
            self.stage.terms,
            clip_norm=settings.optimizer.clip_norm,
            world=self.world,
        )
        self.stage.average.update(progress.stage_step)
        progress.step += 1
        progress.stage_step += 1
        self.window += outcome
        self.window_steps += 1
        self.window_atoms += sum(self.prepared.train[index].graph.num_atoms for index in members)

    def _agree(self, passed: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock and the wish of any process to stop."""
        if self.world.size == 1:
            return passed, stop
        answers = self.world.gather((passed, stop))
        return answers[0][0], any(answer[1] for answer in answers)

    def _spend(self, seconds: float) -> None:
        self.progress.seconds += seconds
        self.progress.stage_seconds += seconds
        self.window_seconds += seconds

    def _evaluation_due(self, batches: int) -> bool:
        """Whether the step just done is followed by an evaluation; called before the position moves on."""
        progress, validation = self.progress, self.config.validation
        if validation.every_steps is not None:
            return progress.stage_step % validation.every_steps == 0
        return progress.position + 1 == batches and (progress.epoch + 1) % validation.every_epochs == 0

    def _clear_window(self) -> None:
        self.window = torch.zeros(len(self.stage.terms) + 1, dtype=torch.float64, device=self.device)
        self.window_steps = self.window_atoms = 0
        self.window_seconds = 0.0

    def _log(self, share: float) -> None:
        """One row of means since the last row."""
        means = self._checked_means()
        progress = self.progress
        row: dict[str, float] = {"step": progress.step, "stage": progress.stage, "epoch": progress.epoch}
        row["minutes"] = progress.seconds / 60
        row["learning_rate"] = self.stage.optimizer.param_groups[0]["lr"]
        row["loss"] = sum(t.coefficient * m for t, m in zip(self.stage.terms, means, strict=False))
        names = {"energy": "energy_eV_per_atom", "forces": "forces_eV_per_A", "stress": "stress_eV_per_A3"}
        row |= {names[term.name]: mean for term, mean in zip(self.stage.terms, means, strict=False)}
        row["gradient_norm"] = means[-1]
        row["atoms_per_second"] = self.window_atoms / max(self.window_seconds, 1e-9)
        if self.world.speaks:
            self.training_table.add(row)
        self.bar((progress.stage + share) / len(self.plan), f"step {progress.step} loss {row['loss']:.4g}")
        self._clear_window()

    def _checked_means(self) -> list[float]:
        """Mean errors since the last row, or an error if training has gone astray."""
        means: list[float] = (self.window / max(self.window_steps, 1)).tolist()
        if not all(isfinite(mean) for mean in means):
            raise InputError(
                f"the loss is no longer a number at step {self.progress.step}; lower the learning rate or look for "
                f"outliers with `equical data check`. The state before is in {self.state_file}"
            )
        return means

    def _validate(self) -> None:
        """Evaluate the averaged weights; keep and save them if they are the best so far."""
        self._checked_means()
        with self.stage.average.applied():
            evaluation = self._evaluate()
            errors = error_summary(evaluation.comparison)
            progress = self.progress
            if self.world.speaks:
                row = {"step": progress.step, "epoch": progress.epoch, "minutes": progress.seconds / 60}
                self.validation_table.add(row | {"loss": evaluation.loss} | errors)
            progress.stale += 1
            progress.evaluated_step = progress.step
            if evaluation.loss < progress.best_loss:
                progress.best_loss, progress.best_step, progress.stale = evaluation.loss, progress.step, 0
                self.best = {"weights": self.stage.averaged_weights()}
                self._export("model", errors)
        self.report(_validation_line(progress, evaluation.loss, errors))

    def _evaluate(self) -> Evaluation:
        batch = self.stage.config.batch
        return evaluate(
            self.stage.potential,
            self.prepared.valid or self.prepared.train,
            self.stage.terms,
            max_atoms=EVALUATION_FACTOR * batch.max_atoms,
            max_edges=EVALUATION_FACTOR * batch.max_edges,
            device=self.device,
            world=self.world,
            skip_fixed=self.stage.config.loss.forces.skip_fixed,
        )

    def _export(self, name: str, errors: dict[str, Any]) -> None:
        """Save the model with the weights it has now."""
        if not self.world.speaks:
            return
        from equical.checkpoint import save_checkpoint

        metadata = {
            "training": {
                **self.prepared.provenance,
                "config": described(self.config),
                "stage": self.stage.config.name,
                "steps": self.progress.step,
                "minutes": round(self.progress.seconds / 60, 2),
                "validation": errors,
            }
        }
        save_checkpoint(self.folder / name, self.stage.potential, metadata)

    def _end_stage(self) -> None:
        """Evaluate once more if needed; the averaged weights become the weights."""
        if self.progress.evaluated_step != self.progress.step:
            self._validate()
        if self.progress.stage + 1 == len(self.plan):
            self.progress.done = True
            self._save()
        with torch.no_grad():
            torch._foreach_copy_(list(self.stage.potential.parameters()), self.stage.average.weights)
        self._export("model_last", {})

    def _save(self) -> None:
        if not self.world.speaks:
            return
        self._checked_means()
        window = {"sums": self.window, "steps": self.window_steps, "atoms": self.window_atoms}
        state = {
            "signature": self.signature,
            "progress": self.progress.as_dict(),
            "best": self.best,
            "window": window | {"seconds": self.window_seconds},
            **self.stage.state(),
        }
        save_state(self.state_file, state)

    def _restore(self, state: dict[str, Any]) -> None:
        self.stage.load(state)
        self.best = state["best"]
        window = state["window"]
        self.window = window["sums"].to(self.device)
        self.window_steps, self.window_atoms = window["steps"], window["atoms"]
        self.window_seconds = window["seconds"]
        self.report(f"resuming at step {self.progress.step}")

    def _announce(self, settings: StageConfig) -> None:
        if len(self.plan) > 1:
            self.report(f"stage {self.progress.stage + 1} of {len(self.plan)}: {settings.name}")
        names = ", ".join(f"{term.coefficient:g}·{term.name}" for term in self.stage.terms)
        self.report(f"loss: {names}")

    def _result(self, finished: bool) -> TrainResult:
        weights: list[Tensor] = self.best.get("weights") or self.stage.averaged_weights()
        with using_weights(list(self.stage.potential.parameters()), weights):
            comparison = self._evaluate().comparison
        return TrainResult(
            folder=self.folder,
            finished=finished,
            steps=self.progress.step,
            minutes=self.progress.seconds / 60,
            best_step=self.progress.best_step,
            validation=error_summary(comparison),
            by_dataset=errors_by_group(comparison),
            by_element=errors_by_element(comparison),
            comparison=comparison,
        )


def _device(name: str, world: World) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and world.size > 1:
        name = f"cuda:{world.local_rank}"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} cannot be used here; choose cpu, cuda or auto") from error
    return torch.device(name)


def _validation_line(progress: Progress, loss: float, errors: dict[str, float]) -> str:
    shown = {"energy_rmse_meV_per_atom": "E {:.2f} meV/atom", "forces_mae_meV_per_A": "F {:.2f} meV/Å"}
    shown["stress_mae_meV_per_A3"] = "stress {:.3f} meV/Å³"
    parts = [text.format(errors[key]) for key, text in shown.items() if key in errors]
    best = " *" if progress.best_step == progress.step else ""
    where = f"{progress.seconds / 60:7.1f} min  epoch {progress.epoch:4d}  step {progress.step:6d}"
    return f"{where}  validation loss {loss:.4g}: {', '.join(parts)}{best}"


def _silent(*_: object) -> None:
    return None
