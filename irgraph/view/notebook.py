"""What notebooks show of a graph: its picture, or its summary where no layout program is. Nothing raises."""

from __future__ import annotations

from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING

from .drawing import draw
from .program import to_svg
from .summary import summary

if TYPE_CHECKING:
    from ..function import Function
    from ..graph import Graph

PATIENCE = 20.0  # seconds for a layout


def as_svg(graph: Graph | Function) -> str | None:
    """The picture, or None."""
    with suppress(Exception):  # a notebook shows the next best form then
        return to_svg(draw(graph).dot, PATIENCE)
    return None


def as_html(graph: Graph | Function) -> str:
    """The picture, else the summary, else the text."""
    svg = as_svg(graph)
    if svg is not None:
        return f'<div style="overflow:auto">{svg}</div>'
    with suppress(Exception):
        return summary(graph)._repr_html_()
    return f"<pre>{escape(str(graph))}</pre>"
