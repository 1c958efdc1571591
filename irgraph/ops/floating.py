"""What floats are made of: sign bits, infinities, NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..local_jacobian import ZERO, Grid
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..types import TensorType, bool_
from ..value import Node, Value
from .arithmetic import Elementwise, Slope
from .comparison import equal, less, not_equal, where
from .operands import as_float, operands
from .requirements import require_float
from .rounding import abs


class _Test(Op):
    """A truth value of one float element."""

    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        return (inputs[0].with_dtype(bool_),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]


@final
class IsNan(_Test):
    """Whether x is not a number."""

    name: ClassVar[str] = "isnan"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (not_equal(x, x),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("IsNaN", write.read(node.inputs[0]), since=13)]


@final
class IsInf(_Test):
    """Whether x is inf or -inf."""

    name: ClassVar[str] = "isinf"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (equal(abs(inputs[0]), math.inf),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("IsInf", write.read(node.inputs[0]), since=10)]


@final
class IsFinite(_Test):
    """Whether x is neither infinite nor NaN."""

    name: ClassVar[str] = "isfinite"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (less(abs(inputs[0]), math.inf),)


@final
class SignBit(_Test):
    """Whether x is below 0, or is -0."""

    name: ClassVar[str] = "signbit"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (less(where(equal(x, 0), 1 / x, x), 0),)


@final
class CopySign(Elementwise):
    """|a| with the sign of b."""

    name: ClassVar[str] = "copysign"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        a, b = inputs
        return where(equal(signbit(a), signbit(b)), as_float(1.0).astype(a.dtype), -1.0), 0.0

    def expand(self, *inputs: Value) -> Sequence[Value]:
        a, b = inputs
        return (where(equal(signbit(a), signbit(b)), a, -a),)


def isnan(x: Any) -> Value:
    """Whether each element is NaN, as bool.

    >>> from irgraph import constant, evaluate
    >>> evaluate(isnan(constant([1.0, float("nan")])))
    array([False,  True])
    """
    return IsNan()(as_float(x))


def isinf(x: Any) -> Value:
    """Whether each element is inf or -inf, as bool.

    >>> from irgraph import constant, evaluate
    >>> evaluate(isinf(constant([1.0, float("-inf")])))
    array([False,  True])
    """
    return IsInf()(as_float(x))


def isfinite(x: Any) -> Value:
    """Whether each element is neither infinite nor NaN, as bool.

    >>> from irgraph import constant, evaluate
    >>> evaluate(isfinite(constant([1.0, float("nan")])))
    array([ True, False])
    """
    return IsFinite()(as_float(x))


def signbit(x: Any) -> Value:
    """Whether each element is below 0 or is -0, as bool.

    >>> from irgraph import constant, evaluate
    >>> evaluate(signbit(constant([1.0, -0.0])))
    array([False,  True])
    """
    return SignBit()(as_float(x))


def copysign(a: Any, b: Any) -> Value:
    """`|a|` with the sign of `b`, of -0 too, broadcast; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(copysign(constant([1.0, -2.0]), constant([-0.0, 5.0])))
    array([-1.,  2.], dtype=float32)
    """
    return CopySign()(*operands("copysign", a, b, at_least_float=True))
