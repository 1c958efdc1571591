"""A graph of irgraph run node by node by JAX: an oracle that differentiates by itself.

The table says what each op is in JAX. An op that is not in it is run as what it expands to. Primitives
are single `lax` operations, so that XLA counts for a node what the node does and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

import irgraph as ig
from benchmarks import jax_images, jax_matrices
from irgraph.op import Op

Array = Any
Rule = Callable[[Any, Sequence[Array], ig.Value], Array]


class Untranslated(Exception):
    """An op that the table does not have and that has no expansion."""


def _elementwise(function: Callable[..., Array]) -> Rule:
    return lambda op, inputs, out: function(*jnp.broadcast_arrays(*inputs))


def _reduction(function: Callable[..., Array]) -> Rule:
    return lambda op, inputs, out: function(inputs[0], axis=op.axes, keepdims=op.keepdims)


def _slice(op: Any, x: Array) -> Array:
    """A slice with steps of either sign."""
    starts, steps, shape = op.starts, op.steps, op.shape
    back = [axis for axis, step in enumerate(steps) if step < 0]
    starts = [x.shape[n] - 1 - start if n in back else start for n, start in enumerate(starts)]
    steps = [abs(step) for step in steps]
    if 0 in shape:
        return jnp.zeros(shape, x.dtype)
    ends = [start + (count - 1) * step + 1 for start, count, step in zip(starts, shape, steps, strict=True)]
    return lax.slice(lax.rev(x, back) if back else x, starts, ends, steps)


def _pad(op: Any, x: Array) -> Array:
    back = [axis for axis, step in enumerate(op.steps) if step < 0]
    x = lax.rev(x, back) if back else x
    widths = []
    for axis, (start, step, full) in enumerate(zip(op.starts, op.steps, op.shape, strict=True)):
        span = max((x.shape[axis] - 1) * abs(step) + 1, 0)
        low = start if step > 0 else start - span + 1
        widths.append((low, full - low - span, abs(step) - 1))
    return lax.pad(x, jnp.asarray(op.value, x.dtype), widths)


def _matmul(a: Array, b: Array) -> Array:
    """One `dot_general`; broadcast batches are written out first."""
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = jnp.broadcast_to(a, (*batch, *a.shape[-2:]))
    b = jnp.broadcast_to(b, (*batch, *b.shape[-2:]))
    axes = tuple(range(len(batch)))
    return lax.dot_general(a, b, (((a.ndim - 1,), (b.ndim - 2,)), (axes, axes)))


def _power(x: Array, y: Array) -> Array:
    return lax.pow(x, y)


def _take(op: Any, x: Array, index: Array, out: ig.Value) -> Array:
    if not x.shape[op.axis]:
        return jnp.zeros(out.shape, x.dtype)  # the index is empty, too
    return jnp.take(x, index, op.axis, mode="clip")


def _add_at(op: Any, updates: Array, index: Array) -> Array:
    out = jnp.zeros((op.size, *updates.shape[index.ndim :]), updates.dtype)
    return out.at[index].add(updates)


def _full(op: Any, out: ig.Value) -> Array:
    return jnp.full(out.shape, op.number * op.times / op.over, out.dtype.name)


def _conv(op: Any, x: Array, w: Array) -> Array:
    windows = op.windows
    return lax.conv_general_dilated(
        x, w, windows.strides, windows.pads, rhs_dilation=windows.dilations, feature_group_count=op.groups
    )


def _conv_input_gradient(op: Any, g: Array, w: Array, out: ig.Value) -> Array:
    (image,) = jax.linear_transpose(lambda x: _conv(op, x, w), jnp.zeros(out.shape, g.dtype))(g)
    return image


def _conv_filter_gradient(op: Any, x: Array, g: Array, out: ig.Value) -> Array:
    (filters,) = jax.linear_transpose(lambda w: _conv(op, x, w), jnp.zeros(out.shape, x.dtype))(g)
    return filters


UNARY = {
    "negative": lax.neg, "abs": lax.abs, "sign": lax.sign, "floor": lax.floor, "ceil": lax.ceil,
    "exp": lax.exp, "log": lax.log, "expm1": lax.expm1, "log1p": lax.log1p, "sqrt": lax.sqrt,
    "sin": lax.sin, "cos": lax.cos, "tan": lax.tan, "arcsin": lax.asin, "arccos": lax.acos,
    "arctan": lax.atan, "sinh": lax.sinh, "cosh": lax.cosh, "tanh": lax.tanh, "arcsinh": lax.asinh,
    "arccosh": lax.acosh, "arctanh": lax.atanh, "logical_not": lax.bitwise_not, "sigmoid": lax.logistic,
    "round": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "relu": jax.nn.relu, "softplus": jax.nn.softplus, "erf": lax.erf, "erfc": lax.erfc, "rsqrt": lax.rsqrt,
    "real": lax.real, "imag": lax.imag, "conj": lax.conj, "magnitude": lax.abs, "angle": jnp.angle,
    "cbrt": lax.cbrt, "copy": lambda x: x, "stop_gradient": lax.stop_gradient,
}  # fmt: skip
BINARY = {
    "add": lax.add, "subtract": lax.sub, "multiply": lax.mul, "divide": lax.div, "power": _power,
    "maximum": lax.max, "minimum": lax.min, "floor_divide": jnp.floor_divide, "mod": jnp.mod,
    "equal": lax.eq, "not_equal": lax.ne, "less": lax.lt, "less_equal": lax.le, "greater": lax.gt,
    "greater_equal": lax.ge, "logical_and": lax.bitwise_and, "logical_or": lax.bitwise_or,
    "logical_xor": lax.bitwise_xor, "arctan2": lax.atan2, "complex": lax.complex,
}  # fmt: skip
REDUCTIONS = {"sum": jnp.sum, "mean": jnp.mean, "max": jnp.max, "min": jnp.min, "prod": jnp.prod}
OTHERS: dict[str, Rule] = {
    "where": lambda op, xs, out: lax.select_n(*jnp.broadcast_arrays(xs[0], xs[2], xs[1])),
    "cast": lambda op, xs, out: lax.convert_element_type(xs[0], out.dtype.name),
    "full": lambda op, xs, out: _full(op, out),
    "constant": lambda op, xs, out: jnp.asarray(op.data.array),
    "iota": lambda op, xs, out: lax.iota(out.dtype.name, op.size),
    "reshape": lambda op, xs, out: lax.reshape(xs[0], op.shape),
    "transpose": lambda op, xs, out: lax.transpose(xs[0], op.axes),
    "broadcast_to": lambda op, xs, out: jnp.broadcast_to(xs[0], op.shape),
    "slice": lambda op, xs, out: _slice(op, xs[0]),
    "pad": lambda op, xs, out: _pad(op, xs[0]),
    "concatenate": lambda op, xs, out: lax.concatenate(xs, op.axis),
    "matmul": lambda op, xs, out: _matmul(*xs),
    "take": lambda op, xs, out: _take(op, *xs, out),
    "add_at": lambda op, xs, out: _add_at(op, *xs),
    "check_index": lambda op, xs, out: xs[0],
    "argmax": lambda op, xs, out: jnp.argmax(xs[0], op.axis, op.keepdims).astype(out.dtype.name),
    "argmin": lambda op, xs, out: jnp.argmin(xs[0], op.axis, op.keepdims).astype(out.dtype.name),
    "cumsum": lambda op, xs, out: lax.cumsum(xs[0], op.axis, reverse=op.reverse),
    "conv": lambda op, xs, out: _conv(op, *xs),
    "conv_input_gradient": lambda op, xs, out: _conv_input_gradient(op, *xs, out),
    "conv_filter_gradient": lambda op, xs, out: _conv_filter_gradient(op, *xs, out),
    "softmax": lambda op, xs, out: jax.nn.softmax(xs[0], op.axis),
    "log_softmax": lambda op, xs, out: jax.nn.log_softmax(xs[0], op.axis),
}
TABLE: dict[str, Rule] = {
    **{name: _elementwise(function) for name, function in (UNARY | BINARY).items()},
    **{name: _reduction(function) for name, function in REDUCTIONS.items()},
    **OTHERS,
    **jax_matrices.RULES,
    **jax_images.RULES,
}


def run(outputs: Sequence[ig.Value], feeds: Mapping[ig.Value, Array], native: bool = True) -> list[Array]:
    """The values of `outputs`; `feeds` has those of inputs and parameters.

    `native` is False: composite ops are run as what they expand to, though JAX has them.
    """
    known = dict(feeds)
    for value in outputs:
        stack = [value]
        while stack:
            top = stack[-1]
            if top in known:
                stack.pop()
                continue
            rule, missing = _rule(top, native), []
            needed = top.node.inputs if rule else _expansion(top, known)
            missing = [each for each in needed if each not in known]
            if missing:
                stack += missing
            elif rule:
                found = rule(top.node.op, [known[each] for each in top.node.inputs], top)
                parts = found if isinstance(found, tuple) else (found,)
                known.update(zip(top.node.outputs, parts, strict=True))
            else:
                known[top] = known[needed[0]]
    return [known[value] for value in outputs]


_expanded: dict[Any, Sequence[ig.Value]] = {}


def _rule(value: ig.Value, native: bool) -> Rule | None:
    op = value.node.op
    if native or type(op).expand is Op.expand or op.expand(*value.node.inputs) is None:
        return TABLE.get(op.name)
    return None


def _expansion(value: ig.Value, known: Mapping[ig.Value, Array]) -> Sequence[ig.Value]:
    node = value.node
    if node not in _expanded:
        found = node.op.expand(*node.inputs)
        if found is None:
            raise Untranslated(node.op.name)
        _expanded[node] = found
    return [_expanded[node][value.index]]
