"""From a sketch to DOT text, and all that is a matter of taste: colours, fonts, shapes."""

from __future__ import annotations

from html import escape
from typing import Literal

from .parts import Kind, Layer
from .sketch import Box, Sketch, Wire

Direction = Literal["down", "right"]

FONT = "Helvetica"  # every renderer knows its metrics
INK, QUIET, FAINT = "#1f2937", "#6b7280", "#9ca3af"
COLOURS: dict[Kind, tuple[str, str]] = {  # fill, line
    "input": ("#f3f4f6", "#6b7280"),
    "parameter": ("#fef6dc", "#b08900"),
    "state": ("#f7f1e3", "#a08968"),
    "constant": ("#ffffff", "#9ca3af"),
    "forward": ("#e4eef8", "#1f5f99"),
    "backward": ("#fbe9df", "#c2571a"),
    "tangent": ("#efe6f7", "#7a45a8"),
    "update": ("#e2f2e6", "#2f7d4f"),
}
WEIGHTS: dict[Kind, str] = {"forward": "20", "backward": "6"}  # how straight an arrow is wanted
MEANING: dict[Kind, str] = {
    "input": "input",
    "parameter": "parameter",
    "state": "state",
    "constant": "constant",
    "forward": "forward",
    "backward": "backward",
    "tangent": "tangent",
    "update": "update",
}


def to_dot(sketch: Sketch, direction: Direction = "down", shapes: bool = True, legend: bool = True) -> str:
    """The DOT text of a sketch: a cluster for each layer, nested as the paths are."""
    lines = ["digraph {", *_defaults(sketch, direction, legend)]
    lines += _clusters(sketch)
    kind = {box.key: box.kind for box in sketch.boxes}
    rank = _ranks(sketch, kind)
    for wire in sketch.wires:
        upward = rank[wire.source] > rank[wire.target]
        lines.append(_edge(wire, kind[wire.source], kind[wire.target], upward, shapes))
    return "\n".join([*lines, "}", ""])


def _defaults(sketch: Sketch, direction: Direction, legend: bool) -> list[str]:
    graph = {
        "rankdir": "TB" if direction == "down" else "LR",
        "fontname": FONT,
        "bgcolor": "white",
        "nodesep": "0.22",
        "ranksep": "0.32",
        "pad": "0.2",
        "tooltip": sketch.title or " ",
    }
    node = {"fontname": FONT, "fontsize": "11", "fontcolor": INK, "shape": "box", "style": "rounded,filled"}
    node |= {"height": "0.3", "width": "0.5", "margin": "0.12,0.05", "penwidth": "1.1"}
    edge = {"fontname": FONT, "fontsize": "8.5", "fontcolor": QUIET, "arrowsize": "0.55", "penwidth": "1"}
    lines = [f"  graph {attributes(graph)}", f"  node {attributes(node)}", f"  edge {attributes(edge)}"]
    if legend or sketch.title:
        lines.append(f"  label=<{_legend(sketch, legend)}> labelloc=b labeljust=c")
    return lines


def _legend(sketch: Sketch, legend: bool) -> str:
    cells = []
    if sketch.title:
        cells.append(f'<td><font point-size="11" color="{INK}"><b>{escape(sketch.title)}</b></font></td>')
    for kind in sketch.kinds if legend else ():
        fill, line = COLOURS[kind]
        swatch = (
            f'<td bgcolor="{fill}" border="1" color="{line}" width="14" height="10" fixedsize="true"></td>'
        )
        cells.append(swatch + f'<td><font point-size="9" color="{QUIET}">{MEANING[kind]}</font></td>')
    row = '<td width="10"></td>'.join(cells)
    return f'<table border="0" cellborder="0" cellspacing="4" cellpadding="1"><tr>{row}</tr></table>'


def _clusters(sketch: Sketch) -> list[str]:
    """The nodes, each within the clusters of its layer."""
    inside: dict[Layer, list[Box]] = {}
    children: dict[Layer, dict[Layer, None]] = {}
    for box in sketch.boxes:
        inside.setdefault(box.layer, []).append(box)
        for length in range(len(box.layer)):
            children.setdefault(box.layer[:length], {})[box.layer[: length + 1]] = None
    lines: list[str] = []
    stack: list[tuple[Layer, bool]] = [((), False)]
    while stack:
        layer, leaving = stack.pop()
        indent = "  " * (len(layer) + 1)
        if leaving:
            lines.append(indent[2:] + "}")
            continue
        if layer:
            lines += _cluster_head(layer, indent)
            stack.append((layer, True))
        lines += [indent + _node(box) for box in inside.get(layer, ())]
        stack += [(child, False) for child in reversed(children.get(layer, {}))]
    return lines


