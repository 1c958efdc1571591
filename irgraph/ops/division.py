"""Division that rounds down, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..onnx_writer import OnnxWriter
from ..types import DType
from ..value import Node, Value, operator
from .arithmetic import Elementwise, Slope
from .operands import operands


@final
class FloorDivide(Elementwise):
    """The largest integer that is not above a / b, in the dtype of a and b."""

    name: ClassVar[str] = "floor_divide"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return 0.0, 0.0

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """(a - a mod b) / b, rounded, as a and b are; ONNX's own division of integers rounds towards 0."""
        a, b = map(write.read, node.inputs)
        dtype = node.outputs[0].dtype
        quotient = write.node("Div", write.node("Sub", a, _mod(write, a, b, dtype), since=14), b, since=14)
        if dtype.is_integer:
            return [quotient]
        by_zero = write.node("Equal", b, write.constant(0, dtype), since=13)
        return [
            write.node("Where", by_zero, write.node("Div", a, b, since=14), write.node("Round", quotient))
        ]


@final
class Mod(Elementwise):
    """a - b · floor(a / b), with the sign of b."""

    name: ClassVar[str] = "mod"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return 1.0, -floor_divide(*inputs)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        a, b = map(write.read, node.inputs)
        return [_mod(write, a, b, node.outputs[0].dtype)]


def _mod(write: OnnxWriter, a: str, b: str, dtype: DType) -> str:
    """ONNX's Mod of floats has the sign of a: b is added where the two signs differ."""
    if dtype.is_integer:
        return write.node("Mod", a, b, since=13)
    zero = write.constant(0, dtype)
    rest = write.node("Mod", a, b, since=13, fmod=1)
    is_exact = write.node("Equal", rest, zero, since=13)
    signs = [write.node("Less", each, zero, since=13) for each in (rest, b)]
    differ = write.node("And", write.node("Not", is_exact), write.node("Xor", *signs, since=7), since=7)
    return write.node("Where", differ, write.node("Add", rest, b, since=14), rest, since=9)


@operator("floor_divide")
def floor_divide(a: Any, b: Any) -> Value:
    """`a // b`, rounded down, broadcast; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(floor_divide(constant([7, -7]), 2))
    array([ 3, -4])
    """
    return FloorDivide()(*operands("floor_divide", a, b))


@operator("mod")
def mod(a: Any, b: Any) -> Value:
    """`a % b`, which has the sign of `b`, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(mod(constant([7, -7]), 4))
    array([3, 1])
    """
    return Mod()(*operands("mod", a, b))
