"""And, or, exclusive or, of truth values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..local_jacobian import ZERO, Grid
from ..op import Op
from ..types import TensorType, bool_, broadcast_shapes
from ..value import Value, operator
from .operands import operands
from .requirements import require_dtype


class _Logical(Op):
    """Two truth values in, one out."""

    elementwise: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("the dtype bool", lambda dtype: dtype == bool_, *inputs)
        return (TensorType(bool_, broadcast_shapes(inputs[0].shape, inputs[1].shape)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO]]


@final
class LogicalAnd(_Logical):
    """a and b."""

    name: ClassVar[str] = "logical_and"
    onnx_type: ClassVar[str | None] = "And"


@final
class LogicalOr(_Logical):
    """a or b, or both."""

    name: ClassVar[str] = "logical_or"
    onnx_type: ClassVar[str | None] = "Or"


@final
class LogicalXor(_Logical):
    """Either a or b."""

    name: ClassVar[str] = "logical_xor"
    onnx_type: ClassVar[str | None] = "Xor"


@operator("logical_and")
def logical_and(a: Any, b: Any) -> Value:
    """`a & b` of bool values, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logical_and(constant([True, False]), True))
    array([ True, False])
    """
    return LogicalAnd()(*operands("logical_and", a, b))


@operator("logical_or")
def logical_or(a: Any, b: Any) -> Value:
    """`a | b` of bool values, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logical_or(constant([True, False]), False))
    array([ True, False])
    """
    return LogicalOr()(*operands("logical_or", a, b))


@operator("logical_xor")
def logical_xor(a: Any, b: Any) -> Value:
    """`a ^ b` of bool values, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logical_xor(constant([True, False]), True))
    array([False,  True])
    """
    return LogicalXor()(*operands("logical_xor", a, b))
