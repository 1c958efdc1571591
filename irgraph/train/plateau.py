"""A smaller learning rate where a value no longer gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import checked
from ..optim import plateau
from .callbacks import Callback, Monitor
from .history import is_smaller_better

if TYPE_CHECKING:
    from .trainer import Trainer

RATE, SCALE = "learning_rate", "learning_rate/scale"


class ReduceLROnPlateau(Callback):
    """Multiplies learning rates by `factor` after more than `patience` epochs without a better value.

    The options are those of `irgraph.optim.ReduceLROnPlateau`, which counts. Of a schedule the scale is
    multiplied, else the rate itself; rates do not fall below `minimum`.

    >>> ReduceLROnPlateau("val_loss", factor=0.5, patience=3).monitor
    'val_loss'
    """

    @checked
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
        mode: str = "auto",
    ) -> None:
        self.monitor = monitor
        self.minimum = minimum
        self._options = {
            "factor": factor,
            "patience": patience,
            "threshold": threshold,
            "cooldown": cooldown,
            "mode": "min" if is_smaller_better(monitor, mode) else "max",
        }
        self._begin()

    def _begin(self) -> None:
        options: dict[str, Any] = self._options
        self._plateau = plateau.ReduceLROnPlateau(**options)

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._begin()
        Monitor(self.monitor).begin(trainer)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: Mapping[str, Any]) -> None:
        factor = self._plateau.update(Monitor(self.monitor).value(values))
        if factor == 1.0:
            return
        for name in rates(trainer):
            number = float(trainer.state[name])
            least = min(number, self.minimum) if name.endswith(RATE) else 0.0
            trainer.state[name] = max(number * factor, least)

    def state(self) -> dict[str, Any]:
        return dict(self._plateau.state())

    def restore(self, state: Mapping[str, Any]) -> None:
        self._plateau.load(state)


def rates(trainer: Trainer) -> list[str]:
    """What may be set of the learning rates of a trainer's step: the rate, or the scale of a schedule."""
    names = list(trainer.step.graph.states)
    scales = [name for name in names if _is(name, SCALE)]
    scheduled = {name.removesuffix("/scale") for name in scales}
    return scales + [name for name in names if _is(name, RATE) and name not in scheduled]


def _is(name: str, ending: str) -> bool:
    return name == ending or name.endswith(f"/{ending}")
