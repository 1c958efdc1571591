"""What a training told, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import GraphError, explain
from ..origin import here
from ..tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12  # rows of a table before the middle is left out


@dataclass
class History(Mapping[str, list[Any]]):
    """The values of each epoch by name: `history["loss"]`, `history["val_accuracy"]`.

    `seconds` are the durations of the epochs, and `stopped` says why training ended before its last epoch.
    Where there were several starts, `restarts` has the histories of all and `scores` their losses, by seed.

    >>> history = History()
    >>> history.append(1, {"loss": 0.5, "accuracy": 0.75}, 0.1)
    >>> history.append(2, {"loss": 0.25, "accuracy": 1.0}, 0.1)
    >>> history
    epoch   loss  accuracy
        1    0.5      0.75
        2   0.25         1
    >>> history["loss"], history.best("loss")
    ([0.5, 0.25], (2, 0.25))
    """

    epochs: list[int] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    stopped: str = ""
    restarts: dict[int, History] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)

    def append(self, epoch: int, values: Mapping[str, Any], seconds: float) -> None:
        """Add an epoch, counted from 1. A value that others have not, or lack, is None there."""
        for name in values:
            self.columns.setdefault(name, [None] * len(self.epochs))
        for name, column in self.columns.items():
            column.append(values.get(name))
        self.epochs.append(epoch)
        self.seconds.append(seconds)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.columns:
            known = ", ".join(self.columns) or "none, as no epoch has ended"
            raise GraphError(explain(f"no values {name!r} in the history", f"one of: {known}", here()))
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def best(self, name: str, mode: str = "auto") -> tuple[int, float]:
        """The epoch (counted from 1) of the best value, and the value.

        `mode` is "min", "max", or "auto": what is called loss or error is the better the smaller it is.
        """
        pairs = [
            (value, epoch) for value, epoch in zip(self[name], self.epochs, strict=True) if value is not None
        ]
        chosen = (min if is_smaller_better(name, mode) else max)(pairs, key=lambda pair: pair[0])
        return chosen[1], chosen[0]

    def plot(self) -> Figure:
        """The curves as a Matplotlib figure: one plot for each name, training and validation together.

        Save it with `figure.savefig(path)`. Raises MissingExtra without Matplotlib.
        """
        from ..view.plots import history_curves

        curves = {name: v for name, v in self.columns.items() if all(isinstance(x, float | None) for x in v)}
        return history_curves(self.epochs, curves)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        found: dict[str, Any] = {
            "epochs": list(self.epochs),
            "columns": {name: list(column) for name, column in self.columns.items()},
            "seconds": list(self.seconds),
            "stopped": self.stopped,
        }
        if self.restarts:
            found["restarts"] = {str(seed): each.to_dict() for seed, each in self.restarts.items()}
            found["scores"] = {str(seed): score for seed, score in self.scores.items()}
        return found

    @staticmethod
    def from_dict(found: Mapping[str, Any]) -> History:
        """The history that `to_dict` gave."""
        restarts = {int(seed): History.from_dict(each) for seed, each in found.get("restarts", {}).items()}
        columns = {name: list(column) for name, column in found["columns"].items()}
        scores = {int(seed): float(score) for seed, score in found.get("scores", {}).items()}
        stopped: str = found["stopped"]
        return History(list(found["epochs"]), columns, list(found["seconds"]), stopped, restarts, scores)

    def to_json(self) -> str:
        """As text; `from_json` reads it."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> History:
        """The history that `to_json` wrote. Raises GraphError for another text."""
        try:
            return History.from_dict(json.loads(text))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            found = f"text that is no history ({type(error).__name__}: {error})"
            raise GraphError(explain(found, "what History.to_json wrote", here())) from error

    def table(self) -> Table:
        """The numbers as a table; the middle of a long one is left out."""
        shown = [n for n, v in self.columns.items() if all(isinstance(x, float | int | None) for x in v)]
        rows = [
            [str(epoch), *["" if self.columns[n][i] is None else f"{self.columns[n][i]:.4g}" for n in shown]]
            for i, epoch in enumerate(self.epochs)
        ]
        if len(rows) > SHOWN:
            rows = [*rows[: SHOWN // 2], ["…"] + [""] * len(shown), *rows[-SHOWN // 2 :]]
        return Table("", [("epoch", ">"), *[(name, ">") for name in shown]], rows)

    def __repr__(self) -> str:
        lines = [str(self.table())]
        if self.scores:
            told = ", ".join(f"{score:.4g} (seed {seed})" for seed, score in self.scores.items())
            lines.append(f"the best of {len(self.scores)} starts: {told}")
        if self.stopped:
            lines.append(f"stopped: {self.stopped}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def is_smaller_better(name: str, mode: str = "auto") -> bool:
    """Whether smaller values of this name are better. Raises GraphError for an unknown mode."""
    if mode not in ("auto", "min", "max"):
        raise GraphError(explain(f"the mode {mode!r}", '"auto", "min" or "max"', here()))
    if mode != "auto":
        return mode == "min"
    return not any(word in name for word in ("accuracy", "top_", "r2", "precision", "recall", "f1", "auc"))
