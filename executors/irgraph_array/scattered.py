"""Kernels that write at run-time positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from irgraph.ops.scatter import PutAt

from .table import Array, Call, Context, assign, kernel


@kernel(PutAt)
def _put_at(context: Context, op: PutAt, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    """In the order of the index, one after the other: NumPy then keeps the last of repeated places."""
    (x, index, updates), (out,), xp = inputs, outputs, context.xp
    yield assign(out, x)
    if not index.size:
        return
    ufunc = (
        None if op.mode == "set" else getattr(xp, {"max": "maximum", "min": "minimum"}.get(op.mode, op.mode))
    )

    def put() -> None:
        at = xp.ascontiguousarray(index).reshape(-1)
        rows = updates.reshape(at.shape + x.shape[1:])
        if ufunc is None:
            out[at] = rows
        else:
            ufunc.at(out, at, rows)

    yield put
