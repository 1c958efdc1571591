"""Vectors for ids and for positions."""

from __future__ import annotations

import numpy as np

from .. import init as initializers
from ..dims import Size
from ..errors import DTypeError, ShapeError, explain
from ..ops.constants import arange, constant
from ..ops.indexing import gather
from ..ops.rearranging import stack
from ..ops.shape import reshape
from ..ops.trigonometric import cos, sin
from ..origin import here
from ..value import Value
from .dense import positive
from .layer import Init, Layer

_NORMAL = initializers.normal()


class Embedding(Layer):
    """A trained vector for each id: integers (…) in 0 … count - 1 to (…, size).

    Parameter: w (count, size), from `weight_init`; of `dtype`, as ids have none to go by. An id outside of
    the table is a FeedError when the graph runs, with the id, its place and the count; nothing changes then.

    >>> import irgraph as ig
    >>> layer = Embedding(3, 2, weight_init=[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> f = ig.compile(layer(ig.input("ids", ("batch",), "int64")))
    >>> f(ids=[2, 0])
    array([[4., 5.],
           [0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        count: int,
        size: int,
        *,
        weight_init: Init = _NORMAL,
        dtype: object = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.count, self.size = positive("count", count), positive("size", size)
        self.dtype = dtype
        self._weight_init = weight_init

    def forward(self, ids: Value) -> Value:
        if not ids.dtype.is_integer:
            do = "Cast them with .astype('int64')."
            raise DTypeError(explain(f"ids of dtype {ids.dtype}", "integers", here(), do))
        w = self.parameter("w", (self.count, self.size), self._weight_init, dtype=self.dtype)
        return gather(w, ids)


class PositionalEncoding(Layer):
    """x (…, time, features) plus sines and cosines of the time, of wavelengths from 2π to `longest` · 2π.

    Feature 2i is sin(t / longest^(2i / features)), feature 2i + 1 the cosine (Vaswani et al., NeurIPS 2017,
    section 3.5). The time may be a named dim. Raises ShapeError for an input of less than two axes.

    >>> import irgraph as ig
    >>> f = ig.compile(PositionalEncoding()(ig.input("x", ("batch", "time", 2))))
    >>> f(x=[[[0.0, 0.0], [0.0, 0.0]]]).round(3)
    array([[[0.   , 1.   ],
            [0.841, 0.54 ]]], dtype=float32)
    """

    def __init__(self, longest: float = 10_000.0, *, name: str | None = None) -> None:
        super().__init__(name)
        self.longest = longest

    def forward(self, x: Value) -> Value:
        if x.ndim < 2 or not isinstance(x.shape[-1], int) or not x.dtype.is_float:
            needed = "floats (…, time, features) with a known number of features"
            raise ShapeError(explain(f"an input {x.type}", needed, here()))
        return x + _waves(x.shape[-2], x.shape[-1], self.longest).astype(x.dtype)


def _waves(time: Size, features: int, longest: float) -> Value:
    """Sines and cosines, (time, features), in float64: a float32 angle of 1,000 has few digits left."""
    half = -(-features // 2)
    rates = longest ** (-2.0 * np.arange(half) / features)
    angles = reshape(arange(time, "float64"), (time, 1)) * constant(rates)
    both = reshape(stack([sin(angles), cos(angles)], axis=-1), (time, 2 * half))
    return both[:, :features]
