"""Pictures of Jacobian plans: the chain of cuts with its bracketing, or the graph of what is eliminated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from math import sqrt
from os import PathLike
from typing import TYPE_CHECKING, Literal, get_args

from ..dims import hinting
from ..errors import GraphError, explain
from ..jacobians.explain import counted, describe_effort, ratio, step_text, waist_of
from ..jacobians.result import Jacobian
from ..jacobians.steps import Course, Kind, Step, alternatives, course
from ..jacobians.words import Called, calls, stored_bytes
from ..origin import here
from ..tables import quantity
from .dot import FAINT, FONT, INK, QUIET, attributes, quoted
from .drawing import Picture

if TYPE_CHECKING:
    from ..jacobians.cuts import Chain
    from ..jacobians.plan import JacobianPlan

Shown = Literal["auto", "chain", "graph"]

COLOURS: dict[Kind, tuple[str, str]] = {  # fill, line
    "forward": ("#e4eef8", "#1f5f99"),
    "backward": ("#fbe9df", "#c2571a"),
    "multiply": ("#e2f2e6", "#2f7d4f"),
}
CUT, WAIST = ("#e5e7eb", "#6b7280"), ("#f6d860", "#b08900")
LONGEST, SHORTEST, BROAD = 100, 6, 14  # points
RUN = 4
"""Factors beside each other that one sweep passes; of more the inner ones are one box."""


def draw_plan(
    plan: JacobianPlan, path: str | PathLike[str] | None = None, shown: Shown = "auto", title: str = ""
) -> Picture:
    """The picture of a plan; see `JacobianPlan.draw`."""
    if shown not in get_args(Shown):
        raise GraphError(explain(f"shown={shown!r}", f"one of {', '.join(get_args(Shown))}", here()))
    if shown == "chain" and plan.chain is None:
        raise GraphError(explain("a plan without a chain", "a cut to draw", here(), 'Take shown="graph".'))
    chain = plan.chain is not None and shown != "graph"
    with hinting(plan.request.options.hints):
        made = Picture((_Chain if chain else _Vertices)(plan, title).dot())
    if path is not None:
        made.save(path)
    return made


class _Drawing:
    """What both pictures share: names, steps, the result, and how they are written as DOT."""

    def __init__(self, plan: JacobianPlan, title: str) -> None:
        self.plan = plan
        self.title = title
        self.names: dict[int, Called] = calls(plan.reduced)
        self.course: Course = course(plan)
        self.chosen = plan.chosen.name.partition(" (")[0]
        self.lines: list[str] = []
        self.waist: int | None = None
        self.largest = max(self.course.widths.values())

    def head(self, direction: str, nodesep: float, ranksep: float) -> list[str]:
        graph = {"rankdir": direction, "fontname": FONT, "bgcolor": "white", "pad": "0.2"}
        graph |= {"nodesep": str(nodesep), "ranksep": str(ranksep), "tooltip": self.title or " "}
        node = {"fontname": FONT, "fontsize": "10", "fontcolor": INK, "shape": "plain", "tooltip": " "}
        edge = {"fontname": FONT, "fontsize": "8.5", "fontcolor": QUIET, "arrowsize": "0.55"}
        edge |= {"color": FAINT, "tooltip": " "}
        texts = [
            f"  {of} {attributes(style)}" for of, style in (("graph", graph), ("node", node), ("edge", edge))
        ]
        return ["digraph {", *texts, f"  label=<{self.legend()}> labelloc=b labeljust=c"]

    def legend(self) -> str:
        present = {step.kind for step in self.course.steps}
        cells = [f"<td>{_text(self.title, 11, bold=True)}</td>"] if self.title else []
        for kind, (fill, line) in COLOURS.items():
            if kind in present:
                cells.append(_swatch(fill, line, MEANING[kind]))
        if self.waist:
            cells.append(_swatch(*WAIST, "the waist"))
        row = '<td width="8"></td>'.join(cells) or "<td></td>"
        return f'<table border="0" cellborder="0" cellspacing="4" cellpadding="1"><tr>{row}</tr></table>'

    def node(self, key: str, html: str, tooltip: str = " ") -> None:
        self.lines.append(f"  {key} [label=<{html}> tooltip={quoted(tooltip)}]")

    def edge(self, source: str, target: str, **style: str) -> None:
        self.lines.append(f"  {source} -> {target} {attributes(style)}")

    def step(self, key: str, number: int, step: Step, places: Iterable[str]) -> None:
        """A step: what it makes, its sizes, its cost."""
        fill, line = COLOURS[step.kind]
        way, _, sizes = step_text(step, self.names).partition(": ")
        way = way.replace(" → … → ", " … ").replace(" → ", ", ")  # programs know no width of an arrow
        rows = [
            _text(f"{number}  {way}", 11, bold=True),
            _text(sizes, 9.5),
            _text(describe_effort(step.effort), 9, QUIET),
        ]
        icon = _matrix(step.rows, step.columns, line, self.largest)
        self.node(key, _card(rows, fill, line, icon), "\n".join(places))

    def result(self, key: str) -> None:
        """The Jacobian, the cost of the whole, and what other orders would have cost."""
        linear, plan = self.plan.reduced.linear, self.plan
        results = plan.chosen.results
        y, x = (self.names[side[0]] for side in (linear.ends, linear.sources))
        title = f"∂{y.name}/∂{x.name}" if len(results) == 1 else f"{len(results)} Jacobians"
        kinds = dict.fromkeys(each.structure() if isinstance(each, Jacobian) else "dense" for each in results)
        nbytes = quantity(sum(map(stored_bytes, results)), "B")
        lines = [
            f"{', '.join(kinds)}; {nbytes}",
            f"{self.chosen}: {describe_effort(plan.cost)}",
            *self.others(),
        ]
        rows = [_text(title, 12, "white", bold=True), *(_text(line, 9, "#e5e7eb") for line in lines)]
        self.node(key, _card(rows, INK, INK), plan.chosen.name)

    def others(self) -> list[str]:
        """What the other orders would have cost."""
        best = self.plan.cost.seconds
        return [
            f"{other.name.partition(' (')[0]}: {ratio(other.effort.seconds, best)} the time"
            for other in alternatives(self.plan)[1:]
            if best
        ]


MEANING: dict[Kind, str] = {
    "forward": "columns pushed forward",
    "backward": "rows pulled back",
    "multiply": "two products multiplied",
}


class _Chain(_Drawing):
    """Cuts as bars as tall as they are wide, factors between them, and the tree of the steps below."""

    def dot(self) -> str:
        chain = self.plan.chain
        assert chain is not None
        tree = self.tree(chain)
        keys = self.row(chain, tree)
        for n, (step, children) in enumerate(tree):
            self.step(f"s{n}", n + 1, step, [self.names[v].place for v in step.vertices])
            colour = COLOURS[step.kind][1]
            for child in dict.fromkeys(keys.get(child, child) for child in children):
                port = f"{child}:b:s" if child.startswith("f") else child
                self.edge(port, f"s{n}", color=colour + "b0")
        self.result("result")
        last = f"s{len(tree) - 1}" if tree else "f0"
        self.edge(last, "result", color=INK)
        return "\n".join([*self.head("TB", 0.08, 0.3), *self.lines, "}", ""])

    def tree(self, chain: Chain) -> list[tuple[Step, list[str]]]:
        """Each step with what it joins: factors `f0`, …, and steps before it `s0`, …"""
        owner = [f"f{n}" for n in range(len(chain.factors))]
        touched: dict[int, list[int]] = {}
        for n, inside in enumerate(chain.inside):
            for vertex in inside:
                touched[vertex] = [n]
        for n, cut in enumerate(chain.cuts[1:-1]):
            for vertex in cut:
                touched.setdefault(vertex, []).extend([n, n + 1])
        found = []
        for n, step in enumerate(self.course.steps):
            joined = sorted({factor for vertex in step.vertices for factor in touched[vertex]})
            children = list(dict.fromkeys(owner[factor] for factor in joined))
            owner = [f"s{n}" if each in children else each for each in owner]
            found.append((step, children))
        return found

    def row(self, chain: Chain, tree: Sequence[tuple[Step, list[str]]]) -> dict[str, str]:
        """The upper row; the key under which each factor is drawn."""
        widths = [sum(self.course.widths[v] for v in cut) for cut in chain.cuts]
        self.waist = waist = waist_of(widths)
        parent = {child: n for n, (_, children) in enumerate(tree) for child in children}
        keys: dict[str, str] = {}
        drawn: list[str] = []
        runs = self.runs(len(chain.factors), parent, waist)
        self.largest = max(widths[-1], *(widths[first] for first, _ in runs))
        for first, stop in runs:
            for factor in range(first, stop):
                keys[f"f{factor}"] = f"f{first}"
            self.bar(first, chain.cuts[first], widths, first == waist)
            self.factor(first, stop, chain)
            drawn += [f"c{first}", f"f{first}"]
        last = len(chain.cuts) - 1
        self.bar(last, chain.cuts[last], widths, False)
        drawn.append(f"c{last}")
        self.lines.append(f"  {{ rank=same; {'; '.join(drawn)} }}")
        for left, right in pairwise(drawn):
            self.edge(f"{left}:b:e", f"{right}:b:w", dir="none", weight="100", color=QUIET)
        return keys

    def runs(self, count: int, parent: dict[str, int], waist: int | None) -> list[tuple[int, int]]:
        """The factors that are drawn as one: the inner ones of a long sweep."""
        runs: list[tuple[int, int]] = []
        start = 0
        for stop in range(1, count + 1):
            same = stop < count and parent.get(f"f{stop}") == parent.get(f"f{start}") and stop != waist
            if not same:
                long = stop - start > RUN
                middle = [(start, start + 1), (start + 1, stop - 1), (stop - 1, stop)]
                runs += middle if long else [(n, n + 1) for n in range(start, stop)]
                start = stop
        return runs

    def bar(self, n: int, cut: Sequence[int], widths: Sequence[int], waist: bool) -> None:
        fill, line = WAIST if waist else CUT
        told = [self.names[v].short(v) for v in cut]
        name = ", ".join(told) if len(told) < 3 else f"{told[0]} and {len(told) - 1}"
        inner = _rectangle(BROAD, self.length(widths[n]), fill, line)
        tooltip = "\n".join(f"{self.names[v].name}: v{v}, {self.names[v].place}" for v in cut)
        self.node(f"c{n}", _tower([_text(name, 11, bold=True), _text(str(widths[n]), 10)], inner), tooltip)

    def factor(self, first: int, stop: int, chain: Chain) -> None:
        """A Jacobian in its proportions: as high as the cut at its right, as wide as that at its left."""
        inside = sum(len(each) for each in chain.inside[first:stop])
        rows, columns = chain.factors[stop - 1].rows, chain.factors[first].columns
        text = f"{rows}×{columns}" if stop == first + 1 else f"… {stop - first} factors …"
        also = f"{counted(inside, 'value')} inside" if inside else " "
        inner = _rectangle(self.length(columns), self.length(rows), "white", FAINT)
        self.node(f"f{first}", _tower([_text(text, 9.5), _text(also, 8.5, QUIET)], inner))

    def length(self, size: int) -> int:
        return max(SHORTEST, round(LONGEST * sqrt(size / self.largest)))


class _Vertices(_Drawing):
    """The values that are left, each with its place in the order."""

    def dot(self) -> str:
        plan, linear, reduced = self.plan, self.plan.reduced.linear, self.plan.reduced
        told = f"{self.chosen}: {describe_effort(plan.cost)}"
        self.title = "; ".join([*([self.title] if self.title else []), told, *self.others()])
        kind = {v: step.kind for step in self.course.steps for v in step.vertices}
        place = {v: n for n, v in enumerate(plan.order, 1)}
        every = (*linear.sources, *reduced.inner, *linear.ends)
        for v in every:
            called, width = self.names[v], str(self.course.widths[v])
            fill, line = COLOURS[kind[v]] if v in kind else CUT
            rows = [_text(called.name, 11, bold=True), _text(width, 9.5)]
            number = _text(str(place[v]), 13, line, bold=True) if v in place else ""
            self.node(f"v{v}", _card(rows, fill, line, f"<td>{number}</td>" if number else ""), called.place)
        for v in every:
            for u, terms in reduced.into.get(v, {}).items():
                self.edge(f"v{u}", f"v{v}", tooltip=str(terms))
        return "\n".join([*self.head("LR", 0.15, 0.4), *self.lines, "}", ""])


# -------------------------------------------------------------------------------------- in DOT


def _swatch(fill: str, line: str, meaning: str) -> str:
    swatch = f'bgcolor="{fill}" border="1" color="{line}" width="14" height="10" fixedsize="true"'
    return f"<td {swatch}></td><td>{_text(meaning, 9, QUIET)}</td>"


def _text(text: str, size: float, colour: str = INK, bold: bool = False) -> str:
    escaped = f"<b>{escape(text)}</b>" if bold else escape(text)
    return f'<font point-size="{size}" color="{colour}">{escaped}</font>'


def _card(rows: Sequence[str], fill: str, line: str, icon: str = "") -> str:
    """A box of lines, with an icon at its left."""
    lines = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
    inner = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{lines}</table>'
    cells = f"{icon}<td>{inner}</td>"
    style = f'border="1" style="rounded" color="{line}" bgcolor="{fill}" cellspacing="2" cellpadding="3"'
    return f'<table {style} cellborder="0"><tr>{cells}</tr></table>'


def _matrix(rows: int, columns: int, line: str, largest: int) -> str:
    """A cell with a matrix in its proportions."""
    height, width = (max(4, round(34 * sqrt(size / largest))) for size in (rows, columns))
    size = f'width="{min(width, 60)}" height="{min(height, 60)}" fixedsize="true"'
    inner = (
        f'<table border="0" cellborder="0" cellspacing="0"><tr><td {size} bgcolor="{line}"></td></tr></table>'
    )
    return f'<td width="40" height="40" fixedsize="true">{inner}</td>'


def _rectangle(width: int, height: int, fill: str, line: str) -> str:
    size = f'width="{width}" height="{height}" fixedsize="true"'
    return f'<td port="b" border="1" color="{line}" bgcolor="{fill}" {size}></td>'


def _tower(above: Sequence[str], inner: str) -> str:
    """Lines, and below them a cell in the middle of a column of one height."""
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{inner}</tr></table>'
    rows = "".join(f'<tr><td height="17">{row}</td></tr>' for row in above)
    area = f'<tr><td width="{BROAD}" height="{LONGEST + 4}">{table}</td></tr>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}{area}</table>'
