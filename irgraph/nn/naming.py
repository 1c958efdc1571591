"""What a layer is called, and which of its values are what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..dims import Size
from ..errors import ShapeError, explain
from ..ops.sources import Parameter
from ..origin import here
from ..types import format_shape
from ..value import Value


def snake_case(name: str) -> str:
    """A class name as a layer's name.

    >>> snake_case("MultiHeadAttention"), snake_case("Conv2DTranspose"), snake_case("SimpleRNN")
    ('multi_head_attention', 'conv2d_transpose', 'simple_rnn')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def is_trainable(value: Value) -> bool:
    """Whether a value is a parameter that optimizers train."""
    return isinstance(value.node.op, Parameter) and value.node.op.trainable


def known_sizes(shape: Sequence[Size], path: str) -> tuple[int, ...]:
    """The shape of the variable of a path. Raises ShapeError for a named dim."""
    for size in shape:
        if not isinstance(size, int):
            raise ShapeError(
                explain(
                    f"the named dim {size} in the shape {format_shape(tuple(shape))} of {path!r}",
                    "integers: the size of a parameter must be known",
                    here(),
                    "Give the layer's input that size as a number.",
                )
            )
    return tuple(int(size) for size in shape if isinstance(size, int))
