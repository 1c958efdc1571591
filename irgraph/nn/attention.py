"""Attention: each position reads a mixture of all others."""

from __future__ import annotations

import math
from typing import Any

from .. import init as initializers
from ..dims import same_size
from ..errors import DTypeError, ShapeError, explain
from ..ops.comparison import greater_equal, where
from ..ops.constants import arange
from ..ops.operands import as_value
from ..ops.random import dropout
from ..ops.shape import reshape, transpose
from ..ops.softmax import softmax
from ..origin import here
from ..types import bool_, format_shape
from ..value import Value
from . import activations
from .dense import Dense, Dropout, positive, require_features
from .layer import Init, Layer
from .normalization import LayerNorm
from .weights import IN_OUT, in_layout

_GLOROT = initializers.glorot_uniform()


class MultiHeadAttention(Layer):
    """softmax(q kᵀ / √size) v for each head, where q, k, v are affine maps of the inputs; then another one.

    Vaswani et al., NeurIPS 2017, section 3.2. Called as `layer(x)` for self-attention, `layer(query, memory)`
    or `layer(query, key, value)`, each (batch, time, features); the times of query and memory may differ, and
    may be named. Positions that `mask` (True where a position may be read) or `causal` leaves out get weight
    0; where all are left out, all get the same. `mask` broadcasts to (batch, heads, time, time of memory);
    of rank 3, it is the same for all heads. In training, weights are dropped out at the rate `dropout`.

    Parameters: query.w, key.w, value.w (features, heads · size), output.w (heads · value_size, features),
    and their biases. `size` is the query's features // heads by default. Raises ShapeError where heads do
    not divide the features, and where shapes do not fit.

    >>> import irgraph as ig
    >>> layer = MultiHeadAttention(2, causal=True, name="attention")
    >>> layer(ig.input("x", ("batch", "time", 8)))
    <attention.output : float32[batch, time, 8]>
    >>> len(layer.parameters), layer.parameters["attention.query.w"].shape
    (8, (8, 8))
    """

    def __init__(
        self,
        heads: int,
        size: int | None = None,
        *,
        value_size: int | None = None,
        features: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        bias_init: Init = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.heads = positive("heads", heads)
        self.size = size if size is None else positive("size", size)
        self.value_size = value_size if value_size is None else positive("value_size", value_size)
        self.features = features if features is None else positive("features", features)
        if not 0 <= dropout < 1:
            raise ShapeError(explain(f"a dropout rate of {dropout}", "0 <= rate < 1", here()))
        self.causal, self.dropout, self.bias = causal, dropout, bias
        self._weight_init, self._bias_init = weight_init, bias_init

    def forward(
        self, query: Value, key: Value | None = None, value: Value | None = None, *, mask: Any = None
    ) -> Value:
        key = query if key is None else key
        value = key if value is None else value
        self._require_sequences(query, key, value)
        size = self._size(query)
        values = self.value_size or size
        q = self._heads(self._affine("query", query, self.heads * size))
        k = self._heads(self._affine("key", key, self.heads * size))
        v = self._heads(self._affine("value", value, self.heads * values))
        scores = (q * (1 / math.sqrt(size))) @ transpose(k, (0, 1, 3, 2))
        weights = softmax(self._masked(scores, mask), axis=-1)
        if self.training and self.dropout:
            weights = dropout(weights, self.dropout, name=self.random_stream("mask"))
        read = transpose(weights @ v, (0, 2, 1, 3))
        merged = reshape(read, (*read.shape[:2], self.heads * values))
        return self._affine("output", merged, self.features or int(query.shape[-1]))  # type: ignore[arg-type]

    def _require_sequences(self, query: Value, key: Value, value: Value) -> None:
        for each in (query, key, value):
            if each.ndim != 3 or not each.dtype.is_float:
                raise ShapeError(explain(f"an input {each.type}", "floats (batch, time, features)", here()))
        told = ", ".join(format_shape(each.shape) for each in (query, key, value))
        if any(same_size(query.shape[0], each.shape[0]) is None for each in (key, value)):
            raise ShapeError(explain(f"query, key and value {told}", "one batch size", here()))
        if same_size(key.shape[1], value.shape[1]) is None:
            raise ShapeError(explain(f"query, key and value {told}", "as many keys as values", here()))
        if self.causal and same_size(query.shape[1], key.shape[1]) is None:
            found = f"causal attention of query, key and value {told}"
            raise ShapeError(explain(found, "one time for all", here(), "Give a mask instead."))

    def _size(self, query: Value) -> int:
        features = require_features(query)
        if self.size is not None:
            return self.size
        if not isinstance(features, int) or features % self.heads:
            do = "Change one of them, or state size=."
            found = (
                f"{self.heads} heads for {features} features, the last axis of {format_shape(query.shape)}"
            )
            raise ShapeError(explain(found, "a number of heads that divides the features", here(), do))
        return features // self.heads

    def _affine(self, name: str, x: Value, units: int) -> Value:
        init = in_layout(self._weight_init, IN_OUT)
        y = x @ self.parameter(f"{name}.w", (require_features(x), units), init)
        return y + self.parameter(f"{name}.b", (units,), self._bias_init) if self.bias else y

    def _heads(self, x: Value) -> Value:
        """(batch, time, heads · size) to (batch, heads, time, size)."""
        batch, time, units = x.shape
        return transpose(reshape(x, (batch, time, self.heads, int(units) // self.heads)), (0, 2, 1, 3))  # type: ignore[arg-type]

    def _masked(self, scores: Value, mask: Any) -> Value:
        """The scores, with the lowest number where a position may not be read."""
        lowest = -scores.dtype.largest
        if self.causal:
            time, memory = scores.shape[-2:]
            past = greater_equal(reshape(arange(time), (time, 1)), arange(memory))
            scores = where(past, scores, lowest)
        if mask is None:
            return scores
        readable = as_value(mask)
        if readable.dtype != bool_:
            needed = "bools, True where a position may be read"
            raise DTypeError(explain(f"a mask of dtype {readable.dtype}", needed, here()))
        if readable.ndim == 3:
            readable = reshape(readable, (readable.shape[0], 1, *readable.shape[1:]))
        masked = where(readable, scores, lowest)
        if masked.shape != scores.shape:
            found = f"a mask of shape {format_shape(readable.shape)}"
            raise ShapeError(explain(found, f"one that broadcasts to {format_shape(scores.shape)}", here()))
        return masked


class TransformerBlock(Layer):
    """x + attention(norm(x)), then the same with two dense layers in place of attention.

    The block of Vaswani et al. with the norms before what they prepare (Xiong et al., ICML 2020). The hidden
    layer has 4 times the features by default.

    >>> import irgraph as ig
    >>> block = TransformerBlock(8, heads=2, name="block")
    >>> block(ig.input("x", ("batch", "time", 8))).shape, list(block.parameters)[:3]
    ((batch, time, 8), ['block.norm.scale', 'block.norm.bias', 'block.attention.query.w'])
    """

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        hidden: int | None = None,
        activation: str | activations.Activation = "gelu",
        causal: bool = False,
        dropout: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.features = positive("features", features)
        self.norm = LayerNorm()
        self.attention = MultiHeadAttention(heads, causal=causal, dropout=dropout)
        self.hidden_norm = LayerNorm()
        self.hidden = Dense(4 * self.features if hidden is None else hidden, activation)
        self.output = Dense(features)
        self.drop = Dropout(dropout)

    def forward(self, x: Value, *, mask: Any = None) -> Value:
        if require_features(x) != self.features:
            found = f"{x.shape[-1]} features, the last axis of {format_shape(x.shape)}"
            raise ShapeError(explain(found, f"features={self.features}", here()))
        read: Value = x + self.drop(self.attention(self.norm(x), mask=mask))
        result: Value = read + self.drop(self.output(self.hidden(self.hidden_norm(read))))
        return result
