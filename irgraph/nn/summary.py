"""What a model consists of, layer by layer: outputs, parameters, flops, bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..dims import Size, names_of
from ..errors import DTypeError, FeedError, GraphError, explain
from ..graph import topological_order
from ..op import Cost
from ..ops.sources import input
from ..origin import here
from ..tables import Table
from ..types import TensorType
from ..value import Node, Value
from ..view.summary import size_text, type_text
from .calls import Call, running, values_in
from .naming import is_trainable

if TYPE_CHECKING:
    from .layer import Layer

COLUMNS: tuple[tuple[str, Literal["<", ">"]], ...] = (
    ("layer", "<"),
    ("class", "<"),
    ("output", "<"),
    ("parameters", ">"),
    ("flops", ">"),
    ("bytes", ">"),
)
STREAM_NUMBERS = 2  # the key and the step of a random stream


@dataclass(frozen=True)
class Row:
    """One call of a layer. `parameters` counts those that no row before it has; what the layers inside of it
    cost stands in rows of their own."""

    path: str
    layer: str  # its class
    outputs: tuple[TensorType, ...]
    parameters: int
    flops: Size
    nbytes: Size


@dataclass(frozen=True)
class ModelSummary:
    """The rows, and the totals of the whole. `str` is a table; rich and notebooks show it as theirs."""

    rows: tuple[Row, ...]
    trained: int  # numbers that optimizers change
    frozen: int  # numbers of parameters that are frozen
    other: int  # numbers of all other state: running statistics, random streams
    cost: Cost
    sizes: Mapping[str, int]

    @property
    def parameters(self) -> int:
        """All numbers of parameters, each once, trained and frozen."""
        return self.trained + self.frozen

    @property
    def table(self) -> Table:
        """The table, with numbers where the sizes are known and formulas elsewhere."""
        rows = [
            (
                row.path,
                row.layer,
                ", ".join(type_text(type, self.sizes) for type in row.outputs),
                f"{row.parameters:,}" if row.parameters else "",
                size_text(row.flops, self.sizes),
                size_text(row.nbytes, self.sizes),
            )
            for row in self.rows
        ]
        told = f"{self.trained:,} trained"
        told += f", {self.frozen:,} frozen" if self.frozen else ""
        told += f", {self.other:,} other numbers of state" if self.other else ""
        costs = (size_text(size, self.sizes) for size in (self.cost.flops, self.cost.nbytes))
        return Table("", COLUMNS, rows, [("total", "", told, f"{self.parameters:,}", *costs)])

    def __str__(self) -> str:
        return str(self.table)

    def __rich__(self) -> Table:
        return self.table

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def summarize(
    layer: Layer, inputs: Sequence[Any], training: bool, depth: int | None, sizes: Mapping[str, int]
) -> ModelSummary:
    """The summary of one call of a layer; see `Layer.summary`."""
    if depth is not None and depth < 0:
        raise GraphError(explain(f"depth={depth}", "an integer of at least 0, or None", here()))
    values = _inputs(layer, inputs)
    with _as_it_was(layer):
        with running(Call(layer, tuple(values), training)) as outside:
            layer(*values)
        (call,) = outside.inner
        walk = _Walk(depth)
        walk.visit(call, 0)
        trained, frozen, other = _counts(layer)
    names = names_of([size for row in walk.rows for type in row.outputs for size in type.shape])
    names |= names_of([size for value in values_in(values) for size in value.shape])
    unknown = [name for name in sizes if name not in names]
    if unknown:
        known = ", ".join(sorted(names)) or "none"
        raise FeedError(
            explain(f"a size for {unknown[0]!r}", f"one of the model's named dims: {known}", here())
        )
    flops: Size = 0
    nbytes: Size = 0
    for row in walk.rows:
        flops, nbytes = flops + row.flops, nbytes + row.nbytes
    return ModelSummary(tuple(walk.rows), trained, frozen, other, Cost(flops, nbytes), dict(sizes))


class _Walk:
    """Gives each node of the calls to the innermost call that built it."""

    def __init__(self, depth: int | None) -> None:
        self.depth = depth
        self.rows: list[Row] = []
        self._nodes: set[Node] = set()
        self._counted: set[Value] = set()

    def visit(self, call: Call, level: int) -> None:
        inside = level == self.depth
        if not inside:
            for inner in call.inner:
                self.visit(inner, level + 1)
        parameters = self._parameters(call, inside)
        outputs = tuple(values_in(call.result))
        known = self._nodes | {value.node for value in call.values}
        between = [value for inner in call.inner for value in inner.values]
        nodes = topological_order([*outputs, *between], known)
        self._nodes.update(nodes)
        flops: Size = 0
        nbytes: Size = 0
        for node in nodes:
            if not node.op.source:
                cost = node.op.cost([v.type for v in node.inputs], [v.type for v in node.outputs])
                flops, nbytes = flops + cost.flops, nbytes + cost.nbytes
        if inside or not call.inner or parameters or nbytes != 0:
            types = tuple(value.type for value in outputs)
            self.rows.append(
                Row(call.layer.path, type(call.layer).__name__, types, parameters, flops, nbytes)
            )

    def _parameters(self, call: Call, inside: bool) -> int:
        """The numbers of the layer's parameters that were not counted yet; with those of the calls inside."""
        count = sum(self._parameters(inner, True) for inner in call.inner) if inside else 0
        for value in call.layer._own.values():
            if value not in self._counted and is_trainable(value):
                self._counted.add(value)
                count += _number(value)
        return count


def _inputs(layer: Layer, given: Sequence[Any]) -> list[Any]:
    """What to call the layer on: values as they are, shapes of one example as an input of a named batch,
    nothing as at its first call, else as it states."""
    if not given and layer._called_on:
        return [input(f"x{n}", type.shape, type.dtype) for n, type in enumerate(layer._called_on)]
    if not given and layer.input_shape is None:
        do = "Write model.summary((28, 28)), of one example, or model.summary(x)."
        raise GraphError(explain("no input to summarize for", "its shape, or input_shape=", here(), do))
    shapes = given or [layer.input_shape]
    values: list[Any] = []
    for position, each in enumerate(shapes):
        if isinstance(each, int | tuple | list) and not list(values_in(each)):
            sizes = (each,) if isinstance(each, int) else tuple(each)
            name = "x" if len(shapes) == 1 else f"x{position}"
            values.append(input(name, ("batch", *sizes)))
        elif isinstance(each, str) or not list(values_in(each)):
            needed = "the shape of one example, or a graph value"
            raise DTypeError(explain(f"{each!r} to summarize for", needed, here()))
        else:
            values.append(each)
    return values


@contextmanager
def _as_it_was(layer: Layer) -> Iterator[None]:
    """Whatever is built within it leaves no trace in the layer: no parameters, no draws, no paths."""
    kept = [(each, dict(vars(each))) for each in layer.walk()]
    for each, _ in kept:
        each._own, each._as_frozen, each._streams = dict(each._own), dict(each._as_frozen), {}
    try:
        yield
    finally:
        for each, attributes in kept:
            vars(each).clear()
            vars(each).update(attributes)


def _counts(layer: Layer) -> tuple[int, int, int]:
    """The numbers that are trained, frozen, and other state."""
    trained = frozen = other = 0
    for each in layer.walk():
        other += STREAM_NUMBERS * len(each._streams)
        for value in each._own.values():
            if not is_trainable(value):
                other += _number(value)
            elif each.frozen:
                frozen += _number(value)
            else:
                trained += _number(value)
    return trained, frozen, other


def _number(value: Value) -> int:
    size = value.type.size
    assert isinstance(size, int)  # of a state variable
    return size
