"""Kernels of linear algebra: the module's LAPACK, with errors that name the matrix and the user's line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgraph.errors import NumericalError, explain
from irgraph.ops.determinants import Det, Pinv, Slogdet
from irgraph.ops.factorizations import Cholesky, Eigh, Qr, Svd
from irgraph.ops.linear_solve import Inverse, Solve, TriangularSolve

from .table import Array, Call, Context, kernel

BLOCK = 64  # rows that are substituted at once; faster than 16, 32 and 128 on the sizes tried


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
    found = why.found if np.isfinite(inputs[0][at]).all() else "a matrix with NaN or infinity"
    node = context.node
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
    """Block substitution from the last row up; a lower triangle is turned around first.

    The blocks on the diagonal are upper triangular, for which elimination exchanges no rows and changes
    nothing: `solve` is plain back substitution. The rest are matrix products.
    """
    xp = context.xp
    turned = op.lower != op.transposed  # what is solved with is lower triangular

    def substitute(a: Array, b: Array) -> Array:
        a = a.swapaxes(-1, -2) if op.transposed else a
        if turned:
            a, b = a[..., ::-1, ::-1], b[..., ::-1, :]
        a, rest = xp.ascontiguousarray(a), xp.array(b, order="C")
        for stop in range(rest.shape[-2], 0, -BLOCK):
            start = max(0, stop - BLOCK)
            block = xp.triu(a[..., start:stop, start:stop])
            if op.unit_diagonal:
                diagonal = xp.arange(stop - start)
                block[..., diagonal, diagonal] = 1
            found = xp.linalg.solve(block, rest[..., start:stop, :])
            rest[..., start:stop, :] = found
            if start:
                rest[..., :start, :] -= a[..., :start, start:stop] @ found
        return rest[..., ::-1, :] if turned else rest

    yield guarded(context, substitute, inputs, outputs, ZERO)
