"""Writing at run-time positions: scatter, scatter_nd, put_along_axis.

All three are one primitive, `put_at`, on flat positions. Of several updates of one place, `"set"` keeps
the last in row-major order, on any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, product, same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import ZERO, Dense, Factor, Grid, Label, Labels, Pick, Ravel, Terms, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, bool_, format_shape, int64, normalize_axis
from ..value import Node, Value
from .along_axis import along_axis_operands, along_axis_shape
from .comparison import equal, where
from .constants import Full, arange, zeros
from .indexing import CheckIndex, Take
from .multi_index import depth_of, flat_index, times_size
from .operands import as_value
from .positions import as_index
from .requirements import require_dtype
from .shape import broadcast_to, expand_dims, reshape, transpose

MODES = {"set": "none", "add": "add", "multiply": "mul", "max": "max", "min": "min"}
"""How an update and what is there become one, and what ONNX calls it."""


@dataclass(frozen=True)
class _Put(Op):
    """x with updates at some places; a place is a position on the first `depth` axes, laid flat."""

    mode: str

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, index, updates = inputs
        if self.mode not in MODES:
            raise ShapeError(explain(f"mode={self.mode!r}", f"one of {', '.join(MODES)}"))
        if self.mode != "set":
            require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, x)
        if x.dtype != updates.dtype:
            raise DTypeError(explain(f"{x} and updates {updates}", "one dtype", do="Cast one of them."))
        wanted = self.updates_shape(x, index)
        pairs = zip(updates.shape, wanted, strict=False)
        if updates.rank != len(wanted) or any(same_size(a, b) is None for a, b in pairs):
            text = ", ".join(map(str, wanted))
            raise ShapeError(explain(f"updates {updates} for {x} at {index}", f"updates of [{text}]"))
        return (x,)

    def updates_shape(self, x: TensorType, index: TensorType) -> tuple[Size, ...]:
        """What shape the updates must have."""
        raise NotImplementedError

    def depth(self, x: TensorType, index: TensorType) -> int:
        """How many leading axes of x the flat positions count."""
        raise NotImplementedError

    def flat(self, x: Value, index: Value) -> Value:
        """The flat position of each update; checked."""
        raise NotImplementedError

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, index, updates = inputs
        depth = self.depth(x.type, index.type)
        put = _Rule(self.mode, x, self.flat(x, index), updates, outputs[0], depth)
        towards_x, towards_updates = put.terms()
        return [[towards_x, ZERO, towards_updates]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        x, index, updates = inputs
        return Cost(updates.size, 2 * x.nbytes + index.nbytes + updates.nbytes)


class _Rule:
    """The derivative of one put, by mode. Each update has a place; a place may have several updates."""

    def __init__(self, mode: str, x: Value, flat: Value, updates: Value, out: Value, depth: int) -> None:
        self.mode, self.updates, self.flat = mode, updates, flat
        self.shape = (product(x.shape[:depth]), *x.shape[depth:])
        self.x, self.out = reshape(x, self.shape), reshape(out, self.shape)
        self.o = labels(x)
        self.whole = Label(self.shape[0])
        self.places = Labels(self.o[:depth])
        self.rest = Labels(self.o[depth:])
        self.at = Labels(labels(flat))
        self.grown = x.shape[:depth]

    def terms(self) -> tuple[Terms, Terms]:
        """Towards x and towards the updates."""
        mine, theirs = getattr(self, f"_{self.mode}")()
        u = Labels((*self.at, *self.rest))
        link: tuple[Factor, ...] = (Pick(self.flat, self.at, self.whole),)
        if len(self.places) == 1:
            link = (Pick(self.flat, self.at, self.places[0]),)
        elif self.places:
            link = (*link, Ravel(self.places, Labels((self.whole,))))
        to_x = [
            Dense(reshape(f, (*self.grown, *f.shape[1:])), Labels(self.o[: len(self.grown) + f.ndim - 1]))
            for f in mine
        ]
        to_u = [Dense(f, Labels(u[: f.ndim])) for f in theirs]
        return term(self.o, self.o, *to_x), term(self.o, u, *link, *to_u)

    def _set(self) -> tuple[list[Value], list[Value]]:
        """The last update of a place has it all; x has the places without one."""
        count = product(self.flat.shape)
        number = reshape(arange(count), self.flat.shape)
        owner = PutAt("set")(Full(-1, TensorType(int64, self.shape[:1]))(), self.flat, number)
        return [equal(owner, -1)], [equal(Take(0)(owner, self.flat), number)]

    def _add(self) -> tuple[list[Value], list[Value]]:
        return [], []

    def _multiply(self) -> tuple[list[Value], list[Value]]:
        """The product of all the others. A second derivative at an update of 0 lacks the pairs with it."""
        x, u, flat = self.x, self.updates, self.flat
        unit = Full(1.0, x.type)()
        is_zero = equal(u, 0.0)
        zeros_at = Take(0)(PutAt("add")(zeros(self.shape, x.dtype), flat, is_zero.astype(x.dtype)), flat)
        product_at = Take(0)(PutAt("multiply")(x, flat, where(is_zero, 1.0, u)), flat)
        others = where(is_zero, product_at, product_at / where(is_zero, 1.0, u))
        wanted = equal(zeros_at, is_zero.astype(x.dtype))
        return [PutAt("multiply")(unit, flat, u)], [where(wanted, others, 0.0)]

    def _max(self) -> tuple[list[Value], list[Value]]:
        """All that are equal to the extreme share evenly, as in `maximum`."""
        x_hits, u_hits = equal(self.x, self.out), equal(self.updates, Take(0)(self.out, self.flat))
        dtype = self.x.dtype
        count = PutAt("add")(x_hits.astype(dtype), self.flat, u_hits.astype(dtype))
        share = 1.0 / where(equal(count, 0.0), 1.0, count)  # no hits: NaN
        return [share, x_hits], [Take(0)(share, self.flat), u_hits]

    _min = _max


@final
class PutAt(_Put):
    """x with updates at checked positions of its first axis."""

    name: ClassVar[str] = "put_at"

    def updates_shape(self, x: TensorType, index: TensorType) -> tuple[Size, ...]:
        require_dtype("indices of an integer dtype", lambda dtype: dtype.is_integer, index)
        return (*index.shape, *x.shape[1:])

    def depth(self, x: TensorType, index: TensorType) -> int:
        return 1

    def flat(self, x: Value, index: Value) -> Value:
        return index

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, index, updates = map(write.read, node.inputs)
        column = write.node("Unsqueeze", write.cast(index, int64), write.constant([-1], int64), since=13)
        return [write.node("ScatterND", x, column, updates, since=18, reduction=MODES[self.mode])]


@final
class ScatterNd(_Put):
    """x with updates at tuples of positions, which the last axis of the index holds."""

    name: ClassVar[str] = "scatter_nd"

    def updates_shape(self, x: TensorType, index: TensorType) -> tuple[Size, ...]:
        if depth_of(index) > x.rank:
            raise ShapeError(explain(f"the index {index} for {x}", f"at most {x.rank} on its last axis"))
        return (*index.shape[:-1], *x.shape[depth_of(index) :])

    def depth(self, x: TensorType, index: TensorType) -> int:
        return depth_of(index)

    def flat(self, x: Value, index: Value) -> Value:
        return flat_index(index, x.shape[: depth_of(index.type)])

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, index, updates = inputs
        depth = depth_of(index.type)
        rows = reshape(x, (product(x.shape[:depth]), *x.shape[depth:]))
        return (reshape(PutAt(self.mode)(rows, self.flat(x, index), updates), x.shape),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not depth_of(node.inputs[1].type):
            return None  # which ONNX leaves open
        x, index, updates = map(write.read, node.inputs)
        at = write.cast(index, int64)
        return [write.node("ScatterND", x, at, updates, since=18, reduction=MODES[self.mode])]


@final
@dataclass(frozen=True)
class PutAlongAxis(_Put):
    """x with one update for each position of the index, in its own row of an axis."""

    name: ClassVar[str] = "put_along_axis"
    axis: int

    def updates_shape(self, x: TensorType, index: TensorType) -> tuple[Size, ...]:
        return along_axis_shape(x, index, self.axis)

    def depth(self, x: TensorType, index: TensorType) -> int:
        return x.rank

    def flat(self, x: Value, index: Value) -> Value:
        result = times_size(
            CheckIndex(x.shape[self.axis])(index).astype(int64), product(x.shape[self.axis + 1 :])
        )
        for axis, size in enumerate(x.shape):
            if axis != self.axis and size != 1:
                along = times_size(arange(size), product(x.shape[axis + 1 :]))
                result = result + reshape(along, (size, *[1] * (x.ndim - axis - 1)))
        return result

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, index, updates = inputs
        put = PutAt(self.mode)(reshape(x, (x.type.size,)), self.flat(x, index), updates)
        return (reshape(put, x.shape),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, index, updates = map(write.read, node.inputs)
        at, reduction = write.cast(index, int64), MODES[self.mode]
        return [write.node("ScatterElements", x, at, updates, since=18, axis=self.axis, reduction=reduction)]


def scatter(x: Any, index: Any, updates: Any, axis: int = 0, mode: str = "set") -> Value:
    """`x` with its slices at the positions `index` of `axis` replaced by `updates`, or joined with them.

    `mode` is "set", "add", "multiply", "max" or "min". The updates have the index's axes where `axis` is,
    and broadcast to that: what `gather` reads, this writes. Where an index repeats, "set" keeps the last
    (and only the last has a derivative), the other modes take all. In "max" and "min" all that are equal
    share the derivative evenly. An index that is out of range when the graph runs is an error.

    >>> from irgraph import constant, evaluate
    >>> x = constant([1.0, 2.0, 3.0])
    >>> evaluate([scatter(x, [0, 2], 9.0), scatter(x, [0, 0], [5.0, 6.0], mode="add")])
    [array([9., 2., 9.], dtype=float32), array([12.,  2.,  3.], dtype=float32)]
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    index = as_index(index, x.shape[at])
    rank = index.ndim
    updates = _updates(x, updates, (*x.shape[:at], *index.shape, *x.shape[at + 1 :]))
    first = [at, *(a for a in range(x.ndim) if a != at)]
    moved = [*range(at, at + rank), *(a for a in range(updates.ndim) if not at <= a < at + rank)]
    put = ScatterNd(mode)(transpose(x, first), expand_dims(index, -1), transpose(updates, moved))
    return transpose(put, [first.index(a) for a in range(x.ndim)])


