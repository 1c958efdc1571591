"""Changing the dtype, and stopping a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..errors import DTypeError, explain
from ..layout import Layout
from ..local_jacobian import ZERO, Grid, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..types import DType, TensorType, as_dtype
from ..value import Node, Value, operator
from .constants import Constant, held, splat
from .operands import as_value
from .requirements import FREE, moving


@final
@dataclass(frozen=True)
class Cast(Op):
    """The nearest element of another dtype; floats to integers truncate."""

    name: ClassVar[str] = "cast"
    takes_complex: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    dtype: DType

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].dtype.is_complex and not self.dtype.is_complex:
            do = "Take irgraph.real, imag or abs of it."
            raise DTypeError(explain(f"{inputs[0]} to cast to {self.dtype}", "a complex dtype", do=do))
        return (inputs[0].with_dtype(self.dtype),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(outputs[0])
        return [[term(i, i)]]

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """The cotangent in the input's dtype: terms say nothing of dtypes."""
        return [_in_dtype(cotangents[0], inputs[0].dtype)]

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """The tangent in the output's dtype."""
        return [_in_dtype(tangents[0], self.dtype)]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.cast(write.read(node.inputs[0]), self.dtype)]


def _in_dtype(direction: Value | None, dtype: DType) -> Value | None:
    """A tangent or cotangent in another dtype; integers have none."""
    if direction is None or not dtype.is_inexact:
        return None
    if direction.dtype.is_complex and not dtype.is_complex:
        from .complex import real  # which builds on casts

        direction = real(direction)
    return cast(direction, dtype)


@final
class Copy(Op):
    """The same elements in memory of their own."""

    name: ClassVar[str] = "copy"
    moves: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Identity"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(outputs[0])
        return [[term(i, i)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return moving(inputs, outputs)


@final
class StopGradient(Op):
    """The identity, whose derivative is not taken."""

    name: ClassVar[str] = "stop_gradient"
    view_only: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Identity"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return inputs

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input


@operator("cast")
def cast(x: Value, dtype: object) -> Value:
    """`x` with another dtype; the same value where it has it already.

    Integers are rounded to the nearest float, floats to integers truncate. Finite numbers beyond the largest
    of a narrower float dtype become infinite; what an integer dtype can't hold (NaN, infinities, numbers out
    of range) becomes whatever the device makes of it, without a warning. Of a constant, which is known now,
    such a cast raises DTypeError.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cast(constant([1.7, -1.7]), "int64"))
    array([ 1, -1])
    """
    value, wanted = as_value(x), as_dtype(dtype)
    if value.dtype is wanted:
        return value
    number, op = splat(value), value.node.op
    if number is not None:
        held(np.array(number), wanted)
    elif isinstance(op, Constant):
        held(op.data.array, wanted)
    return Cast(wanted)(value)


def stop_gradient(x: Value) -> Value:
    """`x` as a constant to differentiation: a gradient that only flows through here is an error.

    >>> from irgraph import input
    >>> stop_gradient(input("x", (3,)))
    <a result of stop_gradient : float32[3]>
    """
    return StopGradient()(as_value(x))
