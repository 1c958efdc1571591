"""Training from several initial values, of which the best result is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GraphError, NonFiniteError, explain
from ..init import initial_array
from ..ops.sources import Parameter
from ..origin import here
from .data import Source
from .history import History

if TYPE_CHECKING:
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


def fit_from_each(
    trainer: Trainer, count: int, fit: Callable[[], History], score: Callable[[], float]
) -> History:
    """Train from the initial values of the trainer's seed and of the next ones, and keep the state of the
    smallest score. All see the same batches.

    A start that diverges counts as the worst; where all do, the last error is raised, and the state is as
    before. After an interrupt no other start is made.
    """
    before, epoch = {name: trainer.state[name] for name in trainer.variables}, trainer.position.epoch
    found: dict[int, History] = {}
    scores: dict[int, float] = {}
    best: tuple[int, dict[str, Array]] | None = None
    failure: NonFiniteError | None = None
    for seed in range(trainer.seed, trainer.seed + count):
        trainer.state.update(initial_values(trainer, seed))
        trainer.restart(epoch)
        try:
            found[seed] = fit()
            scores[seed] = score()
        except NonFiniteError as error:
            failure, found[seed], scores[seed] = error, trainer.history, math.inf
            found[seed].stopped = str(error).partition("\n")[0]
            continue
        if best is None or not scores[best[0]] <= scores[seed]:
            best = seed, {name: trainer.state[name] for name in trainer.variables}
        if trainer.interrupted:
            break
    if best is None:
        trainer.state.update(before)
        raise failure or NonFiniteError("no start")
    trainer.state.update(best[1])
    told = found[best[0]]
    trainer.history = History(told.epochs, told.columns, told.seconds, told.stopped, found, scores)
    return trainer.history


def require_restarts(count: int, resume: object, source: Source) -> None:
    """Raise GraphError where there can't be so many starts."""
    if count < 1:
        raise GraphError(explain(f"restarts={count}", "at least 1", here()))
    if resume is not None:
        do = "Checkpoints are of one training."
        raise GraphError(explain("restarts and resume", "one of them", here(), do))
    if not source.replays:
        do = "Pass a list, or a function of the epoch's number."
        raise GraphError(explain("restarts on a generator", "data for every start", here(), do))


def initial_values(trainer: Trainer, seed: int) -> dict[str, Array]:
    """What the variables of a trainer start from under a seed."""
    values = {}
    for name, value in trainer.graphs.states.items():
        op = value.node.op
        if isinstance(op, Parameter):
            values[name] = initial_array(name, op.type, op.init, seed)
    return values
