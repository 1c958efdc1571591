"""What ops require of their inputs, and what moving elements costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import DTypeError, explain
from ..op import Cost, moved_bytes
from ..types import DType, TensorType

FREE = Cost(0, 0)


def require_float(op: str, *types: TensorType) -> None:
    """Raise DTypeError unless all are of float dtype."""
    for type in types:
        if not type.dtype.is_float:
            raise DTypeError(explain(str(type), "a float dtype", do='Cast it, e.g. with .astype("float32").'))


def require_dtype(needed: str, accepts: Callable[[DType], bool], *types: TensorType) -> None:
    """Raise DTypeError unless `accepts` holds for every dtype."""
    for type in types:
        if not accepts(type.dtype):
            raise DTypeError(explain(str(type), needed, do="Cast it with irgraph.cast."))


def moving(inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
    """The cost of an op that moves elements and computes nothing."""
    return Cost(0, moved_bytes(inputs, outputs))
