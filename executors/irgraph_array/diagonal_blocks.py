"""Kernels of diagonals of two axes: each is a strided view of the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from irgraph.dims import bind
from irgraph.ops.diagonal_blocks import AddDiagonal, PlaceDiagonal

from .table import Array, Call, Context, assign, kernel


@kernel(PlaceDiagonal)
def _place(
    context: Context, op: PlaceDiagonal, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (v,), (out,) = inputs, outputs
    yield partial(out.fill, 0)
    if v.size:
        yield assign(diagonal_of(context, op, out), v)


@kernel(AddDiagonal, single_pass=True)
def _add(
    context: Context, op: AddDiagonal, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """Where the result lies elsewhere than x, x is copied first; between the two calls nothing is read but
    v, which is not there."""
    (x, v), (out,), xp = inputs, outputs, context.xp
    if not xp.may_share_memory(x, out):  # a plan has both in one place, or apart
        yield assign(out, x)
    if v.size:
        diagonal = diagonal_of(context, op, out)
        yield partial(xp.add, diagonal, v, diagonal)


def diagonal_of(context: Context, op: PlaceDiagonal | AddDiagonal, whole: Array) -> Array:
    """The diagonal of an array that is not empty, as a view to write on."""
    rest = [n for n in range(whole.ndim) if n != op.axis]
    strides = list(whole.strides)
    strides[op.along] += strides[op.axis]
    first = whole[(slice(None),) * op.axis + (slice(bind(op.start, context.sizes), None),)]
    shape, steps = tuple(whole.shape[n] for n in rest), tuple(strides[n] for n in rest)
    view: Array = context.xp.lib.stride_tricks.as_strided(first, shape, steps)
    return view