def _cluster_head(layer: Layer, indent: str) -> list[str]:
    path = ".".join(layer)
    name = layer[-1] if len(layer) == 1 else path
    style = {"label": name, "tooltip": path, "style": "rounded,filled", "margin": "9"}
    style |= {"color": "#d6dbe3", "fillcolor": "#fafbfc" if len(layer) % 2 else "#f3f5f8"}
    style |= {"fontsize": "10", "fontcolor": QUIET, "labeljust": "l", "fontname": FONT, "labelloc": "t"}
    texts = [f"{key}={quoted(value)}" for key, value in style.items()]
    return [f"{indent[2:]}subgraph {quoted('cluster_' + path)} {{", indent + "; ".join(texts)]


def _node(box: Box) -> str:
    fill, line = COLOURS[box.kind]
    style = {"tooltip": box.tooltip or box.title, "color": line, "fillcolor": fill}
    if box.end:
        style |= {"shape": "box", "style": "rounded,filled,bold", "fillcolor": line, "fontcolor": "white"}
    if box.kind in WEIGHTS:
        style |= {"group": box.kind}
    if box.count > 1:
        style |= {"penwidth": "1.8"}
    texts = [f"{key}={quoted(value)}" for key, value in style.items()]
    return f"{box.key} [label=<{_label(box)}> {' '.join(texts)}]"


def _label(box: Box) -> str:
    quiet = "#e5e7eb" if box.end else QUIET
    rows = [f"<tr><td><b>{escape(box.title)}</b></td></tr>"]
    for row in box.rows:
        rows.append(f'<tr><td><font point-size="8.5" color="{quiet}">{escape(row)}</font></td></tr>')
    if len(rows) == 1:
        return f"<b>{escape(box.title)}</b>"
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{"".join(rows)}</table>'


def _ranks(sketch: Sketch, kind: dict[str, Kind]) -> dict[str, int]:
    """An order of the boxes from top to bottom, in which the layout gets all arrows.

    Gradients flow up beside what they are the gradients of, which flows down: arrows between them are taken
    as reversed. Where collapsed boxes make a circle it is cut, which layout programs do not always survive.
    """
    below: dict[str, list[str]] = {box.key: [] for box in sketch.boxes}
    for wire in sketch.wires:
        turned = kind[wire.source] == kind[wire.target] == "backward"
        first, second = (wire.target, wire.source) if turned else (wire.source, wire.target)
        below[first].append(second)
    order: dict[str, int] = {}
    entered: set[str] = set()
    stack = [box.key for box in reversed(sketch.boxes)]
    while stack:
        key = stack[-1]
        if key not in entered:
            entered.add(key)
            stack += [other for other in below[key] if other not in entered]
        else:
            stack.pop()
            order.setdefault(key, -len(order))
    return order


def _edge(wire: Wire, source: Kind, target: Kind, upward: bool, shapes: bool) -> str:
    """An arrow; a gradient stands no higher than the results that it reads."""
    style = {"color": COLOURS[source][1] + "b0", "tooltip": wire.tooltip or " "}
    if shapes and wire.label:
        style |= {"label": f" {wire.label} ", "labeltooltip": wire.tooltip or " "}
    if source == target and source in WEIGHTS:
        style |= {"weight": WEIGHTS[source]}
    elif target == "backward" or (source, target) == ("backward", "update"):
        style |= {"minlen": "0"}
    if upward:
        return f"  {wire.target} -> {wire.source} {attributes(style | {'dir': 'back'})}"
    return f"  {wire.source} -> {wire.target} {attributes(style)}"


def attributes(style: dict[str, str]) -> str:
    """A list of attributes in DOT."""
    return "[" + " ".join(f"{key}={quoted(value)}" for key, value in style.items()) + "]"


def quoted(text: str) -> str:
    r"""A DOT string; `\n` breaks the line, and nothing else is special.

    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
