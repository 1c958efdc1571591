"""Diagrams of several programs: networks of neurons, computation graphs, points of two classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import networkx
import numpy as np
from PIL import Image

# Okabe and Ito's colours, told apart by the colour-blind
BLUE, ORANGE, GREEN, RED, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#777777"
PINK = "#CC79A7"


def neurons(axis: Any, columns: Sequence[Sequence[str]], weights: Sequence[Any], label: str = "{:g}") -> None:
    """Draw a network neuron by neuron: a column of circles for each layer, an edge for each weight that is
    not zero. `weights[k]` (units of column k, units of column k + 1) are written on the edges with the format
    `label` ("" for none); positive ones are blue, negative ones red, large ones wide."""
    tallest = max(map(len, columns))
    places = [[(3 * k, (len(c) - 1) / 2 - i) for i in range(len(c))] for k, c in enumerate(columns)]
    for left, right, matrix in zip(places[:-1], places[1:], map(np.asarray, weights), strict=True):
        largest = np.abs(matrix).max()
        for (i, j), weight in np.ndenumerate(matrix):
            if weight:
                colour, width = BLUE if weight > 0 else RED, 0.8 + 2.2 * abs(weight) / largest
                (x0, y0), (x1, y1) = left[i], right[j]
                axis.plot([x0, x1], [y0, y1], color=colour, linewidth=width, zorder=1, solid_capstyle="round")
                at = 0.3 if (i + j) % 2 else 0.68  # staggered, so that crossing edges keep their labels apart
                where = (x0 + at * (x1 - x0), y0 + at * (y1 - y0))
                _text(axis, where, label.format(weight) if label else "", colour)
    for column, spots in zip(columns, places, strict=True):
        for text, spot in zip(column, spots, strict=True):
            axis.text(*spot, text, ha="center", va="center", zorder=3, bbox=_circle())
    axis.set_xlim(-0.7, 3 * (len(columns) - 1) + 0.7)
    axis.set_ylim(-tallest / 2 - 0.1, tallest / 2 + 0.1)
    axis.set_axis_off()


def computation(
    axis: Any,
    nodes: Mapping[Any, str],
    edges: Mapping[tuple[Any, Any], str],
    places: Mapping[Any, tuple[float, float]] | None = None,
) -> None:
    """Draw a computation graph: `nodes` maps a name to its text, `edges` maps (from, to) to the text on the
    edge, `places` maps a name to (x, y); without it nodes stand in columns, by the edges before them."""
    if places is None:
        columns = map(sorted, networkx.topological_generations(networkx.DiGraph([*edges])))
        places = {n: (2 * k, (len(c) - 1) / 2 - i) for k, c in enumerate(columns) for i, n in enumerate(c)}
    boxes = {}
    for name, text in nodes.items():
        style = _circle("round,pad=0.35")
        boxes[name] = axis.text(*places[name], text, ha="center", va="center", zorder=3, bbox=style)
    for (start, end), text in edges.items():
        (x0, y0), (x1, y1) = places[start], places[end]
        arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ends = {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
        axis.annotate("", (x1, y1), (x0, y0), arrowprops=arrow | ends, zorder=4)
        _text(axis, (0.46 * x0 + 0.54 * x1, 0.46 * y0 + 0.54 * y1), text, RED)
    across, up = zip(*(places[name] for name in nodes), strict=True)
    axis.set_xlim(min(across) - 0.8, max(across) + 0.8)
    axis.set_ylim(min(up) - 0.6, max(up) + 0.6)
    axis.set_axis_off()


def two_classes(axis: Any, points: Any, kinds: Any, size: float = 130, names: Sequence[str] = ()) -> None:
    """Draw points of the plane, those of kind 1 as blue crosses and those of kind 0 as red circles, each with
    its name beside it if there are names."""
    points, kinds = np.asarray(points), np.asarray(kinds)
    for kind, marker, colour in ((1, "X", BLUE), (0, "o", RED)):
        x, y = points[kinds == kind].T
        axis.scatter(x, y, s=size, color=colour, marker=marker, edgecolor="w", linewidth=0.5, zorder=3)
    for (x, y), name in zip(points, names, strict=False):
        axis.annotate(name, (x, y), (9, 9), textcoords="offset points")


def regions(axis: Any, f: Callable[..., Any], points: Any, kinds: Any, span: float = 4) -> None:
    """Draw where a score f(x=points) is positive and where not, and the points of two classes."""
    line = np.linspace(-span, span, 120, dtype="float32")
    scores = f(x=np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)).reshape(120, 120)
    axis.contourf(line, line, scores, [-np.inf, 0, np.inf], colors=[RED, BLUE], alpha=0.25)
    two_classes(axis, points, kinds, size=25)
    axis.set(xlabel="x₁", ylabel="x₂", xlim=(-span, span), ylim=(-span, span))


def classes(axis: Any, scores: Callable[[Any], Any], low: float, high: float) -> None:
    """Colour the plane by the class of the largest of several scores of its points."""
    line = np.linspace(low, high, 200, dtype="float32")
    largest = scores(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)).argmax(axis=1)
    colours = [BLUE, ORANGE, GREEN, RED, SKY, GREY][: largest.max() + 1]
    levels = np.arange(len(colours) + 1) - 0.5
    axis.contourf(line, line, largest.reshape(200, 200), levels, colors=colours, alpha=0.2)


def _circle(shape: str = "circle,pad=0.4") -> dict[str, Any]:
    return {"boxstyle": shape, "facecolor": "white", "edgecolor": "#333333", "linewidth": 1.2}


def _text(axis: Any, where: tuple[float, float], text: str, colour: str) -> None:
    if text:
        box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}
        axis.text(*where, text, color=colour, ha="center", va="center", fontsize=9, zorder=5, bbox=box)


def laid_out(axis: Any, picture: Any) -> None:
    """Show a picture of `irgraph.draw`."""
    with Image.open(BytesIO(picture.png(dpi=200))) as image:
        axis.imshow(np.asarray(image.convert("RGB")), interpolation="antialiased")
    axis.set_axis_off()


def tiles(axis: Any, images: Any, columns: int, **options: Any) -> Any:
    """Show images of one size in rows, with gaps: red is positive, blue negative, or as `options` say."""
    images = np.asarray(images)
    largest = np.abs(images).max()
    rows = -(-len(images) // columns)
    sheet = np.full((rows * columns, *(size + 1 for size in images.shape[1:])), np.nan)
    sheet[: len(images), 1:, 1:] = images
    height, width = sheet.shape[1:]
    sheet = sheet.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    sheet = np.pad(sheet, ((0, 1), (0, 1)), constant_values=np.nan)
    shown = axis.imshow(sheet, **{"vmin": -largest, "vmax": largest} | options)
    shown.set_cmap(shown.get_cmap().with_extremes(bad="#c8c8c8"))
    axis.set_axis_off()
    return shown
