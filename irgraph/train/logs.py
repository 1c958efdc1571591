"""Logs of the epochs, as files."""

from __future__ import annotations

import csv
import io
import json
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import checked
from ..errors import GraphError, explain
from ..origin import here
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


class _Log(Callback):
    """Writes the file anew from the history when training starts, and adds a row an epoch: a training that is
    resumed goes on with its rows, none twice, and a torn last line is gone."""

    @checked
    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._names: list[str] | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        if self.path.exists() and not self.path.is_file():
            do = "It is written anew when training starts."
            raise GraphError(
                explain(f"the log {self.path}, which is no file", "the path of a file", here(), do)
            )
        history = trainer.history
        self._names = None
        rows = [
            self._row(
                epoch, {name: column[n] for name, column in history.columns.items()}, history.seconds[n]
            )
            for n, epoch in enumerate(history.epochs)
        ]
        with self._writing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_name(self.path.name + ".part")
            temporary.write_text("".join(rows), encoding="utf-8")
            os.replace(temporary, self.path)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: Mapping[str, Any]) -> None:
        with self._writing(), open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(self._row(epoch, values, trainer.history.seconds[-1]))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            found = f"{error.strerror or error} while writing the log {self.path}"
            raise GraphError(explain(found, "a folder and a disk that take it", here())) from error

    @abstractmethod
    def _row(self, epoch: int, values: Mapping[str, Any], seconds: float) -> str:
        """The text of a row, after the header where it is the first."""


class JSONLLogger(_Log):
    """A line of JSON for each epoch: `{"epoch": 1, "loss": …, "seconds": …}`."""

    def _row(self, epoch: int, values: Mapping[str, Any], seconds: float) -> str:
        return json.dumps({"epoch": epoch, **values, "seconds": seconds}) + "\n"


class CSVLogger(_Log):
    """A table with a header: epoch, the values of the first epoch that are numbers, seconds."""

    def _row(self, epoch: int, values: Mapping[str, Any], seconds: float) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._names is None:
            self._names = [name for name, value in values.items() if isinstance(value, (int, float))]
            writer.writerow(["epoch", *self._names, "seconds"])
        writer.writerow([epoch, *[values.get(name, "") for name in self._names], seconds])
        return text.getvalue()
