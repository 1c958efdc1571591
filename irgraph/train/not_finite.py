"""A loss that is NaN or infinite: which node was the first, and the state as it was before.

The step itself is refused before it writes anything. Where the loss is not finite because an earlier step
left a variable that is not (its loss was finite, its gradient was not), the epoch is run again from a copy of
the state at its start, with every node looked at, up to that earlier step; the state is left as before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FeedError, NonFiniteError, explain
from ..state import State
from ..types import numpy_kind
from .data import require_finite

if TYPE_CHECKING:
    from .fitting import Fit
    from .graphs import LossNotFinite
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


class Snapshot:
    """A copy of state, position and sums at the start of an epoch, in memory that is used again."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.names = list(trainer.step.graph.states)
        self.arrays: dict[str, Any] = {}

    def take(self) -> None:
        """Copy, on the device where the state is."""
        trainer = self._trainer
        for name in self.names:
            array = trainer.state.arrays[name]
            known = self.arrays.get(name)
            if known is None:
                self.arrays[name] = array.copy()
            else:
                known[...] = array
        self.step, self.steps = trainer.position.step, trainer.position.steps
        self.sums = trainer.sums.state()

    def on_host(self) -> dict[str, Array]:
        """The copy as NumPy's arrays."""
        return {name: self._trainer.executor.to_host(array) for name, array in self.arrays.items()}


def diagnose(fit: Fit, snapshot: Snapshot, refused: LossNotFinite) -> NonFiniteError:
    """The error that names the first thing that was not finite."""
    trainer = fit.trainer
    position = trainer.position
    where = f"step {position.step + 1} of epoch {position.epoch + 1 - position.first}"
    try:
        require_finite(fit.feeds, f"the batch of {where}")
    except FeedError as error:
        return NonFiniteError(str(error))
    spoiled = [name for name in snapshot.names if not _is_finite(trainer.state[name])]
    if spoiled:
        return _earlier(fit, snapshot, spoiled, where)
    scratch = _copied(trainer, {name: trainer.state[name] for name in snapshot.names})
    found = _checked(trainer, scratch, fit.feeds)
    if found is None:
        found = NonFiniteError(explain(f"{refused}", "a finite loss", do="Each node is finite by itself."))
    found.add_note(f"  in {where}; state and history are those before it.")
    return found


def _earlier(fit: Fit, snapshot: Snapshot, spoiled: list[str], where: str) -> NonFiniteError:
    """Run the epoch again to the step that spoiled a variable."""
    trainer, position = fit.trainer, fit.trainer.position
    scratch = _copied(trainer, snapshot.on_host())
    step = trainer.graphs.checked_step(scratch)
    trainer.sums.restore(*snapshot.sums)
    if fit.source.replays:
        for done, (feeds, count, weight) in enumerate(fit.source.epoch(position.epoch, snapshot.step)):
            try:
                results = step(**feeds)
            except NonFiniteError as error:
                _put_back(trainer, scratch, snapshot, done)
                told = f"step {position.step + 1} of epoch {position.epoch + 1 - position.first}"
                error.add_note(f"  in {told}, found as the loss of {where} was not finite")
                error.add_note("  State and history are those before it.")
                return error
            trainer.sums.add(results, count, weight)
            if snapshot.step + done >= position.step:
                break
    trainer.sums.restore(*snapshot.sums)
    _put_back(trainer, _copied(trainer, snapshot.on_host()), snapshot, 0)
    found = f"a loss that is not finite in {where}, as {', '.join(spoiled)} is not since an earlier step"
    do = "State and history are those at the start of the epoch. Lower the learning rate, or clip gradients."
    return NonFiniteError(explain(found, "finite numbers", do=do))


def _put_back(trainer: Trainer, state: State, snapshot: Snapshot, done: int) -> None:
    trainer.state.update(state)
    trainer.position.step, trainer.position.steps = snapshot.step + done, snapshot.steps + done


def _checked(trainer: Trainer, scratch: State, feeds: dict[str, Array]) -> NonFiniteError | None:
    """What a step in which every node is looked at says to a batch."""
    try:
        trainer.graphs.checked_step(scratch)(**feeds)
    except NonFiniteError as error:
        return error
    return None


def _copied(trainer: Trainer, arrays: dict[str, Any]) -> State:
    """A state of its own with these contents."""
    state = State(trainer.executor.to_device, trainer.executor.to_host)
    state.admit(trainer.step.graph.states, trainer.seed)
    state.update(arrays)
    return state


def _is_finite(array: Array) -> bool:
    return numpy_kind(array.dtype) not in "fc" or bool(np.isfinite(array).all())
