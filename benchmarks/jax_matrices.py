"""What linear algebra, sorting and writing at positions are in JAX; see `jax_graph`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

Array = Any
Rule = Callable[[Any, Any, Any], Array]


def _batched_solve(a: Array, b: Array, solve: Callable[[Array, Array], Array]) -> Array:
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = jnp.broadcast_to(a, (*batch, *a.shape[-2:]))
    return solve(a, jnp.broadcast_to(b, (*batch, *b.shape[-2:])))


def _triangular(op: Any, a: Array, b: Array) -> Array:
    def solve(a: Array, b: Array) -> Array:
        flags = {"lower": op.lower, "unit_diagonal": op.unit_diagonal}
        return solve_triangular(a, b, trans=int(op.transposed), **flags)

    return _batched_solve(a, b, solve)


def _symmetric(a: Array) -> Array:
    return (a + a.swapaxes(-1, -2)) / 2


def _argsort(op: Any, x: Array) -> Array:
    """Stable in both directions."""
    if not op.descending:
        return jnp.argsort(x, op.axis, stable=True)
    back = jnp.argsort(jnp.flip(x, op.axis), op.axis, stable=True)
    return x.shape[op.axis] - 1 - jnp.flip(back, op.axis)


def _topk(op: Any, x: Array, k: int) -> tuple[Array, Array]:
    order = jnp.argsort(-x if op.largest else x, op.axis, stable=True)
    index = lax.slice_in_dim(order, 0, k, axis=op.axis)
    return jnp.take_along_axis(x, index, op.axis), index


def _put(x: Array, place: Any, updates: Array, mode: str) -> Array:
    return getattr(x.at[place], mode)(updates)


def _put_nd(op: Any, x: Array, index: Array, updates: Array) -> Array:
    return _put(x, tuple(jnp.moveaxis(index, -1, 0)), updates, op.mode)


def _put_along(op: Any, x: Array, index: Array, updates: Array) -> Array:
    place = list(jnp.meshgrid(*map(jnp.arange, index.shape), indexing="ij"))
    place[op.axis] = index
    return _put(x, tuple(place), updates, op.mode)


RULES: dict[str, Rule] = {
    "solve": lambda op, xs, out: _batched_solve(*xs, jnp.linalg.solve),
    "triangular_solve": lambda op, xs, out: _triangular(op, *xs),
    "inverse": lambda op, xs, out: jnp.linalg.inv(xs[0]),
    "cholesky": lambda op, xs, out: jnp.linalg.cholesky(_symmetric(xs[0])),
    "qr": lambda op, xs, out: tuple(jnp.linalg.qr(xs[0])),
    "eigh": lambda op, xs, out: tuple(jnp.linalg.eigh(_symmetric(xs[0]))),
    "svd": lambda op, xs, out: tuple(jnp.linalg.svd(xs[0], full_matrices=False)),
    "det": lambda op, xs, out: jnp.linalg.det(xs[0]),
    "slogdet": lambda op, xs, out: tuple(jnp.linalg.slogdet(xs[0])),
    "pinv": lambda op, xs, out: jnp.linalg.pinv(xs[0], rtol=op.rcond),
    "argsort": lambda op, xs, out: _argsort(op, xs[0]),
    "sort": lambda op, xs, out: jnp.take_along_axis(xs[0], _argsort(op, xs[0]), op.axis),
    "topk": lambda op, xs, out: _topk(op, xs[0], out.node.outputs[0].shape[op.axis]),
    "put_at": lambda op, xs, out: _put(xs[0], (xs[1],), xs[2], op.mode),
    "scatter_nd": lambda op, xs, out: _put_nd(op, *xs),
    "put_along_axis": lambda op, xs, out: _put_along(op, *xs),
    "tap": lambda op, xs, out: xs[0],
}
