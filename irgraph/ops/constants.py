"""Constants: splats, arrays, and counting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..attributes import ArrayData
from ..dims import Size, as_shape, at_least
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Coefficient
from ..onnx_writer import OnnxWriter
from ..origin import here
from ..types import DType, TensorType, as_dtype, complex64, float32, int64, numpy_kind, overflows
from ..value import Node, Value
from .leaf import Leaf


@final
@dataclass(frozen=True)
class Full(Leaf):
    """`number * times / over` everywhere; the sizes make coefficients such as 1/batch."""

    name: ClassVar[str] = "full"
    number: float
    type: TensorType
    times: Size = 1
    over: Size = 1

    def __eq__(self, other: object) -> bool:
        """Numbers are compared by their text: -0.0 is not 0.0, and NaN is NaN."""
        return isinstance(other, Full) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return repr(self.number), self.type, self.times, self.over

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        dtype, number, times = self.type.dtype, self.number, self.times
        if isinstance(times, int) and times != 1:
            number, times = number * times, 1
        exact = int64 if (times, self.over) != (1, 1) and dtype.is_integer else dtype
        scalar = write.constant(number, exact)
        for op_type, size in (("Mul", times), ("Div", self.over)):
            if size != 1:
                scalar = write.node(op_type, scalar, write.cast(onnx_scalar(write, size), exact), since=7)
        scalar = write.cast(scalar, dtype)
        if not self.type.shape:
            return [scalar]
        return [write.node("Expand", scalar, write.sizes(self.type.shape), since=8)]


def onnx_scalar(write: OnnxWriter, size: Size) -> str:
    """A size as an int64 scalar."""
    if isinstance(size, int):
        return write.constant(size, int64)
    return write.node("Reshape", write.sizes((size,)), write.constant([], int64), since=5)


@final
@dataclass(frozen=True)
class Constant(Leaf):
    """An array."""

    name: ClassVar[str] = "constant"
    data: ArrayData

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(as_dtype(self.data.array.dtype), self.data.array.shape),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.constant(self.data.array, node.outputs[0].dtype)]


@final
@dataclass(frozen=True)
class Iota(Leaf):
    """0, 1, 2, … size - 1."""

    name: ClassVar[str] = "iota"
    size: Size
    dtype: DType

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if not at_least(self.size, 0):
            raise ShapeError(explain(f"{self.size} numbers", "at least none"))
        return (TensorType(self.dtype, (self.size,)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        end = onnx_scalar(write, self.size)
        counted = write.node("Range", write.constant(0, int64), end, write.constant(1, int64), since=11)
        return [write.cast(counted, self.dtype)]


def constant(content: Any, dtype: object = None) -> Value:
    """A constant from numbers, nested lists or an array (copied). Lists of floats become float32.

    >>> constant([[1.0, 2.0]])
    <a result of constant : float32[1, 2]>
    """
    try:
        array = np.asarray(content)
    except ValueError:  # ragged
        array = np.empty((), object)
    if dtype is None and not isinstance(content, (np.ndarray, np.generic)):
        dtype = {"float64": float32, "complex128": complex64}.get(array.dtype.name)
    if array.dtype == object:
        raise DTypeError(explain(f"constant({content!r})", "numbers in a regular array", here()))
    target = as_dtype(array.dtype if dtype is None else dtype)
    return Constant(ArrayData(held(array, target)))()


_PART = "Take irgraph.real, imag or abs of them."


def held(array: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    """The array in a dtype; floats to integers truncate. Raises DTypeError where the dtype can't hold it."""
    if array.dtype == dtype.numpy:
        return array
    kind = numpy_kind(array.dtype)
    if kind not in "biufc":
        raise DTypeError(explain(f"an array of dtype {array.dtype}", "numbers or bools", here()))
    if kind == "c" and not dtype.is_complex:
        raise DTypeError(explain(f"complex numbers for {dtype}", "a complex dtype", here(), _PART))
    if dtype.is_inexact and kind in "iufc":
        beyond = overflows(array, dtype)
    elif dtype.is_integer and kind in "iuf":
        limits = np.iinfo(dtype.numpy)
        beyond = ~((array > limits.min - 1) & (array < limits.max + 1))  # NaN is not between them
    else:
        beyond = np.zeros((), bool)
    if beyond.any():
        first = array[tuple(np.argwhere(beyond)[0])]
        raise DTypeError(explain(f"the number {first}", f"ones that {dtype} can hold", here()))
    return array.astype(dtype.numpy)


def full(shape: Sequence[Size | str] | Size | str, number: complex, dtype: object = None) -> Value:
    """`number` everywhere. Raises DTypeError where the dtype can't hold it.

    >>> full(("batch", 3), 0.5)
    <a result of full : float32[batch, 3]>
    """
    if dtype is None:
        dtype = "bool" if isinstance(number, bool) else "int64" if isinstance(number, int) else float32
        dtype = complex64 if isinstance(number, complex) else dtype
    type = TensorType(as_dtype(dtype), as_shape(shape))
    if type.dtype.is_complex and isinstance(number, complex) and number.imag:
        from .shape import broadcast_to  # which builds on constants

        return broadcast_to(constant(number, type.dtype), type.shape)
    return Full(as_element(number, type.dtype), type)()


def scaled_unit(coefficient: Coefficient, dtype: DType) -> Value:
    """A scalar with the value of a coefficient, e.g. 1/batch."""
    return Full(coefficient.number, TensorType(dtype, ()), coefficient.times, coefficient.over)()


def zeros(shape: Sequence[Size | str] | Size | str, dtype: object = "float32") -> Value:
    """Zeros."""
    return full(shape, 0, dtype)


def ones(shape: Sequence[Size | str] | Size | str, dtype: object = "float32") -> Value:
    """Ones."""
    return full(shape, 1, dtype)


def arange(size: Size | str, dtype: object = "int64") -> Value:
    """0, 1, … size - 1; the size may be a named dim.

    >>> arange("batch")
    <a result of iota : int64[batch]>
    """
    return Iota(as_shape(size)[0], as_dtype(dtype))()


def splat(value: Value) -> float | None:
    """The number that a value holds everywhere, where that is known now."""
    op = value.node.op
    if isinstance(op, Full) and op.times == 1 and op.over == 1:
        return op.number
    return None


def as_element(number: Any, dtype: DType) -> float:
    """The number in a dtype's kind. Raises DTypeError where it is none, or the dtype can't hold it."""
    if not isinstance(number, (bool, int, float, complex, np.generic)):
        raise DTypeError(explain(repr(number), "a number", here()))
    if isinstance(number, (complex, np.complexfloating)):
        if number.imag or not dtype.is_complex:
            raise DTypeError(explain(f"the number {number!r}", f"one that {dtype} can hold", here()))
        number = number.real
    if dtype.kind == "bool":
        return bool(number)
    if dtype.is_inexact:
        if math.isfinite(number) and overflows(np.array(float(number)), dtype).any():
            raise DTypeError(explain(f"the number {number!r}", f"one that {dtype} can hold", here()))
        return float(number)
    limits = np.iinfo(dtype.numpy)
    if not limits.min <= number <= limits.max or int(number) != number:  # NaN is not between them
        raise DTypeError(explain(f"the number {number!r}", f"one that {dtype} can hold", here()))
    return int(number)