def scatter_nd(x: Any, index: Any, updates: Any, mode: str = "set") -> Value:
    """`x` with updates at the tuples on the last axis of `index`, as ONNX's ScatterND; modes as in `scatter`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(scatter_nd(constant([[1, 2], [3, 4]]), [[0, 1], [1, 1]], [8, 9]))
    array([[1, 8], [3, 9]])
    """
    x, index = as_value(x), as_value(index)
    shape = ScatterNd("set").updates_shape(x.type, index.type)
    return ScatterNd(mode)(x, index, _updates(x, updates, shape))


def put_along_axis(x: Any, index: Any, updates: Any, axis: int = -1, mode: str = "set") -> Value:
    """`x` with `x[i, index[i, k]]` replaced by `updates[i, k]`, or joined with it; modes as in `scatter`.

    The counterpart of `take_along_axis`, and ONNX's ScatterElements.

    >>> from irgraph import constant, evaluate
    >>> evaluate(put_along_axis(constant([[1, 2], [3, 4]]), [[1], [0]], 9))
    array([[1, 9], [9, 4]])
    """
    x, index, at = along_axis_operands("put_along_axis", x, index, axis)
    return PutAlongAxis(mode, at)(x, index, _updates(x, updates, index.shape))


def _updates(x: Value, written: Any, shape: Sequence[Size]) -> Value:
    value = written if isinstance(written, Value) else as_value(written, x.dtype)
    if not isinstance(written, Value) and value.dtype != x.dtype:
        value = value.astype(x.dtype)
    try:
        return broadcast_to(value, tuple(shape))
    except ShapeError:
        needed = f"a shape that repeats to {format_shape(tuple(shape))}"
        raise ShapeError(explain(f"the updates {value!r}", needed, here())) from None
