"""Rearrangements made of reshapes, transposes, slices and concatenations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dims import Size, as_shape, divides, product, same_size
from ..errors import ShapeError, explain
from ..origin import here
from ..types import format_shape, normalize_axes, normalize_axis
from ..value import Value
from .getitem import getitem
from .operands import as_value
from .reduce import Axes
from .shape import broadcast_to, expand_dims, reshape, transpose
from .slicing import Slice, concatenate

Axis = int | Sequence[int]


def squeeze(x: Any, axis: Axes = None) -> Value:
    """`x` without some axes of size 1, all of them by default.

    Raises ShapeError for an axis of another size; a named dim is never taken as 1.

    >>> from irgraph import input
    >>> squeeze(input("x", ("batch", 1, 3, 1)), axis=1)
    <a result of reshape : float32[batch, 3, 1]>
    """
    x = as_value(x)
    axes = (
        [n for n, size in enumerate(x.shape) if size == 1] if axis is None else normalize_axes(axis, x.ndim)
    )
    for each in axes:
        if x.shape[each] != 1:
            raise ShapeError(explain(f"axis {each} of size {x.shape[each]} to squeeze", "size 1", here()))
    return reshape(x, tuple(size for n, size in enumerate(x.shape) if n not in axes))


def moveaxis(x: Any, source: Axis, destination: Axis) -> Value:
    """`x` with the axes `source` moved to the places `destination`, the others in order.

    >>> from irgraph import input
    >>> moveaxis(input("x", ("batch", 3, 8, 9)), 1, -1)
    <a result of transpose : float32[batch, 8, 9, 3]>
    """
    x = as_value(x)
    start, end = ([each] if isinstance(each, int) else list(each) for each in (source, destination))
    if len(start) != len(end):
        raise ShapeError(explain(f"{len(start)} axes to {len(end)} places", "as many places as axes", here()))
    normalize_axes(start, x.ndim), normalize_axes(end, x.ndim)  # each at most once
    found = {
        normalize_axis(to, x.ndim): normalize_axis(at, x.ndim) for at, to in zip(start, end, strict=True)
    }
    rest = iter(axis for axis in range(x.ndim) if axis not in found.values())
    return transpose(x, [found[axis] if axis in found else next(rest) for axis in range(x.ndim)])


def swapaxes(x: Any, first: int, second: int) -> Value:
    """`x` with two axes exchanged.

    >>> from irgraph import input
    >>> swapaxes(input("x", ("batch", 3, 8)), 0, -1)
    <a result of transpose : float32[8, 3, batch]>
    """
    x = as_value(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(first, x.ndim), normalize_axis(second, x.ndim)
    order[a], order[b] = b, a
    return transpose(x, order)


def stack(values: Sequence[Any], axis: int = 0) -> Value:
    """The values, all of one shape, side by side along a new axis.

    >>> from irgraph import constant, evaluate
    >>> evaluate(stack([constant([1, 2]), constant([3, 4])], axis=1))
    array([[1, 3],
           [2, 4]])
    """
    parts = [as_value(value) for value in values]
    shapes = [part.shape for part in parts]
    for shape in shapes[1:]:
        if len(shape) != len(shapes[0]) or any(
            same_size(a, b) is None for a, b in zip(shape, shapes[0], strict=True)
        ):
            found = " and ".join(map(format_shape, (shapes[0], shape)))
            raise ShapeError(explain(f"shapes {found} to stack", "one shape", here()))
    return concatenate([expand_dims(part, axis) for part in parts], axis)


def unstack(x: Any, axis: int = 0) -> list[Value]:
    """The parts of `x` at each position of an axis, which must have a size that is known.

    >>> from irgraph import input
    >>> unstack(input("x", ("batch", 2)), axis=1)
    [<a result of reshape : float32[batch]>, <a result of reshape : float32[batch]>]
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    size = _known(x, at, "unstack")
    return [x[(*[slice(None)] * at, position)] for position in range(size)]


def _known(x: Value, axis: int, what: str) -> int:
    size = x.shape[axis]
    if not isinstance(size, int):
        raise ShapeError(explain(f"axis {axis} of size {size} in {what}", "a size that is a number", here()))
    return size


