"""Checkpoints while training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..arguments import checked
from ..errors import GraphError, explain
from ..origin import here
from .callbacks import Callback, Monitor

if TYPE_CHECKING:
    from .trainer import Trainer


class Checkpoint(Callback):
    """Saves everything that a training is to a folder, every so many epochs, steps or seconds, and when it
    ends or is interrupted; `fit(…, resume=folder)` goes on from it.

    The newest `keep` checkpoints stay. With `best="val_loss"` the best epoch's is kept in `folder/best` too.
    Without `epochs`, `steps` and `seconds` it saves after every epoch.

    >>> Checkpoint("runs/digits", steps=500, best="val_loss").folder.name
    'digits'
    """

    last: ClassVar[bool] = True

    @checked
    def __init__(
        self,
        folder: str | Path,
        epochs: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
        keep: int = 2,
        best: str | None = None,
        mode: str = "auto",
    ) -> None:
        given = {"epochs": epochs, "steps": steps, "seconds": seconds, "keep": keep}
        for name, number in given.items():
            if number is not None and not number > 0:
                raise GraphError(explain(f"{name}={number}", "a number above 0", here()))
        self.folder = Path(folder)
        self.epochs = 1 if epochs is steps is seconds is None else epochs
        self.steps = steps
        self.seconds = seconds
        self.keep = keep
        self._best = None if best is None else (best, mode)
        self._begin()

    def _begin(self) -> None:
        self._monitor = None if self._best is None else Monitor(*self._best)
        self._due = time.monotonic() + (self.seconds or float("inf"))
        self._saved: tuple[int, int] | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._begin()
        if self._monitor is not None:
            self._monitor.begin(trainer)

    def on_step_end(self, trainer: Trainer, step: int, loss: float) -> None:
        if (self.steps and trainer.position.steps % self.steps == 0) or time.monotonic() >= self._due:
            self._save(trainer)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: Mapping[str, Any]) -> None:
        if self._monitor is not None and self._monitor.improved(values):
            trainer.save(self.folder / "best", keep=1)
        if self.epochs and epoch % self.epochs == 0:
            self._save(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._saved != self._place(trainer):
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save(self.folder, self.keep)
        self._saved = self._place(trainer)
        self._due = time.monotonic() + (self.seconds or float("inf"))

    @staticmethod
    def _place(trainer: Trainer) -> tuple[int, int]:
        return trainer.position.epoch, trainer.position.step

    def state(self) -> dict[str, Any]:
        return {} if self._monitor is None else {"best": self._monitor.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        if self._monitor is not None:
            self._monitor.best = state.get("best")
