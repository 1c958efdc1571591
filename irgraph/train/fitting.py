"""The training loop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import FeedError, IrgraphError, NonFiniteError
from .callbacks import Callback
from .data import ArrayBatches, Source
from .graphs import LossNotFinite
from .not_finite import Snapshot, diagnose
from .progress import Silent

if TYPE_CHECKING:
    from .trainer import Trainer

INTERRUPTED = "interrupted"


class Interrupts:
    """Within the block, the first Ctrl-C is noted, to be acted on between two steps; a second one raises.

    Only where Python's own handler would run: in the main thread, and where nobody has set another.
    """

    noted = False

    def __enter__(self) -> Interrupts:
        self._former = None
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._former = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)


class Fit:
    """One call of `fit`: from the trainer's position to the last epoch."""

    def __init__(
        self,
        trainer: Trainer,
        source: Source,
        evaluate: Callable[[], dict[str, Any]] | None,
        epochs: int,
        callbacks: Sequence[Callback],
        progress: Silent,
    ) -> None:
        self.trainer = trainer
        self.source = source
        self.epochs = epochs  # the number at which training is done
        self.callbacks = callbacks
        self.progress = progress
        self._evaluate = evaluate
        self._step = trainer.step  # compiled here, so that the state has all its variables
        self._each_step = [each for each in callbacks if wants_steps(each)]
        self._snapshot = Snapshot(trainer)
        source.first = trainer.position.first

    def run(self) -> None:
        """Train until the last epoch, a callback's stop, an interrupt, or an error."""
        position, progress = self.trainer.position, self.progress
        progress.start(position.epoch - position.first, self.epochs - position.first)
        if position.epoch >= self.epochs > position.first:
            done, asked = position.epoch - position.first, self.epochs - position.first
            progress.message(
                f"nothing left to train: {done} epochs are done, and epochs={asked} is the total"
            )
        try:
            with Interrupts() as interrupts:
                while position.epoch < self.epochs and not position.stopped and not interrupts.noted:
                    self._epoch(interrupts)
            self._end(interrupts.noted)
        finally:
            progress.stop()

    def _end(self, interrupted: bool) -> None:
        trainer, position = self.trainer, self.trainer.position
        trainer.interrupted = interrupted
        trainer.history.stopped = INTERRUPTED if interrupted else position.stopped
        if interrupted:
            done = f"after step {position.step} of epoch {position.epoch + 1 - position.first}"
            self.progress.message(f"interrupted {done}; state and history are kept")
        elif position.stopped:
            self.progress.message(f"stopped: {position.stopped}")
        for callback in reversed(self.callbacks):  # a checkpoint is of what training left
            callback.on_fit_end(trainer)

    def _epoch(self, interrupts: Interrupts) -> None:
        trainer, position = self.trainer, self.trainer.position
        number = position.epoch + 1 - position.first
        started = time.perf_counter()
        self.progress.epoch(number, self.source.steps)
        if position.step == 0:
            for callback in self.callbacks:
                callback.on_epoch_begin(trainer, number)
        if trainer.check_finite:  # else no step is refused
            self._snapshot.take()
        try:
            self._steps(interrupts)
        except LossNotFinite as error:
            self._refused(error)
            return
        if (interrupts.noted or position.stopped) and position.step != self.source.steps:
            return  # within the epoch
        values = trainer.sums.results()
        if self._evaluate is not None:
            values |= {f"val_{name}": value for name, value in self._evaluate().items()}
        seconds = time.perf_counter() - started
        trainer.history.append(number, values, seconds)
        position.epoch, position.step = position.epoch + 1, 0
        trainer.sums.clear()
        self.progress.end_of_epoch(values, seconds)
        for callback in self.callbacks:
            callback.on_epoch_end(trainer, number, values)

    def _steps(self, interrupts: Interrupts) -> None:
        """The steps of an epoch that are left. All that runs a thousand times a second is here."""
        trainer, position, progress = self.trainer, self.trainer.position, self.progress
        step, sums, add, clock = self._step, trainer.sums, trainer.sums.add, time.perf_counter
        each_step = self._each_step
        for feeds, count, weight in self.source.epoch(position.epoch, position.step):
            self.feeds = feeds
            try:
                results = step(**feeds)
            except IrgraphError as error:
                told = f"  in step {position.step + 1} of epoch {position.epoch + 1 - position.first}"
                error.add_note(told + told_example(self.source, error))
                raise
            add(results, count, weight)
            position.step += 1
            position.steps += 1
            if each_step:
                loss = float(results["loss"])
                for callback in each_step:
                    callback.on_step_end(trainer, position.step, loss)
            if clock() >= progress.due:
                progress.step(position.step, sums.mean_loss())
            if interrupts.noted or position.stopped:
                return

    def _refused(self, refused: LossNotFinite) -> None:
        """Find what was not finite first; raise that, unless a callback stops training for it."""
        error: NonFiniteError = diagnose(self, self._snapshot, refused)
        handled = [callback.on_not_finite(self.trainer, error) for callback in self.callbacks]
        if not any(handled):
            raise error from refused
        self.trainer.stop(str(error).partition("\n")[0])


def told_example(source: Source, error: IrgraphError) -> str:
    """Which example of the data it is that an error found in a batch."""
    if isinstance(error, FeedError) and error.position and isinstance(source, ArrayBatches):
        return f", on example {source.example(error.position[0])} of the data"
    return ""


def wants_steps(callback: Callback) -> bool:
    """Whether a callback does something after each step."""
    return type(callback).on_step_end is not Callback.on_step_end or "on_step_end" in vars(callback)
