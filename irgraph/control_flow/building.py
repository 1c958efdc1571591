"""Making a scan from the values of its body: what the body reads of the graph outside becomes captures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..dims import Size
from ..graph import Graph, keep, topological_order
from ..op import Op
from ..ops.constants import Constant, Full
from ..ops.sources import Input
from ..origin import Origin, carrying, here
from ..region import Region
from ..types import TensorType
from ..value import Node, Value
from .scan import CAPTURE, CARRY, Parts, Scan, X

SMALL = 16
"""Elements of a constant that is written into the body; a larger one is captured: it is there once."""


@dataclass
class Loop:
    """A scan that is being built. Each part has placeholders, which stand for one step's values, and what is
    outside: where carries start, and the arrays that are scanned over."""

    length: Size
    reverse: bool = False
    carries: list[Value] = field(default_factory=list)
    starts: list[Value] = field(default_factory=list)
    xs: list[Value] = field(default_factory=list)
    stacked: list[Value] = field(default_factory=list)
    captures: dict[Value, Value] = field(default_factory=dict)  # placeholder -> what it stands for

    def carry(self, start: Value) -> Value:
        """A new carry: its placeholder."""
        self.starts.append(start)
        self.carries.append(placeholder(start.type, f"{CARRY}{len(self.carries)}"))
        return self.carries[-1]

    def x(self, stacked: Value) -> Value:
        """One more array to scan over: its placeholder."""
        self.stacked.append(stacked)
        step = stacked.type.with_shape(stacked.shape[1:])
        self.xs.append(placeholder(step, f"{X}{len(self.xs)}"))
        return self.xs[-1]

    def capture(self, outside: Value) -> Value:
        """A placeholder for what is the same in all steps, without what it is computed from."""
        inside = placeholder(outside.type, f"{CAPTURE}{len(self.captures)}")
        self.captures[inside] = outside
        return inside

    def close(self, new: Sequence[Value], ys: Sequence[Value], origin: Origin | None = None) -> Node:
        """The scan whose body computes the new carries and `ys` from the placeholders."""
        roots = substitute([*new, *ys], self.captures)
        inside = dependents(roots, [*self.carries, *self.xs])
        captured = _captured(roots, inside, {*self.carries, *self.xs})
        read = {value for node in inside for value in node.inputs} | set(roots)
        xs = [(x, stacked) for x, stacked in zip(self.xs, self.stacked, strict=True) if x in read]
        sources = [*((CARRY, n, v) for n, v in enumerate(self.carries))]
        sources += [
            *((X, n, v) for n, (v, _) in enumerate(xs)),
            *((CAPTURE, n, v) for n, v in enumerate(captured)),
        ]
        with carrying(here() if origin is None else origin):
            now = {value: placeholder(value.type, f"{what}{n}") for what, n, value in sources}
            results = substitute(roots, now)
            names = [*(f"{CARRY}{n}" for n in range(len(new))), *(f"y{n}" for n in range(len(ys)))]
            graph = Graph(dict(zip(names, results, strict=True)))
            op = Scan(Region(graph), len(new), len(xs), self.length, self.reverse)
            return Node(op, [*self.starts, *(stacked for _, stacked in xs), *captured])


def placeholder(type: TensorType, key: str) -> Value:
    """A value that stands for what a body gets in each step."""
    return Input(key, type)()


def open_body(op: Scan, loop: Loop, inputs: Sequence[Value]) -> tuple[list[Value], Parts]:
    """The outputs of a scan's body on placeholders of a loop over the scan's own inputs, and these."""
    starts, xs, captures = op.parts(inputs)
    given = [*map(loop.carry, starts), *map(loop.x, xs), *map(loop.capture, captures)]
    return op.step(given), op.parts(given)


def substitute(roots: Sequence[Value], now: Mapping[Value, Value]) -> list[Value]:
    """Some values with others put in place of what they are computed from."""
    found = dict(now)
    for node in topological_order(roots, known={value.node for value in now}):
        values = keep(node, tuple([found.get(value, value) for value in node.inputs]))
        for old, new in zip(node.outputs, values, strict=True):
            found.setdefault(old, new)
    return [found.get(value, value) for value in roots]


def dependents(roots: Iterable[Value], sources: Iterable[Value]) -> dict[Node, None]:
    """The nodes that the roots need and that depend on some values, in order."""
    below = set(sources)
    found: dict[Node, None] = {}
    for node in topological_order(roots, known={value.node for value in below}):
        if any(value in below for value in node.inputs):
            below.update(node.outputs)
            found[node] = None
    return found


def _captured(roots: Sequence[Value], inside: Mapping[Node, None], given: set[Value]) -> list[Value]:
    """What a body reads and does not compute: constants of a few numbers aside, which it has itself."""
    edge = [value for node in inside for value in node.inputs]
    outer = dict.fromkeys(v for v in [*edge, *roots] if v.node not in inside and v not in given)
    constant: dict[Node, bool] = {}
    for node in topological_order(outer):
        constant[node] = all(constant[v.node] for v in node.inputs) if node.inputs else _is_small(node.op)
        constant[node] = constant[node] and not (node.op.effect or node.op.region_fields)
    return [value for value in outer if not constant[value.node]]


def _is_small(op: Op) -> bool:
    return isinstance(op, Full) or (isinstance(op, Constant) and op.data.array.size <= SMALL)
