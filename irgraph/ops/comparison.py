"""Comparisons, and choosing by them: where, maximum, minimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..errors import DTypeError, explain
from ..local_jacobian import ZERO, Grid, labels
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, bool_, broadcast_shapes, int32
from ..value import Node, Value, operator
from .arithmetic import Elementwise, sloped
from .operands import as_value, operands
from .requirements import require_dtype


class _Comparison(Op):
    """Two elements in, a truth value out; no derivative flows through it."""

    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].dtype != inputs[1].dtype:
            raise DTypeError(explain(" and ".join(map(str, inputs)), "one dtype", do="Cast one of them."))
        return (TensorType(bool_, broadcast_shapes(inputs[0].shape, inputs[1].shape)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """ONNX orders numbers only."""
        dtype = int32 if node.inputs[0].dtype == bool_ else node.inputs[0].dtype
        a, b = (write.cast(write.read(value), dtype) for value in node.inputs)
        if self.onnx_type is None:
            return [write.node("Not", write.node("Equal", a, b, since=7))]
        return [write.node(self.onnx_type, a, b, since=16 if self.onnx_type.endswith("OrEqual") else 9)]


@final
class Equal(_Comparison):
    """a == b."""

    name: ClassVar[str] = "equal"
    takes_complex: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Equal"


@final
class NotEqual(_Comparison):
    """a != b."""

    name: ClassVar[str] = "not_equal"
    takes_complex: ClassVar[bool] = True
    commutes: ClassVar[bool] = True


@final
class Less(_Comparison):
    """a < b."""

    name: ClassVar[str] = "less"
    onnx_type: ClassVar[str | None] = "Less"


@final
class LessEqual(_Comparison):
    """a <= b."""

    name: ClassVar[str] = "less_equal"
    onnx_type: ClassVar[str | None] = "LessOrEqual"


@final
class Greater(_Comparison):
    """a > b."""

    name: ClassVar[str] = "greater"
    onnx_type: ClassVar[str | None] = "Greater"


@final
class GreaterEqual(_Comparison):
    """a >= b."""

    name: ClassVar[str] = "greater_equal"
    onnx_type: ClassVar[str | None] = "GreaterOrEqual"


@final
class LogicalNot(Op):
    """not x."""

    name: ClassVar[str] = "logical_not"
    elementwise: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Not"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("the dtype bool", lambda dtype: dtype == bool_, *inputs)
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]


@final
class Where(Op):
    """a where the condition holds, else b; the side that is not chosen does not reach the result."""

    name: ClassVar[str] = "where"
    moves: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        condition, a, b = inputs
        require_dtype("a condition of dtype bool", lambda dtype: dtype == bool_, condition)
        if a.dtype != b.dtype:
            raise DTypeError(explain(f"{a} and {b}", "one dtype", do="Cast one of them."))
        return (TensorType(a.dtype, broadcast_shapes(condition.shape, a.shape, b.shape)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        condition, a, b = inputs
        i = labels(outputs[0])
        return [[ZERO, sloped(i, a, condition), sloped(i, b, logical_not(condition))]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """Truth values by And and Or, as runtimes lack that Where."""
        condition, a, b = map(write.read, node.inputs)
        if node.outputs[0].dtype != bool_:
            return [write.node("Where", condition, a, b, since=9)]
        otherwise = write.node("And", write.node("Not", condition), b, since=7)
        return [write.node("Or", write.node("And", condition, a, since=7), otherwise, since=7)]


class _Extremum(Elementwise):
    """The larger or smaller of two; where they are equal each gets half of the derivative."""

    commutes: ClassVar[bool] = True

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        a, b = inputs
        i = labels(outputs[0])
        larger, smaller, tie = greater(a, b), greater(b, a), equal(a, b)
        first, second = (larger, smaller) if self.name == "maximum" else (smaller, larger)
        return [[sloped(i, x, wins) + 0.5 * sloped(i, x, tie) for x, wins in ((a, first), (b, second))]]


@final
class Maximum(_Extremum):
    """The larger of a and b."""

    name: ClassVar[str] = "maximum"
    onnx_type: ClassVar[str | None] = "Max"


@final
class Minimum(_Extremum):
    """The smaller of a and b."""

    name: ClassVar[str] = "minimum"
    onnx_type: ClassVar[str | None] = "Min"


@final
class Clip(Elementwise):
    """min(max(x, low), high)."""

    name: ClassVar[str] = "clip"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, low, high = inputs
        return (minimum(maximum(x, low), high),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """ONNX has it for scalar bounds."""
        x, low, high = node.inputs
        if low.ndim or high.ndim:
            return None
        return [write.node("Clip", *map(write.read, (x, low, high)), since=12)]


def equal(a: Any, b: Any) -> Value:
    """Elementwise `a == b`, broadcast, as bool.

    >>> from irgraph import constant, evaluate
    >>> evaluate(equal(constant([1, 2]), 2))
    array([False,  True])
    """
    return Equal()(*operands("equal", a, b))


def not_equal(a: Any, b: Any) -> Value:
    """Elementwise `a != b`, broadcast, as bool."""
    return NotEqual()(*operands("not_equal", a, b))


@operator("less")
def less(a: Any, b: Any) -> Value:
    """Elementwise `a < b`, broadcast, as bool."""
    return Less()(*operands("less", a, b))


@operator("less_equal")
def less_equal(a: Any, b: Any) -> Value:
    """Elementwise `a <= b`, broadcast, as bool."""
    return LessEqual()(*operands("less_equal", a, b))


@operator("greater")
def greater(a: Any, b: Any) -> Value:
    """Elementwise `a > b`, broadcast, as bool."""
    return Greater()(*operands("greater", a, b))


@operator("greater_equal")
def greater_equal(a: Any, b: Any) -> Value:
    """Elementwise `a >= b`, broadcast, as bool."""
    return GreaterEqual()(*operands("greater_equal", a, b))


@operator("logical_not")
def logical_not(x: Any) -> Value:
    """Elementwise `not x` of a bool value."""
    return LogicalNot()(as_value(x))


def where(condition: Any, a: Any, b: Any) -> Value:
    """`a` where `condition` holds, else `b`; all three broadcast.

    Derivatives flow to the chosen side only, so that an infinite slope on the other side does no harm.

    >>> from irgraph import constant, evaluate
    >>> evaluate(where(constant([True, False]), 1.0, 2.0))
    array([1., 2.], dtype=float32)
    """
    if isinstance(condition, bool):
        do = "`==` of graph values compares identity: use irgraph.equal or irgraph.not_equal."
        raise DTypeError(explain(f"the condition {condition}", "a value of dtype bool", here(), do))
    return Where()(as_value(condition), *operands("where", a, b))


def maximum(a: Any, b: Any) -> Value:
    """The larger of `a` and `b`, broadcast; NaN where either is. At a tie each gets half the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(maximum(constant([1, -2]), 0))
    array([1, 0])
    """
    return Maximum()(*operands("maximum", a, b))


def clip(x: Any, low: Any, high: Any) -> Value:
    """min(max(x, low), high), broadcast; on a bound `x` gets half the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(clip(constant([-3, 1, 5]), 0, 2))
    array([0, 1, 2])
    """
    return Clip()(*operands("clip", x, low, high))


def minimum(a: Any, b: Any) -> Value:
    """The smaller of `a` and `b`, broadcast; NaN where either is. At a tie each gets half the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(minimum(constant([1, -2]), 0))
    array([ 0, -2])
    """
    return Minimum()(*operands("minimum", a, b))
