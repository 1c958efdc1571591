"""Clipping: gradients made smaller before an optimizer sees them."""

from __future__ import annotations

import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..arguments import checked
from ..errors import GraphError, explain
from ..ops.comparison import clip, maximum
from ..ops.elementary import sqrt
from ..ops.reduce import sum as total
from ..origin import here
from ..value import Value


@dataclass(frozen=True)
class Clip(ABC):
    """How gradients are clipped; compared by value."""

    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < math.inf:
            raise GraphError(explain(f"gradients clipped at {self.limit}", "a finite number above 0", here()))

    @abstractmethod
    def __call__(self, gradients: Sequence[Value]) -> list[Value]:
        """The clipped gradients, of the same types."""


@final
class ByValue(Clip):
    """Each element lies in [-limit, limit]."""

    def __call__(self, gradients: Sequence[Value]) -> list[Value]:
        return [clip(gradient, -self.limit, self.limit) for gradient in gradients]


@final
class ByNorm(Clip):
    """Each gradient has a Euclidean norm of at most the limit."""

    def __call__(self, gradients: Sequence[Value]) -> list[Value]:
        return [gradient * _factor(sqrt(_squares(gradient)), self.limit) for gradient in gradients]


@final
class ByGlobalNorm(Clip):
    """All gradients together have a Euclidean norm of at most the limit."""

    def __call__(self, gradients: Sequence[Value]) -> list[Value]:
        widest = max((gradient.dtype for gradient in gradients), key=lambda dtype: dtype.numpy.itemsize)
        squares = [_squares(gradient).astype(widest) for gradient in gradients]
        factor = _factor(sqrt(functools.reduce(operator.add, squares)), self.limit)
        return [gradient * factor.astype(gradient.dtype) for gradient in gradients]


def _squares(gradient: Value) -> Value:
    return total(gradient * gradient)


def _factor(norm: Value, limit: float) -> Value:
    """min(1, limit / norm), without a division by a norm of zero."""
    return limit / maximum(norm, limit)


@checked
def clip_by_value(limit: float) -> Clip:
    """Each element of a gradient g becomes min(max(g, -limit), limit).

    Raises GraphError unless the limit is a finite number above 0.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (2,))
    >>> loss = (w * ig.constant([3.0, -0.5])).sum()
    >>> step = ig.compile(loss, updates=ig.optim.SGD(1.0, clip=clip_by_value(1.0)).minimize(loss))
    >>> _ = step()
    >>> step.state["w"]
    array([-1. ,  0.5], dtype=float32)
    """
    return ByValue(limit)


@checked
def clip_by_norm(limit: float) -> Clip:
    """Each parameter's gradient g becomes g · min(1, limit / ‖g‖₂); Pascanu et al., ICML 2013, algorithm 1,
    for each parameter on its own.

    A norm whose square is beyond the dtype's largest number counts as infinite: then g becomes 0.
    Raises GraphError unless the limit is a finite number above 0.

    >>> clip_by_norm(1.0) == clip_by_norm(1.0), clip_by_norm(1.0) == clip_by_value(1.0)
    (True, False)
    """
    return ByNorm(limit)


@checked
def clip_by_global_norm(limit: float) -> Clip:
    """All gradients are multiplied by min(1, limit / n), n being the Euclidean norm of all of them as one
    vector; Pascanu et al., "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.

    A norm whose square is beyond the dtype's largest number counts as infinite: then all become 0.
    Raises GraphError unless the limit is a finite number above 0.

    >>> clip_by_global_norm(5.0)
    ByGlobalNorm(limit=5.0)
    """
    return ByGlobalNorm(limit)
