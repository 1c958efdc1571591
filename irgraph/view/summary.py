"""What a graph consists of, layer by layer: ops, shapes, parameters, flops, bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from ..dims import Size, bind, names_of
from ..errors import FeedError, explain
from ..graph import Graph
from ..op import Cost
from ..ops.sources import Parameter
from ..origin import here
from ..tables import Table
from ..types import TensorType
from ..value import Node, Value
from .drawing import Drawable, graph_of
from .parts import Kind, Layer, kinds, layers

MOST_OPS = 3
COLUMNS: tuple[tuple[str, Literal["<", ">"]], ...] = (
    ("name", "<"),
    ("ops", "<"),
    ("output", "<"),
    ("parameters", ">"),
    ("flops", ">"),
    ("bytes", ">"),
)


@dataclass(frozen=True)
class Row:
    """One node, or the nodes of one layer and one phase. `parameters` counts the trained numbers that it
    reads and no row before it of the same phase does."""

    name: str
    kind: Kind
    ops: tuple[str, ...]
    output: TensorType
    parameters: int
    flops: Size
    nbytes: Size


@dataclass(frozen=True)
class Summary:
    """The rows, and the totals of the whole graph. `str` is a table; rich and notebooks show it as theirs."""

    rows: tuple[Row, ...]
    parameters: int  # trained numbers
    state: int  # numbers of all other state variables
    cost: Cost
    sizes: Mapping[str, int]

    @property
    def table(self) -> Table:
        """The table, with numbers where the sizes are known and formulas elsewhere."""
        rows = [
            (
                row.name + ("" if row.kind == "forward" else f" ({row.kind})"),
                _told(row.ops),
                type_text(row.output, self.sizes),
                f"{row.parameters:,}" if row.parameters else "",
                size_text(row.flops, self.sizes),
                size_text(row.nbytes, self.sizes),
            )
            for row in self.rows
        ]
        other = f", and {self.state:,} other numbers of state" if self.state else ""
        total = (
            "total",
            other[2:],
            "",
            f"{self.parameters:,}",
            *(size_text(size, self.sizes) for size in (self.cost.flops, self.cost.nbytes)),
        )
        return Table("", COLUMNS, rows, [total])

    def __str__(self) -> str:
        return str(self.table)

    def __rich__(self) -> Table:
        return self.table

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def size_text(size: Size, sizes: Mapping[str, int]) -> str:
    """A size as a number where the sizes of its names are known, else as a formula."""
    if isinstance(size, int):
        return f"{size:,}"
    return f"{bind(size, sizes):,}" if names_of([size]) <= sizes.keys() else str(size)


def type_text(type: TensorType, sizes: Mapping[str, int]) -> str:
    """A type with numbers for the named dims whose sizes are known."""
    return str(type.with_shape(bind(s, sizes) if names_of([s]) <= sizes.keys() else s for s in type.shape))


def summary(what: Drawable, *, depth: int | Literal["all"] | None = None, **sizes: int) -> Summary:
    """A table of a graph, a compiled function's graph as it was built, or values, with what they need.

    A row for each layer and phase, and one for each node that lies in no layer. `depth` is how many parts
    of the layers' paths count, `"all"` gives a row for every node. `sizes` are numbers for named dims; the
    others stay names. Flops and bytes are those of `Graph.cost`: bytes are read and written once by each
    op.

    Raises FeedError for a size of a name that the graph does not have.

    >>> import irgraph as ig
    >>> x = ig.input("x", ("batch", 3))
    >>> print(summary(ig.relu(x @ ig.parameter("hidden/w", (3, 2))), batch=10))
    name    ops           output          parameters  flops  bytes
    hidden  matmul, relu  float32[10, 2]           6    140    384
    --------------------------------------------------------------
    total                                          6    140    384
    """
    graph = graph_of(what)
    _require_names(graph, sizes)
    kind, layer = kinds(graph), layers(graph)
    groups: dict[tuple[Kind, Layer, Node | None], list[Node]] = {}
    for node in graph.nodes:
        if node.op.source or not node.inputs:
            continue
        path = layer[node] if depth is None else layer[node][:depth] if depth != "all" else ()
        groups.setdefault((kind[node], path, None if path else node), []).append(node)
    counted: dict[Kind, set[Value]] = {}
    rows = [_row(key[0], key[1], nodes, counted.setdefault(key[0], set())) for key, nodes in groups.items()]
    trained = [_is_trained(value) for value in graph.states.values()]
    numbers = [cast(int, value.type.size) for value in graph.states.values()]
    return Summary(
        tuple(rows),
        sum(n for n, yes in zip(numbers, trained, strict=True) if yes),
        sum(n for n, yes in zip(numbers, trained, strict=True) if not yes),
        graph.cost(),
        sizes,
    )


def _require_names(graph: Graph, sizes: Mapping[str, int]) -> None:
    names = names_of([size for node in graph.nodes for value in node.outputs for size in value.shape])
    unknown = [name for name in sizes if name not in names]
    if unknown:
        known = ", ".join(sorted(names)) or "none"
        raise FeedError(
            explain(f"a size for {unknown[0]!r}", f"one of the graph's named dims: {known}", here())
        )


def _row(kind: Kind, layer: Layer, nodes: Sequence[Node], counted: set[Value]) -> Row:
    flops: Size = 0
    nbytes: Size = 0
    parameters = 0
    for node in nodes:
        cost = node.op.cost([v.type for v in node.inputs], [v.type for v in node.outputs])
        flops, nbytes = flops + cost.flops, nbytes + cost.nbytes
        for value in node.inputs:
            if _is_trained(value) and value not in counted:
                counted.add(value)
                parameters += cast(int, value.type.size)
    name = ".".join(layer) or nodes[0].name or nodes[0].op.name
    ops = tuple(node.op.name for node in nodes)
    return Row(name, kind, ops, nodes[-1].outputs[0].type, parameters, flops, nbytes)


def _is_trained(value: Value) -> bool:
    return isinstance(value.node.op, Parameter) and value.node.op.trainable


def _told(ops: Sequence[str]) -> str:
    counts = Counter(ops)
    texts = [f"{name} x{count}" if count > 1 else name for name, count in counts.items()]
    return ", ".join(texts[:MOST_OPS]) + (", …" if len(texts) > MOST_OPS else "")
