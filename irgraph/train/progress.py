"""Showing how far a training is: a bar on a terminal, a display that is replaced in a notebook, a plain line
an epoch elsewhere. A picture changes a few times a second at most, whatever a step takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from html import escape
from types import ModuleType
from typing import Any

from ..tables import quantity

INTERVAL = 0.25  # seconds between two pictures of a bar


class Silent:
    """Shows nothing. The others fill in what they show."""

    due = float("inf")
    """When, on `time.perf_counter`, `step` is to be called next."""

    def start(self, first: int, epochs: int) -> None:
        """Training starts after `first` epochs of `epochs`."""

    def epoch(self, number: int, steps: int | None) -> None:
        """An epoch starts, counted from 1."""

    def step(self, done: int, loss: float) -> None:
        """So many steps of the epoch are done; `loss` is their mean."""

    def end_of_epoch(self, values: Mapping[str, Any], seconds: float) -> None:
        """An epoch ended."""

    def message(self, text: str) -> None:
        """A line of its own."""

    def stop(self) -> None:
        """Training ended, in whatever way."""


class Lines(Silent):
    """A line an epoch."""

    def start(self, first: int, epochs: int) -> None:
        self._number, self._epochs = first, epochs

    def epoch(self, number: int, steps: int | None) -> None:
        self._number = number

    def end_of_epoch(self, values: Mapping[str, Any], seconds: float) -> None:
        self.message(f"{counted(self._number, self._epochs)}  {told(values)}  {duration(seconds)}")

    def message(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Bar(Lines):
    """rich's bar, drawn by the training loop itself: no thread beside it."""

    def start(self, first: int, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().start(first, epochs)
        self._unsaid, self._next_line = "", 0.0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(), auto_refresh=False, transient=True)
        self._task = self._progress.add_task("", total=None, told="")
        self._progress.start()

        self._drawn, self.due = 0, time.perf_counter() + INTERVAL

    def epoch(self, number: int, steps: int | None) -> None:
        super().epoch(number, steps)
        self._steps = steps

    def step(self, done: int, loss: float) -> None:
        if self._drawn != self._number:  # epochs may pass within a moment
            description = counted(self._number, self._epochs)
            self._progress.reset(self._task, total=self._steps, description=description)
            self._drawn = self._number
        self._progress.update(self._task, completed=done, told=f"loss {loss:.4g}")
        self._progress.refresh()
        self.due = time.perf_counter() + INTERVAL

    def end_of_epoch(self, values: Mapping[str, Any], seconds: float) -> None:
        """A line for each epoch, but of those that pass within a moment for the last one."""
        self._unsaid = f"{counted(self._number, self._epochs)}  {told(values)}  {duration(seconds)}"
        if time.perf_counter() >= self._next_line:
            self._say()

    def message(self, text: str) -> None:
        self._say()
        self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        self._say()
        self._progress.stop()

    def _say(self) -> None:
        if self._unsaid:
            self._progress.console.print(self._unsaid, highlight=False, markup=False, soft_wrap=True)
        self._unsaid, self._next_line = "", time.perf_counter() + INTERVAL


class Notebook(Lines):
    """A display that is replaced: a bar, and the values of the last epochs under it."""

    due = 0.0

    def start(self, first: int, epochs: int) -> None:
        super().start(first, epochs)
        self._steps: int | None = None
        self._lines: list[str] = []
        self._handle = _ipython().display.display(self._html(0, ""), display_id=True)

    def epoch(self, number: int, steps: int | None) -> None:
        super().epoch(number, steps)
        self._steps = steps

    def step(self, done: int, loss: float) -> None:
        self._show(done, f"loss {loss:.4g}")
        self.due = time.perf_counter() + 2 * INTERVAL

    def message(self, text: str) -> None:
        self._lines = [*self._lines[-9:], text]
        if time.perf_counter() >= self.due:
            self._show(0, "")
            self.due = time.perf_counter() + 2 * INTERVAL

    def stop(self) -> None:
        self._show(self._steps or 0, "")

    def _show(self, done: int, text: str) -> None:
        if self._handle is not None:
            self._handle.update(self._html(done, text))

    def _html(self, done: int, text: str) -> Any:
        part = f'value="{done}" max="{self._steps}"' if self._steps else ""
        head = f"{counted(self._number, self._epochs)} <progress {part}></progress> {escape(text)}"
        return _ipython().display.HTML(f"<div>{head}<pre>{escape(chr(10).join(self._lines))}</pre></div>")


def find_progress(wanted: bool) -> Silent:
    """What shows progress where this runs."""
    if not wanted:
        return Silent()
    if _in_notebook():
        return Notebook()
    return Bar() if sys.stdout.isatty() else Lines()


def counted(number: int, epochs: int) -> str:
    """Where the training is.

    >>> counted(3, 10)
    'epoch  3/10'
    """
    return f"epoch {number:>{len(str(epochs))}}/{epochs}"


def told(values: Mapping[str, Any]) -> str:
    """The numbers of an epoch in a line; arrays are left out.

    >>> told({"loss": 0.123456, "confusion": [[1, 0], [0, 1]], "val_loss": 2.0})
    'loss 0.1235  val_loss 2'
    """
    return "  ".join(
        f"{name} {value:.4g}" for name, value in values.items() if isinstance(value, (int, float))
    )


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(0.0123), duration(75.0)
    ('12.3 ms', '75.0 s')
    """
    return quantity(seconds, "s") if seconds < 1 else f"{seconds:.1f} s"


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which is the case only where IPython was loaded already."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _ipython() -> ModuleType:
    import importlib

    importlib.import_module("IPython.display")
    return sys.modules["IPython"]
