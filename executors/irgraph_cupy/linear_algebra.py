"""Linear algebra: cuBLAS and cuSOLVER compute, and launches see which matrix has no result.

NumPy raises where LAPACK refuses a matrix. A device goes on, so that each kernel here notes what LAPACK would
have refused, and yields a verdict on it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from irgraph.errors import NumericalError
from irgraph.ops.determinants import Det, Pinv, Slogdet
from irgraph.ops.factorizations import Cholesky, Eigh, Qr, Svd
from irgraph.ops.linear_solve import Inverse, Solve, TriangularSolve
from irgraph.value import Node
from irgraph_array import INDEFINITE, SINGULAR, STUCK, ZERO, Complaint, no_result

from .elementwise import Operand, launch_copy, launch_elements, launch_fill
from .libraries import Stack, eliminate, factor_symmetric, solve_eliminated, substitute
from .products import launch_matmul
from .source import Array, Launch, Routine, Verdict, c_type, integer, strides
from .table import Action, CudaContext, kernel

Elements = tuple[tuple[int, ...], Operand, str]
"""Elements of each matrix: the shape of them all, where they are, and C that tells a bad `x`."""
NOT_FINITE = "!(x - x == 0)"


def _whole(x: Array, bad: str) -> Elements:
    return x.shape, Operand(x, strides(x)), bad


def _diagonal(x: Array, bad: str) -> Elements:
    """Those on the diagonals of square matrices."""
    *lead, down, right = strides(x)
    return x.shape[:-1], Operand(x, (*lead, down + right)), bad


def _judge(
    context: CudaContext, matrices: Array, why: Complaint, elements: Sequence[Elements]
) -> Iterator[Action]:
    """A verdict on each matrix: those with a bad element have no result."""
    lead = matrices.shape[:-2]
    bad = context.empty(lead, "int32")
    yield from launch_fill(bad, 0)
    for shape, operand, condition in elements:
        target = Operand(bad, (*strides(bad), *(0,) * (len(shape) - len(lead))))
        body = f"const {c_type(operand.array)} x = x0[at0]; if ({condition}) out[at] = 1;"
        yield from launch_elements("judge", shape, target, [operand], body)
    yield Verdict(bad, (bad, matrices), partial(_refused, context.node, why))


def _refused(node: Node, why: Complaint, bad: np.ndarray[Any, Any], matrices: Array) -> NumericalError:
    return no_result(node, why, matrices, tuple(np.argwhere(bad)[0].tolist()))


# ----------------------------------------------------------------------------------- elimination


def _eliminated(context: CudaContext, a: Array) -> Generator[Action, None, tuple[Array, Array]]:
    """L and U of column-major copies, and the row exchanges, as the value of `yield from`."""
    lu = context.empty(a.shape, a.dtype.name)
    yield from launch_copy(a.swapaxes(-1, -2), lu)
    pivots, routines = eliminate(context.xp, Stack(lu, context.empty), context.empty)
    yield from routines
    return lu, pivots


@kernel(Solve, Inverse)
def _solve(
    context: CudaContext, op: Solve | Inverse, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    a, (out,) = inputs[0], outputs
    if not a.size:
        return
    lu, pivots = yield from _eliminated(context, a)
    yield from _judge(context, a, SINGULAR, [_diagonal(lu, "x == 0")])
    rhs = context.empty((*out.shape[:-2], out.shape[-1], out.shape[-2]), out.dtype.name)
    if isinstance(op, Inverse):
        yield from _identity(rhs)
    else:
        yield from launch_copy(inputs[1].swapaxes(-1, -2), rhs)
    stacks = Stack(lu, context.empty), pivots, Stack(rhs, context.empty)
    yield from solve_eliminated(context.xp, *stacks, context.empty)
    yield from launch_copy(rhs.swapaxes(-1, -2), out)


def _identity(target: Array) -> Iterator[Launch]:
    operand, size = Operand(target, strides(target)), target.shape[-1]
    body = "out[at] = i / size % size == i % size;"
    yield from launch_elements(
        "identity", target.shape, operand, [], body, [("long long size", integer(size))]
    )


DETERMINANT = """double value = 1; long long exponent = 0;
    for (long long j = 0; j < size; ++j) {
      int one, other;
      value = frexp(value * frexp((double)x0[at0 + j * (size + 1)], &one), &other);
      exponent += (long long)one + other;
      if (x1[at1 + j] != j + 1) value = -value;
    }
    out[at] = ldexp(value, (int)smaller(larger(exponent, -100000ll), 100000ll));"""
"""A mantissa and an exponent: no product overflows on the way."""

SIGN = """int sign = 1;
    for (long long j = 0; j < size; ++j) {
      const double x = x0[at0 + j * (size + 1)];
      sign = x == 0 ? 0 : (x < 0) != (x1[at1 + j] != j + 1) ? -sign : sign;
    }
    out[at] = sign;"""

LOGARITHM = """double sum = 0; bool zero = false;
    for (long long j = 0; j < size; ++j) {
      const double x = x0[at0 + j * (size + 1)];
      zero = zero || x == 0;
      sum += log(fabs(x));
    }
    out[at] = zero ? log(0.0) : sum;"""


@kernel(Det, Slogdet)
def _determinants(
    context: CudaContext, op: Det | Slogdet, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (a,), size = inputs, inputs[0].shape[-1]
    if not outputs[0].size:
        return
    if not size:  # the product of no numbers
        for out, nothing in zip(outputs, (1, 0), strict=False):
            yield from launch_fill(out, nothing)
        return
    lu, pivots = yield from _eliminated(context, a)
    exchanges = Operand(pivots, tuple(step // size for step in strides(lu)[:-2]))
    operands = [Operand(lu, strides(lu)[:-2]), exchanges]
    length = ("long long size", integer(size))
    for out, body in zip(outputs, (DETERMINANT,) if isinstance(op, Det) else (SIGN, LOGARITHM), strict=True):
        yield from launch_elements(op.name, out.shape, Operand(out, strides(out)), operands, body, [length])


# ------------------------------------------------------------------------ Cholesky, substitution


@kernel(Cholesky)
def _cholesky(
    context: CudaContext, op: Cholesky, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (a,), (out,), size = inputs, outputs, inputs[0].shape[-1]
    if not a.size:
        return
    info = context.empty(a.shape[:-2], "int32")
    yield from launch_copy(a, out)
    yield from factor_symmetric(context.xp, Stack(out, context.empty), info, context.empty)
    yield from _judge(context, a, INDEFINITE, [_whole(info, "x != 0"), _diagonal(out, "x <= 0")])
    body = "if (i / size % size < i % size) out[at] = 0;"
    target, number = Operand(out, strides(out)), ("long long size", integer(size))
    yield from launch_elements("lower", out.shape, target, [], body, [number])


@kernel(TriangularSolve)
def _triangular_solve(
    context: CudaContext, op: TriangularSolve, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (a, b), (out,) = inputs, outputs
    if not a.size:
        return
    if not op.unit_diagonal:
        yield from _judge(context, a, ZERO, [_diagonal(a, "x == 0")])
    yield from launch_copy(b, out)
    if not a.flags.c_contiguous:
        dense = context.empty(a.shape, a.dtype.name)
        yield from launch_copy(a, dense)
        a = dense
    if out.size:
        stacks = Stack(a, context.empty), Stack(out, context.empty)
        yield from substitute(context.xp, *stacks, op.lower, op.transposed, op.unit_diagonal)


# ------------------------------------------------------------- what CuPy has for stacks of matrices


def _computed(function: Callable[..., Any], a: Array, outputs: Sequence[Array]) -> Routine:
    """A call of CuPy that fills arrays."""

    def call() -> None:
        for out, result in zip(outputs, function(a), strict=True):
            out[...] = result

    return Routine(call)


@kernel(Qr, Eigh, Svd)
def _factors(
    context: CudaContext, op: Qr | Eigh | Svd, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    """NumPy refuses NaN and infinity where there are iterations, as they do not end."""
    (a,), linalg = inputs, context.xp.linalg
    if not a.size:
        return
    if isinstance(op, Qr):
        yield _computed(linalg.qr, a, outputs)
    else:
        values = outputs[0] if isinstance(op, Eigh) else outputs[1]
        function = linalg.eigh if isinstance(op, Eigh) else partial(linalg.svd, full_matrices=False)
        yield _computed(function, a, outputs)
        yield from _judge(context, a, STUCK, [_whole(a, NOT_FINITE), _whole(values, NOT_FINITE)])


@kernel(Pinv)
def _pinv(
    context: CudaContext, op: Pinv, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (a,), (out,) = inputs, outputs
    if not a.size:
        return
    *lead, m, n = a.shape
    k = min(m, n)
    u, s, vt = [context.empty((*lead, *size), a.dtype.name) for size in ((m, k), (k,), (k, n))]
    yield _computed(partial(context.xp.linalg.svd, full_matrices=False), a, [u, s, vt])
    yield from _judge(context, a, STUCK, [_whole(a, NOT_FINITE), _whole(s, NOT_FINITE)])
    turned, own = u.swapaxes(-1, -2), strides(s)
    largest, each = Operand(s, (*own[:-1], 0, 0)), Operand(s, (*own, 0))
    scaled = context.empty(turned.shape, a.dtype.name)
    body = "out[at] = x1[at1] > rcond * x2[at2] ? x0[at0] / x1[at1] : 0;"
    operands = [Operand(turned, strides(turned)), each, largest]
    number = ("double rcond", np.float64(op.rcond))
    target = Operand(scaled, strides(scaled))
    yield from launch_elements("reciprocals", scaled.shape, target, operands, body, [number])
    yield from launch_matmul(vt.swapaxes(-1, -2), scaled, out, context.empty)
