"""Convolution and pooling in JAX: transposes are JAX's own, made from the forward function."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = Any


def _conv(op: Any, x: Array, w: Array) -> Array:
    windows = op.windows
    return lax.conv_general_dilated(
        x, w, windows.strides, windows.pads, rhs_dilation=windows.dilations, feature_group_count=op.groups
    )


def _transposed(function: Any, shape: Any, cotangent: Array) -> Array:
    (found,) = jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, cotangent.dtype))(cotangent)
    return found


def _taps(windows: Any, x: Array, fill: float) -> Array:
    """Shape (taps, N, C, outputs): what each tap of each window meets."""
    padded = jnp.pad(x, [(0, 0), (0, 0), *windows.pads], constant_values=fill)
    counts = windows.over(x.shape[2:])
    parts = []
    for tap in itertools.product(*map(range, windows.kernel)):
        starts = [k * d for k, d in zip(tap, windows.dilations, strict=True)]
        axes = zip(starts, counts, windows.strides, strict=True)
        at = (slice(start, start + (count - 1) * s + 1, s) for start, count, s in axes)
        parts.append(padded[(..., *at)])
    return jnp.stack(parts)


def _first(windows: Any, x: Array) -> Array:
    lowest = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return jnp.argmax(_taps(windows, lax.stop_gradient(x), lowest), 0)[None]


def _gather(op: Any, x: Array, t: Array) -> Array:
    """The element of t at the first maximum of each window of x."""
    return jnp.take_along_axis(_taps(op.windows, t, 0), _first(op.windows, x), 0)[0]


RULES = {
    "conv": lambda op, xs, out: _conv(op, *xs),
    "conv_input_gradient": lambda op, xs, out: _transposed(lambda x: _conv(op, x, xs[1]), out.shape, xs[0]),
    "conv_filter_gradient": lambda op, xs, out: _transposed(lambda w: _conv(op, xs[0], w), out.shape, xs[1]),
    "max_pool": lambda op, xs, out: _gather(op, xs[0], xs[0]),
    "max_pool_gather": lambda op, xs, out: _gather(op, xs[0], xs[2]),
    "max_pool_scatter": lambda op, xs, out: _transposed(lambda t: _gather(op, xs[0], t), out.shape, xs[2]),
}
