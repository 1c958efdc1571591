"""Evenly spaced numbers, grids, and padding with what is at the edge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from ..dims import Size, as_size, parse_size
from ..errors import GraphError, ShapeError, explain
from ..origin import here
from ..types import DTYPES, TensorType, as_dtype, float32, int64
from ..value import Value
from .constants import Full, Iota, as_element, constant
from .operands import as_value
from .rearranging import flip
from .shape import broadcast_to, reshape
from .slicing import Pad, Slice, concatenate

Mode = Literal["constant", "edge", "reflect"]


def arange(
    start: Size | float | str,
    stop: Size | float | str | None = None,
    step: float = 1,
    *,
    dtype: object = None,
) -> Value:
    """`start`, `start + step`, … up to but not including `stop`; with one argument from 0 up to it.

    Sizes may be named dims, with an integer step; integers give int64. Floats give float32, as many as NumPy
    counts. Raises ShapeError for a step of 0.

    >>> from irgraph import evaluate
    >>> arange("batch")
    <a result of iota : int64[batch]>
    >>> evaluate(arange(7, 1, -2))
    array([7, 5, 3])
    """
    if isinstance(stop, str) and stop in DTYPES:
        raise ShapeError(
            explain(f"arange({start!r}, {stop!r})", f"the dtype by name: dtype={stop!r}", here())
        )
    if step == 0:
        raise ShapeError(explain("a step of 0", "any other step", here()))
    written = (0, start) if stop is None else (start, stop)
    if any(isinstance(each, (float, np.floating)) for each in (*written, step)):
        try:
            array = np.arange(*written, step)  # type: ignore[arg-type]  # or the TypeError
        except (TypeError, ValueError):
            raise ShapeError(
                explain(f"arange{written} by {step}", "finite numbers, or integers with named dims", here())
            ) from None
        return constant(array, float32 if dtype is None else dtype)
    first, end = (parse_size(each) if isinstance(each, str) else as_size(each) for each in written)
    by = int(step)
    span = end - first if by > 0 else first - end
    count = span if by in (1, -1) else (span + abs(by) - 1) // abs(by)
    kind = int64 if dtype is None else as_dtype(dtype)
    numbers = Iota(max(count, 0) if isinstance(count, int) else count, kind)()
    if by != 1:
        numbers = numbers * by
    return numbers if first == 0 else numbers + Full(1, TensorType(kind, ()), times=first)()


def linspace(
    start: Value | float,
    stop: Value | float,
    num: int = 50,
    endpoint: bool = True,
    dtype: object = "float32",
) -> Value:
    """`num` numbers evenly spaced from `start` to `stop`, which is among them if `endpoint`.

    Raises ShapeError for a negative `num`.

    >>> from irgraph import evaluate
    >>> evaluate(linspace(0, 1, 5))
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    if not isinstance(num, int) or num < 0:
        raise ShapeError(explain(f"num={num!r} of linspace", "an integer of at least 0", here()))
    if isinstance(start, Value) or isinstance(stop, Value):
        weight = constant(np.linspace(0, 1, num, endpoint), as_dtype(dtype))
        between: Value = start * (1 - weight) + stop * weight
        return between
    return constant(np.linspace(start, stop, num, endpoint), as_dtype(dtype))


def meshgrid(*values: Any, indexing: Literal["xy", "ij"] = "xy") -> list[Value]:
    """Vectors spread over the grid that they make, one value of the grid's shape for each.

    With "xy" the first two axes are exchanged, as in NumPy. Raises ShapeError for what is no vector.

    >>> from irgraph import constant, evaluate
    >>> evaluate(meshgrid(constant([1, 2]), constant([3, 4, 5])))[0]
    array([[1, 2],
           [1, 2],
           [1, 2]])
    """
    vectors = [as_value(value) for value in values]
    for vector in vectors:
        if vector.ndim != 1:
            raise ShapeError(explain(f"{vector!r} in meshgrid", "vectors", here()))
    if indexing not in ("xy", "ij"):
        raise GraphError(explain(f"indexing={indexing!r} of meshgrid", '"xy" or "ij"', here()))
    axes = list(range(len(vectors)))
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = 1, 0
    shape: list[Size] = [1] * len(axes)
    for vector, axis in zip(vectors, axes, strict=True):
        shape[axis] = vector.shape[0]
    return [
        broadcast_to(reshape(v, [size if n == axis else 1 for n, size in enumerate(shape)]), shape)
        for v, axis in zip(vectors, axes, strict=True)
    ]


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0, mode: Mode = "constant") -> Value:
    """`x` with something around it: for each axis how many before and how many after.

    Modes: "constant" (`value`), "edge" (the outermost element), "reflect" (what lies inside, mirrored, the
    outermost element not twice). Raises ShapeError for widths that do not fit: "reflect" needs an axis
    that is larger than the width, "edge" one that is not empty.

    >>> from irgraph import constant, evaluate
    >>> evaluate(pad(constant([1, 2, 3]), [(1, 2)]))
    array([0, 1, 2, 3, 0, 0])
    >>> evaluate(pad(constant([1, 2, 3]), [(1, 2)], mode="reflect"))
    array([2, 1, 2, 3, 2, 1])
    """
    padded = as_value(x)
    pairs = [tuple(pair) if isinstance(pair, Iterable) else () for pair in widths]
    if len(pairs) != padded.ndim or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ShapeError(
            explain(f"widths {widths}", f"{padded.ndim} pairs (before, after) of at least 0", here())
        )
    if mode not in ("constant", "edge", "reflect"):
        raise GraphError(explain(f"mode={mode!r} of pad", '"constant", "edge" or "reflect"', here()))
    if mode == "constant":
        shape = tuple(
            before + size + after for size, (before, after) in zip(padded.shape, pairs, strict=True)
        )
        starts = tuple(before for before, _ in pairs)
        return Pad(starts, (1,) * padded.ndim, shape, as_element(value, padded.dtype))(padded)
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            padded = _around(padded, axis, before, after, mode)
    return padded


def _around(x: Value, axis: int, before: int, after: int, mode: Mode) -> Value:
    size = x.shape[axis]

    def part(start: Size, count: int) -> Value:
        starts = tuple(start if n == axis else 0 for n in range(x.ndim))
        shape = tuple(count if n == axis else each for n, each in enumerate(x.shape))
        return Slice(starts, (1,) * x.ndim, shape)(x)

    def beyond(width: int, edge: Size, inside: Size) -> list[Value]:
        if not width:
            return []
        if mode == "reflect":
            return [flip(part(inside, width), axis)]
        wide = tuple(width if n == axis else each for n, each in enumerate(x.shape))
        return [broadcast_to(part(edge, 1), wide)]

    return concatenate([*beyond(before, 0, 1), x, *beyond(after, size - 1, size - 1 - after)], axis)