def split(x: Any, parts: int | Sequence[Size], axis: int = 0) -> list[Value]:
    """`x` cut along an axis, into a number of equal parts, or into parts of given sizes.

    The sizes may hold named dims, and one may be -1: what is left. Raises ShapeError where the parts
    are not equal, or do not add up.

    >>> from irgraph import constant, evaluate
    >>> evaluate(split(constant([1, 2, 3, 4, 5, 6]), [1, -1, 2]))
    [array([1]), array([2, 3, 4]), array([5, 6])]
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    size = x.shape[at]
    if isinstance(parts, int):
        if parts < 1 or not divides(parts, size):
            found = f"{parts} parts of an axis of size {size}"
            raise ShapeError(
                explain(found, "a number that divides it", here(), "Give the sizes of the parts.")
            )
        return _cut(x, [size // parts] * parts, at)
    known = as_shape([1 if isinstance(part, int) and part == -1 else part for part in parts])
    rest = [n for n, part in enumerate(parts) if isinstance(part, int) and part == -1]
    total: Size = 0
    for n, part in enumerate(known):
        total = total if n in rest else total + part
    sizes = [size - total if n in rest else part for n, part in enumerate(known)]
    left = sizes[rest[0]] if rest else 0
    if len(rest) > 1 or (isinstance(left, int) and left < 0) or (not rest and same_size(total, size) is None):
        found = f"parts of sizes {list(parts)} of an axis of size {size}"
        raise ShapeError(explain(found, "sizes that add up to it, -1 at most once", here()))
    return _cut(x, sizes, at)


def array_split(x: Any, parts: int, axis: int = 0) -> list[Value]:
    """`x` cut along an axis into a number of parts that are as equal as can be, the larger ones first.

    >>> from irgraph import constant, evaluate
    >>> evaluate(array_split(constant([1, 2, 3, 4, 5]), 3))
    [array([1, 2]), array([3, 4]), array([5])]
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    if parts < 1:
        raise ShapeError(explain(f"{parts} parts", "at least 1", here()))
    size, extra = divmod(_known(x, at, "array_split"), parts)
    return _cut(x, [size + 1] * extra + [size] * (parts - extra), at)


def _cut(x: Value, sizes: Sequence[Size], axis: int) -> list[Value]:
    starts: list[Size] = [0] * x.ndim
    found = []
    for size in sizes:
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        found.append(x if shape == x.shape else Slice(tuple(starts), (1,) * x.ndim, shape)(x))
        starts[axis] = starts[axis] + size
    return found


def flip(x: Any, axis: Axes = None) -> Value:
    """`x` backwards along some axes (all by default).

    >>> from irgraph import constant, evaluate
    >>> evaluate(flip(constant([1, 2, 3])))
    array([3, 2, 1])
    """
    value = as_value(x)
    axes = normalize_axes(axis, value.ndim)
    index = tuple(slice(None, None, -1) if n in axes else slice(None) for n in range(value.ndim))
    found: Value = getitem(value, index)
    return found


def roll(x: Any, shift: Axis, axis: Axes = None) -> Value:
    """`x` moved along some axes by as many positions; what leaves at the end comes in at the start.

    Without axes the elements move in row-major order. On a named dim the shift must not be larger than it.

    >>> from irgraph import constant, evaluate
    >>> evaluate(roll(constant([1, 2, 3, 4]), 1))
    array([4, 1, 2, 3])
    """
    value = as_value(x)
    if axis is None:
        return reshape(roll(reshape(value, -1), shift, 0), value.shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = [shift] * len(axes) if isinstance(shift, int) else list(shift)
    if len(axes) != len(shifts):
        raise ShapeError(explain(f"{len(shifts)} shifts of {len(axes)} axes", "one for each axis", here()))
    for by, each in zip(shifts, axes, strict=True):
        at = normalize_axis(each, value.ndim)
        size = value.shape[at]
        by = by % size if isinstance(size, int) and size else by
        if by and size != 0:
            parts = _cut(value, [size - by, by] if by > 0 else [-by, size + by], at)
            value = concatenate(parts[::-1], at)
    return value


def tile(x: Any, repeats: int | Sequence[int]) -> Value:
    """`x` side by side with itself, as often along each axis as `repeats` says; counted from the last axis.

    >>> from irgraph import constant, evaluate
    >>> evaluate(tile(constant([1, 2]), (2, 2)))
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]])
    """
    x = as_value(x)
    times = [repeats] if isinstance(repeats, int) else list(repeats)
    rank = max(len(times), x.ndim)
    times = [1] * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    _require_counts("tile", times)
    pairs = [size for n, each in zip(times, shape, strict=True) for size in (n, each)]
    apart = reshape(x, tuple(1 if n % 2 == 0 else size for n, size in enumerate(pairs)))
    return reshape(broadcast_to(apart, pairs), tuple(n * size for n, size in zip(times, shape, strict=True)))


def repeat(x: Any, repeats: int, axis: int | None = None) -> Value:
    """`x` with each element along an axis `repeats` times in a row; without an axis, of the flat `x`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(repeat(constant([1, 2]), 2))
    array([1, 1, 2, 2])
    """
    x = as_value(x)
    if axis is None:
        return repeat(reshape(x, (product(x.shape),)), repeats, 0)
    at = normalize_axis(axis, x.ndim)
    _require_counts("repeat", [repeats])
    apart = expand_dims(x, at + 1)
    spread = broadcast_to(apart, (*x.shape[: at + 1], repeats, *x.shape[at + 1 :]))
    return reshape(spread, (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]))


def _require_counts(what: str, counts: Sequence[int]) -> None:
    for count in counts:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ShapeError(explain(f"{count!r} repeats of {what}", "an integer of at least 0", here()))
