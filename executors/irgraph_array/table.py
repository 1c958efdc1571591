"""The shared kernel table: for each primitive op, how it becomes calls on planned arrays.

A kernel runs once for each shape: it gets the op, its input and output arrays (views of the arena),
and returns the calls to make at every step. What depends on shapes is decided here, so that a step
is nothing but calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from irgraph.compiler.plan import Buffer, LoopBody, Slot, Step
from irgraph.dims import bind
from irgraph.op import Op
from irgraph.ops import (
    arithmetic,
    cast,
    comparison,
    constants,
    cumulative,
    division,
    elementary,
    logic,
    near_zero,
    powers,
    products,
    reduce,
    rounding,
    shape,
    slicing,
    trigonometric,
)
from irgraph.ops.matmul import Matmul
from irgraph.value import Node, Value

from .scratch import Scratch

Array = Any  # an ndarray of the executor's module
Call = Callable[[], object]


@dataclass(frozen=True)
class Inside:
    """What the kernel of a loop needs to bind its body: the array of a slot, and the calls of a step, where
    buffers of kind "step" have these arrays."""

    body: LoopBody
    array: Callable[[Slot], Array]
    calls: Callable[[Step, Mapping[Buffer, Array]], list[Call]]


@dataclass(frozen=True)
class Context:
    """What a kernel may need besides its arrays: the array module, bound dims, the node, shared memory; and
    where the node is a loop, its body."""

    xp: Any
    sizes: Mapping[str, int]
    node: Node
    scratch: Scratch
    loop: Inside | None = None


Bind = Callable[[Context, Any, Sequence[Array], Sequence[Array]], Iterable[Call]]


@dataclass(frozen=True)
class Kernel:
    """How an op becomes calls.

    `single_pass`: one native call that reads each element before it writes it, cannot fail, and runs no
    Python: it may write over an input, and may be part of a commit.
    """

    bind: Bind
    single_pass: bool = False


KERNELS: dict[type[Op], Kernel] = {}


def kernel(*ops: type[Op], single_pass: bool = False) -> Callable[[Bind], Bind]:
    """Enter a function into the table for some ops."""

    def register(function: Bind) -> Bind:
        for op in ops:
            KERNELS[op] = Kernel(function, single_pass)
        return function

    return register


UFUNCS: dict[type[Op], str] = {
    arithmetic.Add: "add",
    arithmetic.Subtract: "subtract",
    arithmetic.Multiply: "multiply",
    arithmetic.Divide: "divide",
    division.FloorDivide: "floor_divide",
    division.Mod: "remainder",
    powers.Power: "power",
    arithmetic.Negative: "negative",
    comparison.Maximum: "maximum",
    comparison.Minimum: "minimum",
    rounding.Abs: "absolute",
    rounding.Sign: "sign",
    rounding.Floor: "floor",
    rounding.Ceil: "ceil",
    rounding.Round: "rint",
    elementary.Exp: "exp",
    elementary.Log: "log",
    near_zero.Expm1: "expm1",
    near_zero.Log1p: "log1p",
    elementary.Sqrt: "sqrt",
    trigonometric.Sin: "sin",
    trigonometric.Cos: "cos",
    trigonometric.Tan: "tan",
    trigonometric.Arcsin: "arcsin",
    trigonometric.Arccos: "arccos",
    trigonometric.Arctan: "arctan",
    trigonometric.Sinh: "sinh",
    trigonometric.Cosh: "cosh",
    trigonometric.Tanh: "tanh",
    trigonometric.Arcsinh: "arcsinh",
    trigonometric.Arccosh: "arccosh",
    trigonometric.Arctanh: "arctanh",
    comparison.Equal: "equal",
    comparison.NotEqual: "not_equal",
    comparison.Less: "less",
    comparison.LessEqual: "less_equal",
    comparison.Greater: "greater",
    comparison.GreaterEqual: "greater_equal",
    logic.LogicalAnd: "logical_and",
    logic.LogicalOr: "logical_or",
    logic.LogicalXor: "logical_xor",
    comparison.LogicalNot: "logical_not",
}


@kernel(*UFUNCS, single_pass=True)
def bind_ufunc(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """The array module's own function of that name."""
    function = getattr(context.xp, UFUNCS[type(op)])
    if isinstance(op, (comparison.Maximum, comparison.Minimum)):
        yield partial(function, *inputs, out=outputs[0])  # NumPy deprecates the position, for these two
    else:
        yield partial(function, *inputs, outputs[0])


