"""Small constructors for emitted nodes: what changes nothing is not built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..dims import Shape, Size, product
from ..local_jacobian import Coefficient, Label
from ..types import DType, TensorType, bool_, broadcast_shapes
from ..value import Value
from .arithmetic import Multiply
from .comparison import Where
from .constants import Full, scaled_unit, splat
from .reduce import Sum
from .shape import BroadcastTo, Reshape, Transpose


def times(a: Value, b: Value) -> Value:
    """a · b, broadcast. A boolean operand selects: where it is false the product is 0, even of inf."""
    if b.dtype == bool_:
        a, b = b, a
    if a.dtype == bool_:
        if b.dtype == bool_:
            raise AssertionError("two boolean factors must be made numbers first")
        return Where()(a, b, Full(0.0, TensorType(b.dtype, ()))())
    for one, other in ((a, b), (b, a)):
        if splat(one) == 1 and broadcast_shapes(a.shape, b.shape) == other.shape:
            return other
    return Multiply()(a, b)


def weighted(direction: Value, slope: Value) -> Value:
    """A tangent or cotangent times a slope. What a selection has set to 0 stays 0, even against inf.

    So `where(x > 0, sqrt(x), 0)` has a derivative at 0: the selection moves behind the product.
    """
    if isinstance(direction.node.op, Where) and splat(slope) is None:
        condition, chosen, other = direction.node.inputs
        if splat(other) == 0:
            return Where()(condition, times(chosen, slope), other)
    return times(direction, slope)


def scaled(x: Value, coefficient: Coefficient) -> Value:
    """x times a coefficient."""
    if coefficient == Coefficient():
        return x
    op = x.node.op
    if isinstance(op, Full):
        return replace(
            op,
            number=op.number * coefficient.number,
            times=op.times * coefficient.times,
            over=op.over * coefficient.over,
        )()
    return Multiply()(x, scaled_unit(coefficient, x.dtype))


def as_number(x: Value, dtype: DType) -> Value:
    """A boolean value as 0 and 1; any other as it is."""
    return x.astype(dtype) if x.dtype == bool_ else x


def summed(x: Value, axes: Sequence[int]) -> Value:
    """The sum over axes; none: x."""
    return Sum(tuple(axes))(x) if axes else x


def repeated(x: Value, shape: Shape) -> Value:
    """x broadcast to a shape."""
    if x.shape == shape:
        return x
    if isinstance(x.node.op, Full):
        return replace(x.node.op, type=x.type.with_shape(shape))()
    return BroadcastTo(shape)(x)


def permuted(x: Value, axes: Sequence[int]) -> Value:
    """x with its axes in another order; two transpositions in a row become one."""
    order = tuple(axes)
    if order == tuple(range(x.ndim)):
        return x
    if isinstance(x.node.op, Transpose):
        inner = x.node.op.axes
        return permuted(x.node.inputs[0], [inner[axis] for axis in order])
    return Transpose(order)(x)


def reshaped(x: Value, shape: Sequence[Size]) -> Value:
    """x under another shape; two reshapes in a row become one, and a sum keeps its axes instead."""
    target, op = tuple(shape), x.node.op
    if x.shape == target:
        return x
    if isinstance(op, Full):
        return replace(op, type=x.type.with_shape(target))()
    if isinstance(op, Reshape):
        return reshaped(x.node.inputs[0], target)
    if isinstance(op, Sum) and not op.keepdims:
        source = x.node.inputs[0]
        kept = tuple(1 if axis in op.axes else size for axis, size in enumerate(source.shape))
        if kept == target:
            return replace(op, keepdims=True)(source)
    return Reshape(target)(x)


def thin(x: Value, have: Sequence[Label], want: Sequence[Label]) -> Value:
    """x with its axes in the order of `want` and size 1 where it lacks a label; for broadcasting."""
    kept = [label for label in want if label in have]
    if [label for label in have if label in want] != kept:
        order = [label for label in have if label not in want] + kept
        x, have = permuted(x, [list(have).index(label) for label in order]), order
    shape = tuple(label.size if label in kept else 1 for label in want)
    lead = next((n for n, label in enumerate(want) if label in kept), len(want))
    return x if x.shape == shape[lead:] else reshaped(x, shape[lead:])


def arranged(x: Value, have: Sequence[Label], want: Sequence[Label]) -> Value:
    """x with exactly the axes `want`: transposed, reshaped and repeated at most once each.

    Labels that `want` lacks must have size 1.
    """
    full = tuple(label.size for label in want)
    return repeated(thin(x, have, want), full) if x.shape != full or list(have) != list(want) else x


def grouped(x: Value, have: Sequence[Label], groups: Sequence[Sequence[Label]]) -> Value:
    """x with one axis for each group of labels, in order; an empty group has size 1."""
    flat = [label for group in groups for label in group]
    order = list(have)
    sizes = [product(label.size for label in group) for group in groups]
    runs = [group for group in groups if len(group) > 1]
    if all(order[order.index(g[0]) : order.index(g[0]) + len(g)] == list(g) for g in runs):
        # Merge neighbours first, while the data lie in order: then the transposition is a view.
        head = {group[0]: product(label.size for label in group) for group in groups if group}
        kept = [label for label in order if label in head]
        merged = reshaped(x, [head[label] for label in kept])
        return reshaped(permuted(merged, [kept.index(group[0]) for group in groups if group]), sizes)
    dead = [label for label in order if label not in flat]
    return reshaped(permuted(x, [order.index(label) for label in dead + flat]), sizes)
