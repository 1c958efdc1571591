"""Blocks on a diagonal of two axes: placing them, adding them to what is there, taking them out.

Derivatives have such diagonals wherever output and input share an axis. None of these ops needs a matrix of
zeros and ones: placing and adding touch the diagonal alone, and taking it out is a view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from ..dims import Shape, Size, at_least, bind, same_size
from ..errors import DTypeError, ShapeError, explain
from ..layout import Layout
from ..local_jacobian import Coefficient, Grid, Terms, labels, term
from ..local_jacobian import Slice as SliceLink
from ..op import Cost, Op
from ..types import TensorType, bool_
from ..value import Value
from .arithmetic import Add
from .arrange import permuted, reshaped
from .comparison import equal, where
from .constants import arange, full, scaled_unit
from .reduce import Sum
from .requirements import FREE, moving, require_dtype
from .shape import Transpose, expand_dims, reshape
from .slicing import Slice


def _inserted(shape: Shape, axis: int, size: Size) -> Shape:
    return (*shape[:axis], size, *shape[axis:])


def _require_inside(whole: TensorType, axis: int, along: int, start: Size) -> None:
    """Raise ShapeError unless the diagonal lies inside the two axes of the larger tensor."""
    if axis == along or not (0 <= axis < whole.rank and 0 <= along < whole.rank):
        raise ShapeError(explain(f"the axes {axis} and {along} of {whole}", "two different axes of it"))
    size, count = whole.shape[axis], whole.shape[along]
    if count != 0 and not (at_least(start, 0) and at_least(size, start + count)):
        found = f"a diagonal of {count} elements from {start} on an axis of size {size}"
        raise ShapeError(explain(found, "positions inside it"))


def _diagonal_terms(part: Value, whole: Value, axis: int, along: int, start: Size) -> Terms:
    """The terms of taking the diagonal `part` out of `whole`."""
    inner = labels(whole)
    return term(inner.drop([axis]), inner, SliceLink(inner[along], inner[axis], start))


def _on_it(whole: TensorType, axis: int, along: int, start: Size) -> Value:
    """Where the diagonal is: a condition that broadcasts to the larger tensor."""
    rows, columns = arange(whole.shape[along]), arange(whole.shape[axis])
    if start != 0:
        rows = rows + scaled_unit(Coefficient(times=start), rows.dtype)

    def spread(vector: Value, at: int) -> Value:
        return reshape(vector, [vector.shape[0] if n == at else 1 for n in range(whole.rank)])

    return equal(spread(rows, along), spread(columns, axis))


@final
@dataclass(frozen=True)
class PlaceDiagonal(Op):
    """0, but along the new axis `axis` at `start + i` the input, i being the position on the axis `along`."""

    name: ClassVar[str] = "place_diagonal"
    moves: ClassVar[bool] = True
    axis: int
    along: int
    size: Size
    start: Size = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (v,) = inputs
        if not 0 <= self.axis <= v.rank:
            raise ShapeError(explain(f"a new axis {self.axis} for {v}", f"one from 0 to {v.rank}"))
        whole = v.with_shape(_inserted(v.shape, self.axis, self.size))
        _require_inside(whole, self.axis, self.along, self.start)
        return (whole,)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[_diagonal_terms(inputs[0], outputs[0], self.axis, self.along, self.start).T]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return moving(inputs, outputs)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (v,) = inputs
        (whole,) = self.infer(v.type)
        on_it = _on_it(whole, self.axis, self.along, self.start)
        return (where(on_it, expand_dims(v, self.axis), full((), 0, v.dtype)),)


@final
@dataclass(frozen=True)
class AddDiagonal(Op):
    """The first input, with the second one added where `place_diagonal` puts it."""

    name: ClassVar[str] = "add_diagonal"
    takes_complex: ClassVar[bool] = True
    axis: int
    along: int
    start: Size = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, v = inputs
        if x.dtype != v.dtype:
            raise DTypeError(explain(f"{x} and a diagonal {v}", "one dtype", do="Cast one of them."))
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, x)
        _require_inside(x, self.axis, self.along, self.start)
        wanted = (*x.shape[: self.axis], *x.shape[self.axis + 1 :])
        pairs = zip(v.shape, wanted, strict=False)
        if v.rank != len(wanted) or any(same_size(a, b) is None for a, b in pairs):
            needed = x.with_shape(wanted)
            raise ShapeError(explain(f"a diagonal {v} for {x} without axis {self.axis}", str(needed)))
        return (x,)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, v = inputs
        i = labels(x)
        return [[term(i, i), _diagonal_terms(v, x, self.axis, self.along, self.start).T]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """As where it is written over its first input; what dies there need not be copied."""
        return Cost(inputs[1].size, 3 * inputs[1].nbytes)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, v = inputs
        return (Add()(x, PlaceDiagonal(self.axis, self.along, x.shape[self.axis], self.start)(v)),)


@final
@dataclass(frozen=True)
class TakeDiagonal(Op):
    """Along the axis `axis`, which goes, the element at `start + i`, i being the position on `along`."""

    name: ClassVar[str] = "take_diagonal"
    view_only: ClassVar[bool] = True
    axis: int
    along: int
    start: Size = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        _require_inside(x, self.axis, self.along, self.start)
        return (x.with_shape((*x.shape[: self.axis], *x.shape[self.axis + 1 :])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[_diagonal_terms(outputs[0], inputs[0], self.axis, self.along, self.start)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input.diagonal(self.axis, self.along, bind(self.start, sizes))

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """Every n + 1st element of the two axes laid flat, where the size n of the lost one is a number."""
        (x,) = inputs
        size, count = x.shape[self.axis], x.shape[self.along]
        if not isinstance(size, int):
            on_it = _on_it(x.type, self.axis, self.along, self.start)
            return (Sum((self.axis,))(where(on_it, x, full((), 0, x.dtype))),)
        rest = [n for n in range(x.ndim) if n not in (self.axis, self.along)]
        flat = permuted(x, [*rest, self.along, self.axis])
        lead = flat.shape[: len(rest)]
        flat = reshaped(flat, (*lead, count * size))
        starts, steps = (*[0] * len(rest), self.start), (*[1] * len(rest), size + 1)
        found = Slice(starts, steps, (*lead, count))(flat)
        order = [n for n in range(x.ndim) if n != self.axis]
        return (permuted(found, [[*rest, self.along].index(n) for n in order]),)


# -------------------------------------------------------------------------------- constructors


def place_diagonal(v: Value, axis: int, along: int, size: Size, start: Size = 0) -> Value:
    """v[i] at position `start + i` of a new axis, i being the position on the axis `along` of the result; 0
    elsewhere. Raises ShapeError for a diagonal that does not fit.

    >>> from irgraph import constant, evaluate
    >>> evaluate(place_diagonal(constant([1, 2]), axis=1, along=0, size=3, start=1))
    array([[0, 1, 0],
           [0, 0, 2]])
    """
    if (size, v.shape[along - (along > axis)], start) == (1, 1, 0):
        return expand_dims(v, axis)
    return PlaceDiagonal(axis, along, size, start)(v)


def add_diagonal(x: Value, v: Value, axis: int, along: int, start: Size = 0) -> Value:
    """x plus `place_diagonal(v, axis, along, x.shape[axis], start)`, without making that.

    Below a transposition of x it is added to what was transposed, which can be written over.

    >>> from irgraph import constant, evaluate
    >>> evaluate(add_diagonal(constant([[1, 2], [3, 4]]), constant([10, 20]), axis=1, along=0))
    array([[11,  2],
           [ 3, 24]])
    """
    if (x.shape[axis], x.shape[along], start) == (1, 1, 0):
        return Add()(x, expand_dims(v, axis))
    if isinstance(x.node.op, Transpose):
        order = x.node.op.axes
        rest = [each for each in order if each != order[axis]]
        back = sorted(range(len(rest)), key=lambda place: rest[place])
        moved = v if back == list(range(len(back))) else Transpose(tuple(back))(v)
        return x.node.op(add_diagonal(x.node.inputs[0], moved, order[axis], order[along], start))
    return AddDiagonal(axis, along, start)(x, v)


def take_diagonal(x: Value, axis: int, along: int, start: Size = 0) -> Value:
    """x at position `start + i` of the axis `axis`, i being the position on the axis `along`; a view.

    >>> from irgraph import constant, evaluate
    >>> evaluate(take_diagonal(constant([[1, 2, 3], [4, 5, 6]]), axis=1, along=0, start=1))
    array([2, 6])
    """
    return TakeDiagonal(axis, along, start)(x)
