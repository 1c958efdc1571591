"""Scalar operations in C: what one element of each elementwise op is.

Generated kernels, and whatever fuses several ops into one, are made of these expressions. They say what
NumPy says, for NaN, inf, division by zero and negative integers too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgraph.op import Op
from irgraph.ops import (
    arithmetic,
    cast,
    comparison,
    division,
    elementary,
    logic,
    near_zero,
    powers,
    rounding,
    trigonometric,
)
from irgraph.types import DType

from .low_precision import LOW_PRECISION, LOW_TYPES

C_TYPES: dict[str, str] = {
    "bool": "bool",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
    **LOW_TYPES,
}
"""The C type for the elements of each dtype."""

PRELUDE = (
    LOW_PRECISION
    + """
template <typename T> __device__ inline bool is_nan(T x) { return x != x; }
template <typename T> __device__ inline T larger(T a, T b) { return a >= b || is_nan(a) ? a : b; }
template <typename T> __device__ inline T smaller(T a, T b) { return a <= b || is_nan(a) ? a : b; }
template <typename T> __device__ inline T sign_of(T x) { return is_nan(x) ? x : T((x > T(0)) - (x < T(0))); }
template <typename T> __device__ inline T floor_divide(T a, T b) {
  if (b == T(0)) return T(0);
  if (T(-1) < T(0) && b == T(-1)) return T(0ull - (unsigned long long)a);
  T quotient = T(a / b);
  return T(quotient - T(quotient * b != a && (a < T(0)) != (b < T(0))));
}
template <typename T> __device__ inline T modulo(T a, T b) {
  if (b == T(0) || (T(-1) < T(0) && b == T(-1))) return T(0);
  T rest = T(a % b);
  return T(rest + (rest != T(0) && (rest < T(0)) != (b < T(0)) ? b : T(0)));
}
template <typename T> __device__ inline T float_modulo(T a, T b) {
  T rest = fmod(a, b);
  if (b == T(0) || is_nan(rest)) return rest;
  if (rest == T(0)) return copysign(T(0), b);
  return (b < T(0)) != (rest < T(0)) ? rest + b : rest;
}
template <typename T> __device__ inline T float_floor_divide(T a, T b) {
  T rest = fmod(a, b);
  if (b == T(0)) return a / b;
  if (is_nan(rest)) return rest;
  T quotient = (a - rest) / b;
  if (rest != T(0) && (b < T(0)) != (rest < T(0))) quotient -= T(1);
  if (quotient == T(0)) return copysign(T(0), a / b);
  T whole = floor(quotient);
  return quotient - whole > T(0.5) ? whole + T(1) : whole;
}
"""
)
"""The functions that expressions call; it comes once before all kernels of a module."""

Expression = Callable[[Sequence[DType], DType, Sequence[str]], str]
"""Of the dtypes of the inputs, the dtype of the output, and the inputs in C."""


def _operator(symbol: str) -> Expression:
    """A binary operator; the cast undoes C's promotion of small integers to int."""

    def write(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
        return f"(({C_TYPES[dtype.name]})({x[0]} {symbol} {x[1]}))"

    return write


def _libm(name: str) -> Expression:
    """A function of C's math library, in the precision of the dtype."""

    def write(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
        return f"{name}{'f' if dtype.itemsize == 4 else ''}({', '.join(x)})"

    return write


def _helper(name: str, of_floats: str = "") -> Expression:
    """A function of the prelude."""

    def write(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
        used = of_floats if of_floats and dtype.is_float else name
        return f"{used}<{C_TYPES[dtype.name]}>({', '.join(x)})"

    return write


def _template(text: str) -> Expression:
    """A text with `{T}` for the output's type and `{x}`, `{y}`, `{z}` for the inputs."""

    def write(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
        return text.format(T=C_TYPES[dtype.name], **dict(zip("xyz", x, strict=False)))

    return write


def _absolute(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
    if dtype.is_float:
        return _libm("fabs")(dtypes, dtype, x)
    return x[0] if dtype.kind == "uint" else f"(({C_TYPES[dtype.name]})({x[0]} < 0 ? -{x[0]} : {x[0]}))"


def _cast(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
    return f"({x[0]} != 0)" if dtype.name == "bool" else f"(({C_TYPES[dtype.name]})({x[0]}))"


def _sigmoid(dtypes: Sequence[DType], dtype: DType, x: Sequence[str]) -> str:
    one = f"({C_TYPES[dtype.name]})1"
    return f"({one} / ({one} + {_libm('exp')(dtypes, dtype, [f'-{x[0]}'])}))"


EXPRESSIONS: dict[type[Op], Expression] = {
    arithmetic.Add: _operator("+"),
    arithmetic.Subtract: _operator("-"),
    arithmetic.Multiply: _operator("*"),
    arithmetic.Divide: _operator("/"),
    arithmetic.Negative: _template("(({T})(-{x}))"),
    division.FloorDivide: _helper("floor_divide", "float_floor_divide"),
    division.Mod: _helper("modulo", "float_modulo"),
    powers.Power: _libm("pow"),
    comparison.Maximum: _helper("larger"),
    comparison.Minimum: _helper("smaller"),
    comparison.Where: _template("({x} ? {y} : {z})"),
    rounding.Abs: _absolute,
    rounding.Sign: _helper("sign_of"),
    rounding.Floor: _libm("floor"),
    rounding.Ceil: _libm("ceil"),
    rounding.Round: _libm("rint"),
    elementary.Exp: _libm("exp"),
    elementary.Log: _libm("log"),
    near_zero.Expm1: _libm("expm1"),
    near_zero.Log1p: _libm("log1p"),
    elementary.Sqrt: _libm("sqrt"),
    elementary.Sigmoid: _sigmoid,
    elementary.Relu: _template("larger<{T}>({x}, ({T})0)"),
    trigonometric.Sin: _libm("sin"),
    trigonometric.Cos: _libm("cos"),
    trigonometric.Tan: _libm("tan"),
    trigonometric.Arcsin: _libm("asin"),
    trigonometric.Arccos: _libm("acos"),
    trigonometric.Arctan: _libm("atan"),
    trigonometric.Sinh: _libm("sinh"),
    trigonometric.Cosh: _libm("cosh"),
    trigonometric.Tanh: _libm("tanh"),
    trigonometric.Arcsinh: _libm("asinh"),
    trigonometric.Arccosh: _libm("acosh"),
    trigonometric.Arctanh: _libm("atanh"),
    comparison.Equal: _operator("=="),
    comparison.NotEqual: _operator("!="),
    comparison.Less: _operator("<"),
    comparison.LessEqual: _operator("<="),
    comparison.Greater: _operator(">"),
    comparison.GreaterEqual: _operator(">="),
    logic.LogicalAnd: _operator("&&"),
    logic.LogicalOr: _operator("||"),
    logic.LogicalXor: _operator("!="),
    comparison.LogicalNot: _template("(!{x})"),
    cast.Cast: _cast,
    cast.Copy: _template("{x}"),
}
"""What one element of each elementwise op is."""


def expression(op: type[Op], dtypes: Sequence[DType], dtype: DType, operands: Sequence[str]) -> str:
    """One element of an op in C, from its operands in C: names, calls, or in parentheses, as the result is.

    >>> from irgraph.types import float32, int8
    >>> expression(arithmetic.Add, [int8, int8], int8, ["a", "b"])
    '((signed char)(a + b))'
    >>> expression(elementary.Exp, [float32], float32, ["x"])
    'expf(x)'
    """
    return EXPRESSIONS[op](dtypes, dtype, operands)
