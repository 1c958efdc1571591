"""Where values come from: feeds and state variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from .. import init as initializers
from ..dims import Shape, Size, as_shape, names_of
from ..errors import GraphError, ShapeError, explain
from ..init import Initializer
from ..origin import here
from ..types import TensorType, as_dtype
from ..value import Value
from .leaf import Leaf

_ZEROS = initializers.zeros()


@dataclass(frozen=True)
class Source(Leaf):
    """A value that is not computed: it is fed, or read from the state."""

    key: str

    @property
    def label(self) -> str:
        return self.key


@final
@dataclass(frozen=True)
class Input(Source):
    """A feed."""

    name: ClassVar[str] = "input"
    source: ClassVar[Literal["input", "state"] | None] = "input"
    type: TensorType

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)


@final
@dataclass(frozen=True)
class Parameter(Source):
    """A state variable: read at the start of a step, written when the step commits."""

    name: ClassVar[str] = "parameter"
    source: ClassVar[Literal["input", "state"] | None] = "state"
    type: TensorType
    init: Initializer = _ZEROS
    trainable: bool = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)


def input(name: str, shape: Sequence[Size | str] | Size | str = (), dtype: object = "float32") -> Value:
    """A value that is fed under `name` at each call.

    `shape` holds integers and named dims: equal names are equal sizes, whatever is fed.
    Raises GraphError for an empty name, ShapeError for a negative size, DTypeError for an unknown dtype.

    >>> input("x", ("batch", 64))
    <x : float32[batch, 64]>
    """
    return Input(_checked(name), TensorType(as_dtype(dtype), as_shape(shape)))()


def parameter(
    name: str,
    shape: Sequence[int] | int = (),
    dtype: object = "float32",
    init: Initializer | np.ndarray | float | None = None,
    trainable: bool = True,
) -> Value:
    """A state variable that `minimize` trains; it starts as `init` says (zeros by default).

    `init` is an initializer of `irgraph.init`, a number, or an array of this shape.
    Raises ShapeError for a named dim: the size of a parameter must be known.

    >>> parameter("w", (64, 10), init=initializers.glorot_uniform())
    <w : float32[64, 10]>
    """
    sizes: Shape = as_shape(shape)
    if names_of(sizes):
        raise ShapeError(
            explain(
                f"the shape {sizes} for parameter {name!r}", "integers only", here(), "Write the sizes out."
            )
        )
    type = TensorType(as_dtype(dtype), sizes)
    return Parameter(_checked(name), type, initializers.as_initializer(init, type), trainable)()


def state(
    name: str,
    shape: Sequence[int] | int = (),
    dtype: object = "float32",
    init: Initializer | np.ndarray | float | None = None,
) -> Value:
    """A state variable that `minimize` leaves alone: a counter, a learning rate, a running mean.

    >>> state("step", dtype="int64")
    <step : int64[]>
    """
    return parameter(name, shape, dtype, init, trainable=False)


def _checked(name: str) -> str:
    if not isinstance(name, str) or not name or any(c.isspace() or c in "%'\"#" for c in name):
        raise GraphError(
            explain(f"the name {name!r}", "a non-empty string without spaces, quotes, % or #", here())
        )
    return name
