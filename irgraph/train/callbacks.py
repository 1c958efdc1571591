"""What a trainer calls at the ends of steps and epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..arguments import checked
from ..errors import GraphError, NonFiniteError, explain
from ..origin import here
from .history import is_smaller_better
from .requirements import require_fit

if TYPE_CHECKING:
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


class Callback:
    """Called by a trainer, in the order given. `on_step_end` is called only where a class defines it.

    `state` is what a checkpoint keeps of it: numbers, text and lists, and NumPy arrays as values of the dict.
    `restore` gets that again when a training is resumed, after `on_fit_begin`.

    >>> import irgraph as ig
    >>> class CountEpochs(Callback):
    ...     def on_fit_begin(self, trainer):
    ...         self.count = 0
    ...     def on_epoch_end(self, trainer, epoch, values):
    ...         self.count += 1
    ...     def state(self):
    ...         return {"count": self.count}
    ...     def restore(self, state):
    ...         self.count = state["count"]
    """

    last: ClassVar[bool] = False
    """Whether it is called after those that are not: a checkpoint holds what the others make of an epoch."""

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Training starts: what is counted starts anew."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """An epoch starts, counted from 1."""

    def on_step_end(self, trainer: Trainer, step: int, loss: float) -> None:
        """A step was committed; `step` counts those of the epoch from 1, `loss` is that of the batch."""

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: Mapping[str, Any]) -> None:
        """An epoch ended with these values, which are in `trainer.history` already."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Training ended by itself or by `trainer.stop`; or was interrupted: see `trainer.interrupted`.

        Called in the reverse order.
        """

    def on_not_finite(self, trainer: Trainer, error: NonFiniteError) -> bool:
        """A step was refused: its loss is NaN or infinite. True for stopping without an error."""
        return False

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""


class LambdaCallback(Callback):
    """Calls functions: `on_epoch_end=lambda trainer, epoch, values: …`, and so on for the other moments."""

    @checked
    def __init__(
        self,
        on_epoch_end: Callable[..., Any] | None = None,
        on_step_end: Callable[..., Any] | None = None,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_fit_begin: Callable[..., Any] | None = None,
        on_fit_end: Callable[..., Any] | None = None,
    ) -> None:
        given = {name: function for name, function in locals().items() if name.startswith("on_")}
        for name, function in given.items():
            if function is not None:
                if not callable(function):
                    raise GraphError(explain(f"{name}={function!r}", "a function", here()))
                moment = inspect.signature(getattr(Callback, name))
                values = list(moment.parameters)[1:]
                require_fit(function, f"{name}=", values, {}, f"It is called on {', '.join(values)}.")
                setattr(self, name, function)


class Monitor:
    """Follows a value over epochs and tells when it has improved by more than a tolerance."""

    def __init__(self, name: str, mode: str = "auto", tolerance: float = 0.0) -> None:
        if not tolerance >= 0:
            raise GraphError(explain(f"a tolerance of {tolerance}", "a number of at least 0", here()))
        self.name = name
        self.tolerance = tolerance
        self._smaller = is_smaller_better(name, mode)
        self.best: float | None = None

    def begin(self, trainer: Trainer) -> None:
        """Before the first step: raise GraphError where no epoch will have the value."""
        if self.name not in trainer.told:
            raise self._unknown(trainer.told)

    def value(self, values: Mapping[str, Any]) -> float:
        """The value among those of an epoch. Raises GraphError where it is not there, or no number."""
        found = values.get(self.name)
        if not isinstance(found, (int, float)):
            raise self._unknown(values)
        return float(found)

    def _unknown(self, names: Iterable[str]) -> GraphError:
        do = "Pass validation data to fit." if self.name.startswith("val_") else "Name one of them."
        found = f"no number {self.name!r} to monitor"
        return GraphError(explain(found, f"one of: {', '.join(names)}", here(), do))

    def improved(self, values: Mapping[str, Any]) -> bool:
        """Whether the value is better than the best so far, which it then is. NaN is never better."""
        value = self.value(values)
        if self.best is None:
            better = value == value
        elif self._smaller:
            better = value < self.best - self.tolerance
        else:
            better = value > self.best + self.tolerance
        if better:
            self.best = value
        return better


class EarlyStopping(Callback):
    """Stops when a value has not improved by more than `tolerance` for `patience` epochs.

    With `restore_best` the weights of the best epoch are put back when training ends: what a prediction
    reads, running statistics included, not the optimizer's variables. An interrupted training keeps its own.
    """

    @checked
    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        tolerance: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        if patience < 1:
            raise GraphError(explain(f"a patience of {patience}", "at least 1 epoch", here()))
        self._arguments = (monitor, mode, tolerance)
        self.patience = patience
        self.restore_best = restore_best
        self._begin()

    def _begin(self) -> None:
        self._monitor = Monitor(*self._arguments)
        self.best_epoch = self.waited = 0
        self._weights: dict[str, Array] = {}

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._begin()
        self._monitor.begin(trainer)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: Mapping[str, Any]) -> None:
        if self._monitor.improved(values):
            self.best_epoch, self.waited = epoch, 0
            if self.restore_best:
                self._weights = trainer.weights()
            return
        self.waited += 1
        if self.waited >= self.patience:
            name, best = self._monitor.name, self._monitor.best
            told = f"{best:.6g} of epoch {self.best_epoch}" if best is not None else "any number"
            trainer.stop(f"{name} was not better than {told} for {self.waited} epochs")

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._weights and not trainer.interrupted:
            trainer.state.update(self._weights)

    def state(self) -> dict[str, Any]:
        numbers = {"best": self._monitor.best, "best_epoch": self.best_epoch, "waited": self.waited}
        return numbers | {f"weights/{name}": array for name, array in self._weights.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._monitor.best = state["best"]
        self.best_epoch, self.waited = state["best_epoch"], state["waited"]
        head = "weights/"
        self._weights = {name[len(head) :]: a for name, a in state.items() if name.startswith(head)}


class StopOnNaN(Callback):
    """Stops training where a step is refused for a loss that is not finite, instead of raising the error.

    `error` then names the first node whose result was not finite, and its line; the state is as before that
    step, and so is the history.
    """

    error: NonFiniteError | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.error = None

    def on_not_finite(self, trainer: Trainer, error: NonFiniteError) -> bool:
        self.error = error
        return True
