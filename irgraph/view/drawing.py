"""Pictures of graphs: forward beside backward, layers as clusters, the user's lines as tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

from ..autodiff.structure import Tree, flatten
from ..errors import IrgraphError, explain
from ..function import Function
from ..graph import Graph, name_outputs
from ..origin import here
from .dot import Direction, to_dot
from .program import lay_out, to_svg
from .sketch import Sketch
from .sketching import sketch

Depth = int | Literal["auto", "all"]
Drawable = Function | Graph | Tree
LARGEST = 80  # boxes: a larger picture is collapsed by itself
SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".gv")


@dataclass(frozen=True)
class Picture:
    """DOT text, and what a layout program makes of it when asked. Notebooks show it."""

    dot: str

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element. Raises MissingExtra without a layout program."""
        return to_svg(self.dot)

    def png(self, dpi: int = 144) -> bytes:
        """The picture as a PNG file. Raises MissingExtra without a layout program."""
        return lay_out(self.dot, "png", dpi)

    def save(self, path: str | PathLike[str]) -> None:
        """Write an .svg, .png, .pdf, .dot or .gv file. Raises IrgraphError for another suffix."""
        file = Path(path)
        match file.suffix.lower():
            case ".svg":
                file.write_text(self.svg, encoding="utf-8")
            case ".png":
                file.write_bytes(self.png())
            case ".pdf":
                file.write_bytes(lay_out(self.dot, "pdf"))
            case ".dot" | ".gv":
                file.write_text(self.dot, encoding="utf-8")
            case suffix:
                found = f"the suffix {suffix!r} of {file.name}"
                raise IrgraphError(explain(found, f"one of {', '.join(SUFFIXES)}", here()))

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except IrgraphError:
            return None

    def __repr__(self) -> str:
        return f"<Picture, {len(self.dot.splitlines())} lines of DOT; save(path) writes it>"


def draw(
    what: Drawable,
    path: str | PathLike[str] | None = None,
    *,
    depth: Depth = "auto",
    direction: Direction = "down",
    updates: bool = False,
    constants: bool = False,
    parameters: bool = False,
    shapes: bool = True,
    legend: bool = True,
    title: str = "",
) -> Picture:
    """A picture of a graph, of a compiled function's graph as it was built, or of values with what they need.

    Results are blue and flow down (or to the `right`), gradients red and flow back beside them, updates
    green. What a name says before its last `/` or `.` is a layer: a cluster around its nodes. `depth`
    collapses layers: each one, of which so many parts count, becomes a box; `"all"` shows every node, and
    `"auto"` collapses what would have more than 80 boxes, and there what lies in no layer by its line.
    `updates` shows an optimizer's arithmetic; `constants` and `parameters` are rows of the boxes that read
    them unless asked for as boxes. A picture of what was compiled is `draw(function.program.graph)`.

    With a `path` the picture is written there too, as its suffix says. Laying out needs Graphviz's `dot` or
    the extra `view`; DOT text needs neither. Raises IrgraphError for options that do not exist,
    MissingExtra without a layout program.

    >>> import irgraph as ig
    >>> x = ig.input("x", ("batch", 3))
    >>> picture = draw(ig.tanh(x @ ig.parameter("encoder/w", (3, 2))))
    >>> "cluster_encoder" in picture.dot
    True
    """
    whole = sketch(graph_of(what), constants, parameters)
    return picture(
        whole,
        path,
        depth=depth,
        direction=direction,
        updates=updates,
        shapes=shapes,
        legend=legend,
        title=title,
    )


def picture(
    whole: Sketch,
    path: str | PathLike[str] | None = None,
    *,
    depth: Depth = "auto",
    direction: Direction = "down",
    updates: bool = False,
    shapes: bool = True,
    legend: bool = True,
    title: str = "",
) -> Picture:
    """The picture of a sketch, whatever it is a sketch of; the options are those of `draw`."""
    if depth not in ("auto", "all") and (isinstance(depth, (str, bool)) or depth < 0):
        raise IrgraphError(explain(f"depth={depth!r}", 'a number of at least 0, "auto" or "all"', here()))
    if direction not in get_args(Direction):
        raise IrgraphError(explain(f"direction={direction!r}", '"down" or "right"', here()))
    shown = whole if updates else whole.collapsed(whole.depth, only=["update"])
    if isinstance(depth, int):
        shown = whole.collapsed(depth)
    elif depth == "auto" and len(shown.boxes) > LARGEST:
        shown = _small(whole)
    made = Picture(to_dot(Sketch(shown.boxes, shown.wires, title), direction, shapes, legend))
    if path is not None:
        made.save(path)
    return made


def _small(whole: Sketch) -> Sketch:
    """The most detailed of the collapsed ones that is small; else what is in no layer is taken by its
    line."""
    for depth in range(whole.depth, 0, -1):
        shown = whole.collapsed(depth)
        if len(shown.boxes) <= LARGEST:
            return shown
    return whole.by_place().collapsed(1)


def graph_of(what: Drawable) -> Graph:
    """The graph that a user means by a graph, a function, or values."""
    if isinstance(what, Function):
        return what.graph
    if isinstance(what, Graph):
        return what
    values = flatten(what, "what to draw")
    named = {str(k): v for k, v in what.items()} if isinstance(what, Mapping) else name_outputs(values)
    return Graph(named)
