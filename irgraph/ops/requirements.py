"""What ops require of their inputs, and what moving elements costs.

The rules of dtypes, for all rooms: an op takes tensors of one dtype (indices and conditions aside) and gives
that dtype, unless it says otherwise. Scalars were made that dtype before (`operands`). Complex numbers are
refused by the node of every op that neither says `takes_complex` nor only moves elements, so that no room
has to; float16 and bfloat16 are floats here, and the compiler computes them in float32 (`compiler.widen`).
`irgraph.testing.dtypes_of` asks an op which dtypes it takes; docs/dtypes.md has it all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import DTypeError, explain
from ..op import Cost, moved_bytes
from ..types import DType, TensorType

FREE = Cost(0, 0)


def require_float(op: str, *types: TensorType) -> None:
    """Raise DTypeError unless all are of float dtype, or complex where the op takes that."""
    for type in types:
        if not type.dtype.is_inexact:
            raise DTypeError(explain(str(type), "a float dtype", do='Cast it, e.g. with .astype("float32").'))


def require_dtype(needed: str, accepts: Callable[[DType], bool], *types: TensorType) -> None:
    """Raise DTypeError unless `accepts` holds for every dtype."""
    for type in types:
        if not accepts(type.dtype):
            raise DTypeError(explain(str(type), needed, do="Cast it with irgraph.cast."))


def moving(inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
    """The cost of an op that moves elements and computes nothing."""
    return Cost(0, moved_bytes(inputs, outputs))
