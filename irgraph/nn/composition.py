"""Layers made of others by a function: blocks, residual connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..errors import DTypeError, GraphError, IrgraphError, ShapeError, explain
from ..origin import here
from ..types import format_shape
from ..value import Value
from .arguments import unfit
from .layer import Layer
from .sequential import Part, Sequential


class Block(Layer):
    """A layer made of others by a function: `function(*inputs, **layers)`.

    The layers are given by keyword; the function gets them under their keywords, which are their names too.

    >>> import irgraph as ig
    >>> def gated(x, value, gate):
    ...     return value(x) * gate(x)
    >>> block = Block(gated, value=ig.nn.Dense(2), gate=ig.nn.Dense(2, "sigmoid"), name="glu")
    >>> y = block(ig.input("x", ("batch", 3)))
    >>> list(block.parameters)
    ['glu.value.w', 'glu.value.b', 'glu.gate.w', 'glu.gate.b']
    """

    anonymous: ClassVar[bool] = True

    def __init__(self, function: Callable[..., Any], *, name: str | None = None, **layers: Any) -> None:
        super().__init__(name)
        self._function = function
        self._layers: dict[str, Layer] = layers
        for key, layer in layers.items():
            if not isinstance(layer, Layer):
                found = f"{key}={layer!r} for a block"
                raise GraphError(explain(found, "layers by keyword", here(), "Close over other things."))
            self._adopt(key, layer)

    @property
    def layers(self) -> list[Layer]:
        return list(dict.fromkeys(self._layers.values()))

    def forward(self, *inputs: Any) -> Any:
        try:
            return self._function(*inputs, **self._layers)
        except TypeError as error:
            message = unfit(self, inputs, self._layers, self._function)
            if message is None or isinstance(error, IrgraphError):
                raise
            raise DTypeError(message) from error

    def __repr__(self) -> str:
        name = getattr(self._function, "__name__", "function")
        return f"Block({', '.join([name, *(f'{key}={layer!r}' for key, layer in self._layers.items())])})"


class Residual(Layer):
    """`x + layers(x)` (He et al., CVPR 2016), or `projection(x) + layers(x)` where the shapes differ.

    >>> import irgraph as ig
    >>> block = Residual(ig.nn.Dense(4, "tanh"), ig.nn.Dense(4), name="block")
    >>> block(ig.input("x", ("batch", 4))).shape, list(block.parameters)[0]
    ((batch, 4), 'block.0.w')
    """

    def __init__(self, *layers: Part, projection: Part | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self._inner = Sequential(layers)
        for position, layer in enumerate(layers):
            if isinstance(layer, Layer) and layer._owner == (self._inner, str(position)):
                layer._owner = (self, str(position))
        self.projection = projection

    @property
    def layers(self) -> list[Layer]:
        return self._inner.layers + ([self.projection] if isinstance(self.projection, Layer) else [])

    def forward(self, x: Value) -> Value:
        y = x
        for layer in self._inner:
            y = layer(y)
        skipped = x if self.projection is None else self.projection(x)
        if skipped.shape != y.shape:
            do = "Give projection= a layer that brings the input to the output's shape."
            found = f"an input {format_shape(skipped.shape)} to be added to {format_shape(y.shape)}"
            raise ShapeError(explain(found, "equal shapes", here(), do))
        return skipped + y
