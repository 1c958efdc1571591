"""What ops require of their inputs, and the cost of moving nothing."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import DTypeError, explain
from ..op import Cost
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
