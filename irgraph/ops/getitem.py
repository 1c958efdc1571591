"""Indexing with `[]`: integers, slices, `...`, None, and integer arrays, by NumPy's rules."""

from __future__ import annotations

from contextlib import suppress
from operator import index as operator_index
from typing import Any

import numpy as np

from ..dims import Size
from ..errors import DTypeError, ShapeError, explain
from ..origin import here
from ..types import bool_
from ..value import Value, operator
from .multi_index import index_with_arrays
from .operands import as_value
from .shape import reshape
from .slicing import Slice


@operator("getitem")
def getitem(x: Any, index: Any) -> Value:
    """`x[index]` as in NumPy: integers, slices, `...`, None, and integer arrays or values.

    Arrays broadcast to one shape, which stands where they were, or at the front where a slice, `...` or
    None is between them; integers beside them count as arrays. Known negative indices count from the end;
    an index that is out of range when the graph runs, or negative, is an error. A slice bound past a named
    dim is checked when the dim is bound; slices never wrap around. Boolean masks are refused, as the shape
    of the result would depend on data. Raises ShapeError for too many indices or an integer out of range.

    >>> from irgraph import input
    >>> x = input("x", ("batch", 8, 8))
    >>> x[1:], x[:, 0, ::-2], x[..., None]
    (<a result of slice : float32[batch - 1, 8, 8]>, <a result of reshape : float32[batch, 4]>,
     <a result of reshape : float32[batch, 8, 8, 1]>)
    >>> x[:, [0, 3], [7, 1]]
    <a result of transpose : float32[batch, 2]>
    """
    x = as_value(x)
    entries = list(index) if isinstance(index, tuple) else [index]
    for entry in entries:
        _refuse_mask(entry)
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > x.ndim or sum(entry is Ellipsis for entry in entries) > 1:
        raise ShapeError(explain(f"{used} indices", f"at most {x.ndim}, and one ... at most", here()))
    arrays = [n for n, entry in enumerate(entries) if _is_array(entry)]
    integers = [n for n, entry in enumerate(entries) if not _is_basic(entry)] if arrays else []
    apart = bool(integers) and integers[-1] - integers[0] >= len(integers)
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    at = next(n for n, entry in enumerate(entries) if entry is Ellipsis)
    spread = x.ndim - used - 1
    entries[at : at + 1] = [slice(None)] * (spread + 1)
    if not arrays:
        return _index_basic(x, entries)
    arrays = [n + spread if n > at else n for n in arrays]
    return _index_mixed(x, entries, arrays, apart)


def _index_mixed(x: Value, entries: list[Any], arrays: list[int], apart: bool) -> Value:
    """The basic entries first; then the arrays, on the axes that are left of theirs."""
    plain = [slice(None) if n in arrays else entry for n, entry in enumerate(entries)]
    axes, axis = [], 0
    for n, entry in enumerate(entries):
        if n in arrays:
            axes.append(axis)
        axis += n in arrays or entry is None or isinstance(entry, slice)
    return index_with_arrays(_index_basic(x, plain), axes, [entries[n] for n in arrays], apart)


def _is_basic(entry: object) -> bool:
    """Whether an entry keeps or makes an axis of its own."""
    return entry is None or entry is Ellipsis or isinstance(entry, slice)


def _is_array(entry: object) -> bool:
    """Whether an entry is an array, or a number that is known only when the graph runs."""
    return isinstance(entry, (Value, list)) or (isinstance(entry, np.ndarray) and entry.shape != ())


def _refuse_mask(entry: object) -> None:
    """Raise DTypeError for a boolean mask."""
    if not _is_array(entry):
        return
    dtype = entry.dtype if isinstance(entry, Value) else np.asarray(entry).dtype
    if dtype == (bool_ if isinstance(entry, Value) else np.bool_):
        raise DTypeError(
            explain(
                f"a boolean mask as an index: {entry!r}",
                "integers, as shapes must not depend on data",
                here(),
                "Choose elements with irgraph.where(mask, x, 0), or gather a fixed number of them by topk.",
            )
        )


def _index_basic(x: Value, entries: list[Any]) -> Value:
    starts: list[Size] = []
    steps: list[int] = []
    counts: list[Size] = []
    result: list[Size] = []
    start: Size
    count: Size
    for entry in entries:
        if entry is None:
            result.append(1)
            continue
        size = x.shape[len(starts)]
        if isinstance(entry, slice):
            start, step, count = _resolve(slice(*map(_bound, (entry.start, entry.stop, entry.step))), size)
            result.append(count)
        else:
            start, step, count = (
                _position(_integer(entry), size),
                1,
                1,
            )  # kept with size 1, then reshaped away
        starts.append(start)
        steps.append(step)
        counts.append(count)
    if (starts, steps, tuple(counts)) != ([0] * x.ndim, [1] * x.ndim, x.shape):
        x = Slice(tuple(starts), tuple(steps), tuple(counts))(x)
    return reshape(x, result)


def _integer(entry: Any) -> int:
    """The entry of an index as a Python integer. Raises DTypeError for floats, bools, and all else."""
    with suppress(TypeError):
        if not isinstance(entry, (bool, np.bool_)):
            return operator_index(entry)
    raise DTypeError(explain(f"the index {entry!r}", "integers, slices, ... and None", here()))


def _bound(entry: Any) -> int | None:
    return None if entry is None else _integer(entry)


def _position(index: int, size: Size) -> Size:
    position = size + index if index < 0 else index
    if isinstance(size, int) and not 0 <= index + (size if index < 0 else 0) < size:
        raise ShapeError(
            explain(f"index {index} on an axis of size {size}", f"-{size} to {size - 1}", here())
        )
    return position


def _resolve(entry: slice, size: Size) -> tuple[Size, int, Size]:
    """Start, step and count of a slice; exact for integers, by dim arithmetic for named sizes."""
    step = 1 if entry.step is None else int(entry.step)
    if step == 0:
        raise ShapeError(explain("a slice step of 0", "any other step", here()))
    if isinstance(size, int):
        known = range(*entry.indices(size))
        return known.start, known.step, len(known)

    def bound(written: int | None, default: Size) -> Size:
        return default if written is None else size + written if written < 0 else int(written)

    first = bound(entry.start, 0 if step > 0 else size - 1)
    stop = bound(entry.stop, size if step > 0 else -1)
    span = stop - first if step > 0 else first - stop
    return first, step, span if abs(step) == 1 else (span + abs(step) - 1) // abs(step)