@kernel(elementary.Relu, single_pass=True)
def _relu(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """Against a row of zeros, which NumPy does twice as fast as against one zero."""
    (x,), (out,) = inputs, outputs
    yield partial(context.xp.maximum, x, context.xp.zeros(x.shape[-1:], x.dtype), out=out)


@kernel(elementary.Sigmoid)
def _sigmoid(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """1 / (1 + exp(-x)); the inf of an overflowing exp stays inside."""
    (x,), (out,), xp = inputs, outputs, context.xp
    one = xp.ones((), x.dtype)
    yield partial(xp.negative, x, out)
    yield partial(xp.exp, out, out)
    yield partial(xp.add, out, one, out)
    yield partial(xp.divide, one, out, out)


@kernel(cast.Cast, cast.Copy, single_pass=True)
def _assign(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    yield assign(outputs[0], inputs[0])


def assign(target: Array, source: Array) -> Call:
    """Copy elements, converting the dtype; one native call."""
    return partial(target.__setitem__, Ellipsis, source)


@kernel(comparison.Where)
def _where(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """Choose by integer arithmetic on the bits, modulo 2^n: exact for NaN and inf, and vectorized,
    where masked copies are not: out = (a - b) · condition + b."""
    xp, (out,) = context.xp, outputs
    if out.dtype.itemsize > 8:  # complex128: there are no such integers
        yield assign(out, inputs[2])
        yield partial(xp.copyto, out, inputs[1], where=inputs[0])
        return
    condition, a, b = inputs[0], bits(inputs[1]), bits(inputs[2])
    chosen = bits(out)
    zero_a, zero_b = map(_is_positive_zero, context.node.inputs[1:])
    if zero_b:
        yield partial(xp.multiply, a, condition, chosen)
    elif zero_a:
        yield partial(xp.multiply, b, condition, chosen)
        yield partial(xp.subtract, b, chosen, chosen)
    else:
        yield partial(xp.subtract, a, b, chosen)
        yield partial(xp.multiply, chosen, condition, chosen)
        yield partial(xp.add, chosen, b, chosen)


def _is_positive_zero(value: Value) -> bool:
    """Whether all bits of all elements are 0, as far as is known now."""
    number = constants.splat(value)
    return number == 0 and math.copysign(1, number) > 0


def bits(array: Array) -> Array:
    """The elements' bits as integers of the same width; a view."""
    return array.view(f"i{array.dtype.itemsize}")


@kernel(constants.Full)
def _full(
    context: Context, op: constants.Full, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    number = op.number
    if op.times != 1:
        number = number * bind(op.times, context.sizes)
    if op.over != 1:
        over = bind(op.over, context.sizes)
        number = number / over if over else float("nan")  # the mean of nothing
    yield partial(outputs[0].fill, number)


@kernel(constants.Constant)
def _constant(
    context: Context, op: constants.Constant, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    yield assign(outputs[0], context.xp.asarray(op.data.array))


@kernel(constants.Iota)
def _iota(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (out,) = outputs
    yield assign(out, context.xp.arange(out.shape[0], dtype=out.dtype))


REDUCTIONS: dict[type[Op], str] = {
    reduce.Sum: "add",
    reduce.Mean: "add",
    products.Prod: "multiply",
    reduce.Max: "maximum",
    reduce.Min: "minimum",
}


@kernel(*REDUCTIONS)
def _reduce(
    context: Context, op: reduce.Reduction, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    xp = context.xp
    axes = op.axes[0] if len(op.axes) == 1 else op.axes
    is_mean = isinstance(op, reduce.Mean)
    if isinstance(op, (reduce.Sum, reduce.Mean)) and isinstance(axes, int) and _is_short_sum(x, axes):
        count = x.shape[axes]
        weights = xp.full(count, 1 / count if is_mean else 1, x.dtype)
        flat = out.reshape(x.shape[:axes] + x.shape[axes + 1 :])
        yield partial(weights.dot, x, flat) if axes == 0 else partial(x.dot, weights, flat)
    else:
        yield partial(getattr(xp, REDUCTIONS[type(op)]).reduce, x, axes, None, out, op.keepdims)
        if is_mean:
            count = math.prod([x.shape[axis] for axis in op.axes])
            yield partial(xp.multiply, out, xp.full((), 1 / count if count else math.nan, x.dtype), out)


def _is_short_sum(x: Array, axis: int) -> bool:
    """Whether to sum one axis of a matrix or vector as a product with ones: BLAS starts sooner, but does
    not sum pairwise, which matters for long sums."""
    return bool(x.ndim <= 2 and x.dtype.kind == "f" and 0 < x.shape[axis] <= 4096)


@kernel(reduce.Argmax, reduce.Argmin)
def _argmax(
    context: Context, op: reduce.Argmax | reduce.Argmin, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    flat = out.reshape(tuple(n for axis, n in enumerate(x.shape) if axis != op.axis))
    yield partial(x.argmax if isinstance(op, reduce.Argmax) else x.argmin, op.axis, flat)


@kernel(cumulative.Cumsum)
def _cumsum(
    context: Context, op: cumulative.Cumsum, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    if op.reverse:
        x, out = context.xp.flip(x, op.axis), context.xp.flip(out, op.axis)
    yield partial(context.xp.add.accumulate, x, op.axis, None, out)


@kernel(products.Cumprod)
def _cumprod(
    context: Context, op: products.Cumprod, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    yield partial(context.xp.multiply.accumulate, inputs[0], op.axis, None, outputs[0])


@kernel(shape.Reshape)
def _reshape(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """Only where the reshape is no view."""
    (x,), (out,) = inputs, outputs
    yield assign(out.reshape(x.shape), x)


@kernel(slicing.Pad)
def _pad(
    context: Context, op: slicing.Pad, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x,), (out,) = inputs, outputs
    region = []
    for start, step, count in zip(op.starts, op.steps, x.shape, strict=True):
        first = bind(start, context.sizes)
        stop = first + step * count
        region.append(slice(first, None if stop < 0 else stop, step))
    yield partial(out.fill, op.value)
    yield assign(out[tuple(region)], x)


@kernel(Matmul)
def _matmul(context: Context, op: Op, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """One GEMM where the right operand is a matrix: leading axes on the left count as rows."""
    (a, b), (out,) = inputs, outputs
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous and a.size:
        a, out = a.reshape(-1, a.shape[-1]), out.reshape(-1, out.shape[-1])
    if out.ndim == 2 and a.dtype.kind == "f":
        yield partial(a.dot, b, out)  # the same GEMM as matmul's, started sooner
    else:
        yield partial(context.xp.matmul, a, b, out)
