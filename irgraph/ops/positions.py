"""What indices a user may write: constants may count from the end, what is fed may not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dims import Shape, Size
from ..errors import ShapeError, explain
from ..origin import here
from ..types import TensorType, broadcast_shapes, format_shape, int64
from ..value import Value
from .constants import Constant, Full, constant, splat
from .operands import as_value


def as_index(written: Any, size: Size) -> Value:
    """The index that was written for an axis of `size`: known negative ones count from its end.

    What is only known when the graph runs stays as it is, and is checked then. Raises ShapeError for a
    known index that is out of range.
    """
    if isinstance(written, (list, tuple)) and not np.size(written):
        written = np.zeros(np.shape(written), np.int64)  # NumPy takes it for floats
    value = as_value(written)
    known = _known(value)
    if known is None or not value.dtype.is_integer or not known.size:
        return value
    lowest, highest = int(known.min()), int(known.max())
    if isinstance(size, int):
        if lowest < -size or highest >= size:
            found = f"index {lowest if lowest < -size else highest} on an axis of size {size}"
            needed = f"-{size} to {size - 1}" if size else "none: there is nothing to index"
            raise ShapeError(explain(found, needed, here()))
        if lowest >= 0:
            return value
        wide = known.astype(np.int64)
        return as_value(constant(np.where(wide < 0, wide + size, wide)))
    if lowest >= 0:
        return value
    from_end = constant((known < 0).astype(np.int64)) * Full(1, TensorType(int64, ()), times=size)()
    return value.astype(int64) + from_end


def _known(value: Value) -> np.ndarray[Any, Any] | None:
    """The elements, where they are known now."""
    op = value.node.op
    if isinstance(op, Constant):
        return op.data.array
    number = splat(value)
    return None if number is None or value.ndim else np.asarray(number)


def common_shape(what: str, *shapes: Shape) -> Shape:
    """The shape that all broadcast to. Raises ShapeError with the user's line."""
    try:
        return broadcast_shapes(*shapes)
    except ShapeError:
        found = f"{what} of shapes {' and '.join(map(format_shape, shapes))}"
        raise ShapeError(explain(found, "shapes that broadcast to one", here())) from None
