"""Complex numbers: their parts, conjugates, magnitudes and angles.

Derivatives follow one convention, that of JAX: a holomorphic op passes cotangents on by its plain
transpose, without conjugation. So the gradient of a real loss L towards z = x + iy is dL/dx - i dL/dy, the
number g for which L changes by Re(g dz): steepest descent goes against its conjugate. The ops here are linear
over the reals only, and state the transpose under the same pairing, <c, t> = Re(c t).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..dims import Shape
from ..errors import DTypeError, explain
from ..op import Op
from ..types import TensorType, broadcast_shapes, complex64, complex128, float32, float64
from ..value import Value
from .comparison import where
from .constants import full, zeros
from .operands import as_float, as_value, operands
from .reduce import sum
from .requirements import require_dtype
from .shape import broadcast_to, reshape

NO_ONNX = "ONNX has complex tensors but hardly an op that takes them"

Maybe = Sequence[Value | None]


class _OfComplex(Op):
    """An elementwise op of one complex operand that is linear over the reals, or smooth in both parts."""

    elementwise: ClassVar[bool] = True
    takes_complex: ClassVar[bool] = True
    no_onnx: ClassVar[str | None] = NO_ONNX
    keeps: ClassVar[bool] = False  # the result is complex too

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a complex dtype", lambda dtype: dtype.is_complex, *inputs)
        return (inputs[0] if self.keeps else inputs[0].with_dtype(inputs[0].dtype.real),)

    @abstractmethod
    def push(self, x: Value, y: Value, t: Value) -> Value:
        """The tangent of y for that of x."""

    @abstractmethod
    def pull(self, x: Value, y: Value, c: Value) -> Value:
        """The cotangent of x for that of y."""

    def vjp(self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Maybe) -> Maybe:
        c = cotangents[0]
        return [None if c is None else self.pull(inputs[0], outputs[0], c)]

    def jvp(self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Maybe) -> Maybe:
        t = tangents[0]
        return [None if t is None else self.push(inputs[0], outputs[0], t)]


@final
class Real(_OfComplex):
    """The real part."""

    name: ClassVar[str] = "real"

    def push(self, x: Value, y: Value, t: Value) -> Value:
        return real(t)

    def pull(self, x: Value, y: Value, c: Value) -> Value:
        return c.astype(x.dtype)


@final
class Imag(_OfComplex):
    """The imaginary part."""

    name: ClassVar[str] = "imag"

    def push(self, x: Value, y: Value, t: Value) -> Value:
        return imag(t)

    def pull(self, x: Value, y: Value, c: Value) -> Value:
        return complex(zeros((), c.dtype), -c)


@final
class Conj(_OfComplex):
    """The complex conjugate."""

    name: ClassVar[str] = "conj"
    keeps: ClassVar[bool] = True

    def push(self, x: Value, y: Value, t: Value) -> Value:
        return conj(t)

    def pull(self, x: Value, y: Value, c: Value) -> Value:
        return conj(c)


@final
class Magnitude(_OfComplex):
    """The absolute value of a complex number, with derivative 0 at 0."""

    name: ClassVar[str] = "magnitude"

    def push(self, x: Value, y: Value, t: Value) -> Value:
        return real(self._direction(x, y) * t)

    def pull(self, x: Value, y: Value, c: Value) -> Value:
        return self._direction(x, y) * c.astype(x.dtype)

    def _direction(self, x: Value, y: Value) -> Value:
        """conj(x) / |x|."""
        return conj(x) / where(y > 0, y, 1.0).astype(x.dtype)


@final
class Angle(_OfComplex):
    """The angle with the positive real axis, from -π to π."""

    name: ClassVar[str] = "angle"

    def push(self, x: Value, y: Value, t: Value) -> Value:
        return imag(t / x)

    def pull(self, x: Value, y: Value, c: Value) -> Value:
        return complex(zeros((), c.dtype), -c) / x


@final
class Complex(Op):
    """re + i im."""

    name: ClassVar[str] = "complex"
    elementwise: ClassVar[bool] = True
    no_onnx: ClassVar[str | None] = NO_ONNX

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        re, im = inputs
        require_dtype("float32 or float64", lambda dtype: dtype in _PAIRS, re, im)
        if re.dtype is not im.dtype:
            raise DTypeError(explain(f"{re} and {im}", "one dtype", do="Cast one of them."))
        return (TensorType(_PAIRS[re.dtype], broadcast_shapes(re.shape, im.shape)),)

    def vjp(self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Maybe) -> Maybe:
        c = cotangents[0]
        if c is None:
            return [None, None]
        return [_summed_to(part, x.shape) for part, x in zip((real(c), -imag(c)), inputs, strict=True)]

    def jvp(self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Maybe) -> Maybe:
        re, im = tangents
        if re is None and im is None:
            return [None]
        y = complex(*[zeros((), x.dtype) if t is None else t for t, x in zip(tangents, inputs, strict=True)])
        return [broadcast_to(y, outputs[0].shape) if y.shape != outputs[0].shape else y]


def _summed_to(c: Value, shape: Shape) -> Value:
    """The cotangent of what was broadcast from a shape."""
    lead = c.ndim - len(shape)
    repeated = [n + lead for n, size in enumerate(shape) if size == 1 and c.shape[n + lead] != 1]
    return reshape(sum(c, [*range(lead), *repeated]), shape) if lead or repeated else c


_PAIRS = {float32: complex64, float64: complex128}


def complex(re: Any, im: Any = 0.0) -> Value:
    """The complex numbers `re + i im`, broadcast: complex64 from float32, complex128 from float64.

    Integers become float32. Raises DTypeError for low precision and for parts of different dtypes.

    >>> from irgraph import evaluate, input
    >>> evaluate(complex(input("x", (2,)), 1.0), x=[0.0, 2.0])
    array([0.+1.j, 2.+1.j], dtype=complex64)
    """
    return Complex()(*operands("complex", re, im, at_least_float=True))


def real(x: Any) -> Value:
    """The real part, float32 of complex64; of real numbers, themselves.

    >>> from irgraph import constant, evaluate
    >>> evaluate(real(constant([1 + 2j])))
    array([1.], dtype=float32)
    """
    x = as_value(x)
    return Real()(x) if x.dtype.is_complex else x


def imag(x: Any) -> Value:
    """The imaginary part, float32 of complex64; of real numbers, zeros.

    >>> from irgraph import constant, evaluate
    >>> evaluate(imag(constant([1 + 2j])))
    array([2.], dtype=float32)
    """
    x = as_value(x)
    return Imag()(x) if x.dtype.is_complex else full(x.shape, 0, x.dtype)


def conj(x: Any) -> Value:
    """The complex conjugate; of real numbers, themselves.

    >>> from irgraph import constant, evaluate
    >>> evaluate(conj(constant([1 + 2j])))
    array([1.-2.j], dtype=complex64)
    """
    x = as_value(x)
    return Conj()(x) if x.dtype.is_complex else x


def angle(x: Any) -> Value:
    """The angle of complex numbers with the positive real axis, from -π to π.

    Real numbers have the angle 0 or, below 0, π.

    >>> from irgraph import constant, evaluate
    >>> evaluate(angle(constant([1j, -2.0])))
    array([1.5707964, 3.1415927], dtype=float32)
    """
    x = as_value(x)
    if x.dtype.is_complex:
        return Angle()(x)
    x = as_float(x)
    return where(x < 0, math.pi, zeros((), x.dtype))
