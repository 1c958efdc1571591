"""Kernels of linear algebra: the module's LAPACK, with errors that name the matrix and the user's line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgraph.errors import NumericalError, explain
from irgraph.ops.determinants import Det, Pinv, Slogdet
from irgraph.ops.factorizations import Cholesky, Eigh, Qr, Svd
from irgraph.ops.linear_solve import Inverse, Solve, TriangularSolve
from irgraph.value import Node

from .table import Array, Call, Context, kernel

BLOCK = 64  # rows that LAPACK substitutes at once, of few matrices
MANY = 64  # matrices: for so many at once, products and divisions are faster than a call of LAPACK for each


@dataclass(frozen=True)
class Complaint:
    """What LAPACK's refusal means, and what was needed."""

    found: str
    needed: str


SINGULAR = Complaint("a singular matrix", "matrices that can be inverted")
INDEFINITE = Complaint("a matrix that is not positive definite", "symmetric positive definite matrices")
ZERO = Complaint("a triangular matrix with a 0 on its diagonal", "a diagonal without zeros")
STUCK = Complaint("a matrix for which the iteration did not converge", "finite numbers")

Compute = Callable[..., Any]


def guarded(
    context: Context, compute: Compute, inputs: Sequence[Array], outputs: Sequence[Array], why: Complaint
) -> Call:
    """A call that computes and stores, and turns a refusal into an error that names the matrix."""

    def call() -> None:
        try:
            results = compute(*inputs)
        except np.linalg.LinAlgError:
            raise _blamed(context, compute, inputs, why) from None
        for out, result in zip(outputs, results if isinstance(results, tuple) else (results,), strict=True):
            out[...] = result

    return call


def _blamed(context: Context, compute: Compute, inputs: Sequence[Array], why: Complaint) -> NumericalError:
    """Look for the first matrix of the batch that fails alone."""
    at: tuple[int, ...] = ()
    for at in np.ndindex(inputs[0].shape[:-2]):
        try:
            compute(*[x[at] for x in inputs])
        except np.linalg.LinAlgError:
            break
    return no_result(context.node, why, inputs[0], at)


def no_result(node: Node, why: Complaint, matrices: Array, at: tuple[int, ...]) -> NumericalError:
    """The error for matrices in host memory of which that at a place of the batch has no result."""
    found = why.found if np.isfinite(matrices[at]).all() else "a matrix with NaN or infinity"
    place = f" at {list(at)}" if at else ""
    return NumericalError(
        explain(
            f"{found}{place} of {node.inputs[0].label} in {node.op.name}",
            why.needed,
            f"{node.origin}: {node.origin.source}",
            "Nothing was changed in the state.",
        )
    )


@kernel(Solve, Inverse)
def _inverse(context: Context, op: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    linalg = context.xp.linalg
    compute = linalg.inv if isinstance(op, Inverse) else linalg.solve
    yield guarded(context, compute, inputs, outputs, SINGULAR)


@kernel(Cholesky)
def _cholesky(context: Context, op: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    yield guarded(context, context.xp.linalg.cholesky, inputs, outputs, INDEFINITE)


@kernel(Det, Slogdet, Qr, Eigh, Svd, Pinv)
def _lapack(context: Context, op: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    linalg = context.xp.linalg
    functions: dict[type[Any], Callable[[Array], Any]] = {
        Det: linalg.det,
        Slogdet: lambda a: tuple(linalg.slogdet(a)),
        Qr: lambda a: tuple(linalg.qr(a)),
        Eigh: lambda a: tuple(linalg.eigh(a)),
        Svd: lambda a: tuple(linalg.svd(a, full_matrices=False)),
        Pinv: lambda a: linalg.pinv(a, op.rcond),
    }
    yield guarded(context, functions[type(op)], inputs, outputs, STUCK)


@kernel(TriangularSolve)
def _triangular_solve(
    context: Context, op: TriangularSolve, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """A lower triangle is turned around first, and solved as an upper one."""
    xp = context.xp
    turned = op.lower != op.transposed  # what is solved with is lower triangular

    def solve(a: Array, b: Array) -> Array:
        a = a.swapaxes(-1, -2) if op.transposed else a
        if turned:
            a, b = a[..., ::-1, ::-1], b[..., ::-1, :]
        if not op.unit_diagonal and (xp.diagonal(a, axis1=-2, axis2=-1) == 0).any():
            raise np.linalg.LinAlgError
        a, x = xp.ascontiguousarray(a), xp.array(b, order="C")
        few = math.prod(x.shape[:-2]) < MANY
        substitute(xp, a, x, (0, x.shape[-2]), BLOCK if few else 1, op.unit_diagonal)
        return x[..., ::-1, :] if turned else x

    yield guarded(context, solve, inputs, outputs, ZERO)


def substitute(xp: Any, a: Array, x: Array, rows: tuple[int, int], block: int, unit: bool) -> None:
    """Solve the rows of an upper triangular system in place: the lower half of them, then what is left of
    the upper half. All but the blocks on the diagonal are matrix products.

    A block is upper triangular: elimination exchanges no rows and changes nothing there, and `solve` is
    plain back substitution.
    """
    first, last = rows
    if last - first > block:
        middle = (first + last) // 2
        substitute(xp, a, x, (middle, last), block, unit)
        x[..., first:middle, :] -= a[..., first:middle, middle:last] @ x[..., middle:last, :]
        substitute(xp, a, x, (first, middle), block, unit)
    elif last - first == 1:
        if not unit:
            x[..., first:last, :] /= a[..., first:last, first:last]
    elif first < last:
        corner = xp.triu(a[..., first:last, first:last])
        if unit:
            diagonal = xp.arange(last - first)
            corner[..., diagonal, diagonal] = 1
        x[..., first:last, :] = xp.linalg.solve(corner, x[..., first:last, :])
