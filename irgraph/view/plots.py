"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..extras import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS, SMOOTH, ACCURACY, QUIET = "#a9c5de", "#1f5f99", "#c2571a", "#6b7280"


def training_curve(
    losses: Sequence[float], accuracies: Sequence[float], target: float | None = None, title: str = ""
) -> Figure:
    """The loss of every step, on a log scale, above the held-out accuracy after every epoch.

    `accuracies` are fractions, one for each epoch of equally many steps; `target` is a line to reach.
    Save the figure with `figure.savefig(path)`. Raises MissingExtra without Matplotlib.
    """
    figures = import_extra("matplotlib.figure", "demo", "draw the training curve")
    figure: Figure = figures.Figure(figsize=(8, 5.5), dpi=150, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    _draw_losses(above, np.asarray(losses, float))
    _draw_accuracies(below, len(losses), 100 * np.asarray(accuracies, float), target)
    for axes in (above, below):
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=QUIET)
    return figure


def history_curves(epochs: Sequence[int], columns: Mapping[str, Sequence[float | None]]) -> Figure:
    """The values of each epoch: one plot for each name, that of training and `val_` of it together.

    Raises MissingExtra without Matplotlib.
    """
    figures = import_extra("matplotlib.figure", "demo", "draw the history")
    names = list(dict.fromkeys(name.removeprefix("val_") for name in columns))
    height = 2.2 + 2.2 * max(1, len(names))
    figure: Figure = figures.Figure(figsize=(8, height), dpi=150, layout="constrained")
    rows = figure.subplots(max(1, len(names)), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(rows, names, strict=False):
        for key, label, color in ((name, "training", SMOOTH), (f"val_{name}", "validation", ACCURACY)):
            if key in columns:
                values = np.array([np.nan if value is None else value for value in columns[key]], float)
                axes.plot(epochs, values, color=color, linewidth=1.8, marker="o", markersize=3, label=label)
        axes.set_ylabel(name)
        axes.legend(frameon=False)
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=QUIET)
    rows[-1].set_xlabel("epoch")
    return figure


def _draw_losses(axes: Axes, losses: np.ndarray) -> None:
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=LOSS, linewidth=0.7, label="each step")
    window = max(1, len(losses) // 40)
    if window > 1:
        smooth = np.convolve(losses, np.full(window, 1 / window), "valid")
        first = window // 2  # each mean stands at the middle of its steps
        axes.plot(
            steps[first : first + len(smooth)],
            smooth,
            color=SMOOTH,
            linewidth=1.8,
            label=f"mean of {window} steps",
        )
    axes.set_yscale("log")
    axes.set_ylabel("training loss")
    axes.legend(frameon=False, loc="upper right")


def _draw_accuracies(axes: Axes, steps: int, percent: np.ndarray, target: float | None) -> None:
    ends = steps / len(percent) * np.arange(1, len(percent) + 1)
    axes.plot(ends, percent, color=ACCURACY, linewidth=1.8, marker="o", markersize=3)
    shown = [*percent]
    if target is not None:
        axes.axhline(100 * target, color=QUIET, linewidth=1, linestyle="--")
        axes.annotate(
            f"target {100 * target:g} %",
            (1, 100 * target),
            xycoords=("axes fraction", "data"),
            xytext=(0, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            color=QUIET,
        )
        shown.append(100 * target)
    axes.annotate(
        f"{percent[-1]:.1f} %",
        (ends[-1], percent[-1]),
        xytext=(0, 5),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=ACCURACY,
        fontweight="bold",
    )
    room = max(1.0, 0.2 * (max(shown) - min(shown)))
    axes.set_ylim(min(shown) - room, max(shown) + 1.5 * room)
    axes.set_xlim(0, steps)
    axes.set_ylabel("held-out accuracy, %")
    axes.set_xlabel("step")
