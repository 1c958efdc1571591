"""Layers without structure: dense, activation, dropout, flatten, reshape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import init as initializers
from ..dims import Size
from ..errors import ShapeError, explain
from ..ops.random import dropout
from ..ops.shape import reshape
from ..origin import here
from ..types import format_shape
from ..value import Value
from . import activations
from .layer import Init, Layer
from .weights import IN_OUT, in_layout

_GLOROT = initializers.glorot_uniform()


class Dense(Layer):
    """`activation(x @ w + b)` along the last axis of x: (…, features) to (…, units).

    Parameters: w (features, units), from `weight_init`; b (units,), from `bias_init`, unless `bias=False`.
    `input_dim` states the features, so that a model can be built before it sees data.

    >>> import irgraph as ig
    >>> layer = Dense(2, activation="relu", weight_init=ig.init.constant(0.5), name="hidden")
    >>> f = ig.compile(layer(ig.input("x", ("batch", 3))))
    >>> f(x=[[1.0, 2.0, 3.0]])
    array([[3., 3.]], dtype=float32)
    >>> layer.parameters
    mappingproxy({'hidden.w': <hidden.w : float32[3, 2]>, 'hidden.b': <hidden.b : float32[2]>})
    """

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        *,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        bias_init: Init = 0.0,
        input_dim: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = positive("units", units)
        self.activation = activation
        self.bias, self._weight_init, self._bias_init = bias, weight_init, bias_init
        self._activate = activations.find(activation)
        if input_dim is not None:
            self.input_shape = (positive("input_dim", input_dim),)

    def forward(self, x: Value) -> Value:
        features = require_features(x, self.input_shape)
        y = x @ self.parameter("w", (features, self.units), in_layout(self._weight_init, IN_OUT))
        if self.bias:
            y = y + self.parameter("b", (self.units,), self._bias_init)
        return self._activate(y)


class Activation(Layer):
    """An activation by name (`irgraph.nn.ACTIVATIONS`) or a function of a value, as a layer."""

    def __init__(self, activation: str | activations.Activation, *, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = activation
        self._activate = activations.find(activation)

    def forward(self, x: Value) -> Value:
        return self._activate(x)


class Dropout(Layer):
    """In training, each element is zeroed with probability `rate` and the others are divided by 1 - rate.

    Srivastava et al., JMLR 2014, in the inverted form: inference leaves values as they are. The random
    stream is the layer's own, kept in the state.

    >>> import irgraph as ig
    >>> x = ig.input("x", (4,))
    >>> Dropout(0.5)(x) is x
    True
    """

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name)
        if not 0 <= rate < 1:
            raise ShapeError(explain(f"a dropout rate of {rate}", "0 <= rate < 1", here()))
        self.rate = rate

    def forward(self, x: Value) -> Value:
        return dropout(x, self.rate, name=self.random_stream("mask")) if self.training and self.rate else x


class Flatten(Layer):
    """All axes but the first as one: (batch, …) to (batch, product of the others)."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def forward(self, x: Value) -> Value:
        if not x.ndim:
            raise ShapeError(explain("a scalar to flatten", "an axis of examples", here()))
        size: Size = math.prod(x.shape[1:], start=1)
        return reshape(x, (x.shape[0], size))


class Reshape(Layer):
    """Each example under another shape: (batch, …) to (batch, *shape); one -1 stands for what is left.

    Raises ShapeError where the numbers of elements differ.

    >>> import irgraph as ig
    >>> Reshape((1, 28, -1))(ig.input("x", ("batch", 784))).shape
    (batch, 1, 28, 28)
    """

    def __init__(self, shape: Sequence[Size | str], *, name: str | None = None) -> None:
        super().__init__(name)
        self.shape = tuple(shape)

    def forward(self, x: Value) -> Value:
        if not x.ndim:
            raise ShapeError(explain("a scalar to reshape", "an axis of examples", here()))
        return reshape(x, (x.shape[0], *self.shape))


def positive(what: str, number: int) -> int:
    """The number. Raises ShapeError unless it is an integer above zero."""
    if isinstance(number, bool) or not hasattr(number, "__index__") or number < 1:
        raise ShapeError(explain(f"{what}={number!r}", "an integer of at least 1", here()))
    return int(number)


def require_features(x: Value, stated: tuple[Size, ...] | None = None) -> Size:
    """The size of the last axis. Raises ShapeError for a scalar, and where `stated` says another size."""
    if not x.ndim:
        raise ShapeError(explain("a scalar", "an input with an axis of features, the last one", here()))
    if x.ndim == 1 and not isinstance(x.shape[0], int):
        found = f"an input of shape {format_shape(x.shape)}"
        do = "Its only axis counts examples: for one feature each write x[:, None]."
        raise ShapeError(explain(found, "a last axis of features, of a known size", here(), do))
    if stated is not None and x.shape[-1] != stated[-1]:
        found = f"{x.shape[-1]} features, the last axis of {format_shape(x.shape)}"
        raise ShapeError(explain(found, f"input_dim={stated[-1]}", here()))
    return x.shape[-1]
