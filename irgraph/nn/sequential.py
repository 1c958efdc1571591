"""Layers one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, overload

from ..errors import DTypeError, GraphError, explain
from ..origin import here
from ..value import Value
from .arguments import NO_VALUES, returned
from .layer import Layer

Part = Layer | Callable[[Value], Value]


class Sequential(Layer):
    """Layers (or plain functions of a value) one after another.

    Parameters are named by position: `0.w`, or `net.0.w` where the model is called `net`. A slice is a model
    of the same layers: `features = model[:-1]` computes the hidden representation, with the same
    parameters, and compiles on the same state.

    >>> import irgraph as ig
    >>> model = Sequential(name="net")
    >>> model.add(ig.nn.Dense(3, "relu", input_dim=2))
    >>> model.add(ig.nn.Dense(1))
    >>> y = model(ig.input("x", ("batch", 2)))
    >>> list(model.parameters)
    ['net.0.w', 'net.0.b', 'net.1.w', 'net.1.b']
    """

    anonymous: ClassVar[bool] = True

    def __init__(
        self,
        layers: Sequence[Part] = (),
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._parts: list[Part] = []
        if input_shape is not None:
            self.input_shape = tuple(input_shape)
        for layer in layers:
            self.add(layer)

    def add(self, layer: Part) -> None:
        """Put a layer at the end.

        Raises DTypeError for what is no layer or function, GraphError once the model was called: what was
        built would have another end than the model.
        """
        if not callable(layer) or isinstance(layer, type):
            do = f"Write {layer.__name__}(…)." if isinstance(layer, type) else ""
            raise DTypeError(
                explain(f"{layer!r} for a layer", "a layer or a function of a value", here(), do)
            )
        if self._path is not None:
            do = "Add layers before the first call, or make a Sequential of this one and the new layer."
            raise GraphError(explain("a layer added to a model that was called", "a new model", here(), do))
        self._adopt(str(len(self._parts)), layer)
        self._parts.append(layer)
        if len(self._parts) == 1 and self.input_shape is None:
            self.input_shape = getattr(layer, "input_shape", None)

    def forward(self, x: Value) -> Value:
        for part in self._parts:
            result = part(x)
            if result is None or isinstance(result, NO_VALUES):
                raise GraphError(returned(getattr(part, "__name__", repr(part)), result))
            x = result
        return x

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once, without plain functions."""
        return list(dict.fromkeys(part for part in self._parts if isinstance(part, Layer)))

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(self._parts[index])
        if not hasattr(index, "__index__"):
            needed = "a position or a slice"
            raise DTypeError(explain(f"{index!r} as an index of a model", needed, here()))
        try:
            return self._parts[index]
        except IndexError:
            found = f"layer {index} of a model of {len(self)}"
            raise GraphError(explain(found, f"one of 0 to {len(self) - 1}", here())) from None

    def __repr__(self) -> str:
        lines = [f"  {position}: {part!r}" for position, part in enumerate(self._parts)]
        name = f" {self.name!r}" if self.name else ""
        return "\n".join([f"Sequential{name} [", *lines, "]"])
