"""Kernels that write at run-time positions, in the order of the index."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from irgraph.ops.indexing import AddAt
from irgraph.ops.scatter import PutAt

from .table import Array, Call, Context, assign, kernel

BLOCK = 1 << 15  # elements at a time: their positions stay in the cache


@kernel(AddAt)
def _add_at(context: Context, op: AddAt, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (updates, index), (out,) = inputs, outputs
    yield partial(out.fill, 0)
    if updates.size:
        yield partial(join_at, context.xp, context.xp.add, out, index, updates)


@kernel(PutAt)
def _put_at(context: Context, op: PutAt, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (x, index, updates), (out,), xp = inputs, outputs, context.xp
    yield assign(out, x)
    if not updates.size:
        return
    if op.mode == "set":
        yield partial(set_at, xp, out, index, updates)
    else:
        name = {"max": "maximum", "min": "minimum"}.get(op.mode, op.mode)
        yield partial(join_at, xp, getattr(xp, name), out, index, updates)


def set_at(xp: Any, out: Array, index: Array, updates: Array) -> None:
    """One after the other: NumPy then keeps the last update of a place, for a vector of positions."""
    at = xp.ascontiguousarray(index).reshape(-1)
    out[at] = updates.reshape(at.shape + out.shape[1:])


def join_at(xp: Any, ufunc: Any, out: Array, index: Array, updates: Array) -> None:
    """`ufunc.at` on rows, by the positions of single elements: NumPy is three to ten times as fast on these,
    and joins them in the same order."""
    at = xp.ascontiguousarray(index).reshape(-1)
    width = math.prod(out.shape[1:])
    flat, rows = out.reshape(-1), updates.reshape(at.size, width)
    if width == 1:
        ufunc.at(flat, at, rows.reshape(-1))
        return
    columns = xp.arange(width)
    step = max(1, BLOCK // width)
    for first in range(0, at.size, step):
        part = at[first : first + step, None].astype("int64") * width + columns
        ufunc.at(flat, part.reshape(-1), rows[first : first + step].reshape(-1))
