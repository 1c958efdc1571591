"""Kernels that put elements in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from irgraph.ops.sorting import Argsort, SearchSorted, Sort

from .table import Array, Call, Context, assign, kernel


@kernel(Sort)
def _sort(context: Context, op: Sort, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """In place; backwards is a flip of the result."""
    (x,), (out,), xp = inputs, outputs, context.xp
    yield assign(out, x)
    yield partial(out.sort, op.axis)
    if op.descending:
        yield lambda: out.__setitem__(..., xp.flip(out, op.axis).copy())


@kernel(Argsort)
def _argsort(
    context: Context, op: Argsort, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """Stable. Backwards: the order of the flipped elements, flipped, keeps equal ones in order, too."""
    (x,), (out,), xp = inputs, outputs, context.xp
    if not op.descending:
        yield lambda: out.__setitem__(..., xp.argsort(x, axis=op.axis, kind="stable"))
        return
    flipped, target = xp.flip(x, op.axis), xp.flip(out, op.axis)
    last = xp.full((), max(0, x.shape[op.axis] - 1), out.dtype)
    yield lambda: xp.subtract(last, xp.argsort(flipped, axis=op.axis, kind="stable"), target)


@kernel(SearchSorted)
def _search(
    context: Context, op: SearchSorted, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (row, values), (out,) = inputs, outputs
    side = "right" if op.right else "left"
    yield lambda: out.__setitem__(..., context.xp.searchsorted(row, values, side))
