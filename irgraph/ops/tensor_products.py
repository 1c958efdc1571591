"""Products of tensors that come down to one matrix product or one multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dims import product, same_size
from ..errors import ShapeError, explain
from ..origin import here
from ..types import normalize_axis
from ..value import Value
from .matmul import matmul
from .operands import operands
from .shape import reshape, transpose


def tensordot(a: Any, b: Any, axes: int | tuple[int | Sequence[int], int | Sequence[int]] = 2) -> Value:
    """The sum of products over pairs of axes: the last of `a` with the first of `b`, or those that are named.

    `axes` is a number of axes, or a pair: axes of `a` and the axes of `b` that they meet. The other axes of
    `a` and then those of `b` stay. Raises ShapeError where sizes differ.

    >>> from irgraph import input
    >>> tensordot(input("a", ("batch", 3, 4)), input("b", (4, 3, 5)), ([1, 2], [1, 0]))
    <a result of matmul : float32[batch, 5]>
    """
    left, right = operands("tensordot", a, b)
    if isinstance(axes, int):
        pair = list(range(left.ndim - axes, left.ndim)), list(range(axes))
    else:
        pair = tuple([each] if isinstance(each, int) else list(each) for each in axes)  # type: ignore[assignment]
    if len(pair[0]) != len(pair[1]):
        raise ShapeError(explain(f"axes {axes} of tensordot", "as many axes on both sides", here()))
    summed = [normalize_axis(axis, left.ndim) for axis in pair[0]]
    met = [normalize_axis(axis, right.ndim) for axis in pair[1]]
    for one, other in zip(summed, met, strict=True):
        if same_size(left.shape[one], right.shape[other]) is None:
            found = f"axis {one} of {left!r} and axis {other} of {right!r}"
            raise ShapeError(explain(found, "equal sizes to sum over", here()))
    rows = [axis for axis in range(left.ndim) if axis not in summed]
    columns = [axis for axis in range(right.ndim) if axis not in met]
    height, width = (tuple(x.shape[n] for n in kept) for x, kept in ((left, rows), (right, columns)))
    inner = product(left.shape[axis] for axis in summed)
    first = reshape(transpose(left, rows + summed), (product(height), inner))
    second = reshape(transpose(right, met + columns), (inner, product(width)))
    return reshape(matmul(first, second), height + width)


def inner(a: Any, b: Any) -> Value:
    """The sum of products over the last axes of both; a product where one is a scalar.

    >>> from irgraph import constant, evaluate
    >>> float(evaluate(inner(constant([1.0, 2.0]), constant([3.0, 4.0]))))
    11.0
    """
    left, right = operands("inner", a, b)
    return left * right if not (left.ndim and right.ndim) else tensordot(left, right, (-1, -1))


def dot(a: Any, b: Any) -> Value:
    """NumPy's dot: over the last axis of `a` and the last but one of `b`; a product where one is a scalar.

    >>> from irgraph import input
    >>> dot(input("a", ("batch", 3)), input("b", (2, 3, 5)))
    <a result of reshape : float32[batch, 2, 5]>
    """
    left, right = operands("dot", a, b)
    if not (left.ndim and right.ndim):
        return left * right
    if left.ndim <= 2 and right.ndim <= 2:
        return matmul(left, right)
    return tensordot(left, right, (-1, -2 if right.ndim > 1 else 0))


def vdot(a: Any, b: Any) -> Value:
    """The sum of the products of all elements, in row-major order.

    >>> from irgraph import constant, evaluate
    >>> float(evaluate(vdot(constant([[1.0], [2.0]]), constant([3.0, 4.0]))))
    11.0
    """
    left, right = operands("vdot", a, b)
    return matmul(reshape(left, (left.type.size,)), reshape(right, (right.type.size,)))


def outer(a: Any, b: Any) -> Value:
    """The products of each element of `a` with each of `b`, as a matrix.

    >>> from irgraph import constant, evaluate
    >>> evaluate(outer(constant([1, 2]), constant([3, 4])))
    array([[3, 4],
           [6, 8]])
    """
    left, right = operands("outer", a, b)
    return reshape(left, (left.type.size, 1)) * reshape(right, (1, right.type.size))


def kron(a: Any, b: Any) -> Value:
    """The Kronecker product: each element of `a` times the whole of `b`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(kron(constant([1, 10]), constant([1, 2])))
    array([ 1,  2, 10, 20])
    """
    left, right = operands("kron", a, b)
    rank = max(left.ndim, right.ndim)
    high, low = ((1,) * (rank - x.ndim) + x.shape for x in (left, right))
    spread = reshape(left, [size for each in high for size in (each, 1)])
    whole = reshape(right, [size for each in low for size in (1, each)])
    return reshape(spread * whole, tuple(m * n for m, n in zip(high, low, strict=True)))
