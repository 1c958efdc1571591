"""Elements drawn one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, final

import numpy as np

from ..arguments import checked
from ..attributes import attribute_class
from ..errors import GraphError, explain
from ..origin import here
from ..types import TensorType
from .initializer import Array, Initializer

LEAST_LIMIT = 0.1  # within which every 13th normal number lies


@final
@attribute_class("normal")
@dataclass(frozen=True)
class Normal(Initializer):
    """Normally distributed."""

    mean: float
    std: float

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return random.normal(self.mean, self.std, cast("tuple[int, ...]", type.shape))


@final
@attribute_class("truncated_normal")
@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normally distributed, numbers beyond `limit` standard deviations drawn again."""

    mean: float
    std: float
    limit: float = 2.0

    def __post_init__(self) -> None:
        if not self.limit >= LEAST_LIMIT:
            found = f"a truncated normal with limit={self.limit!r}"
            do = "For a narrow one take init.uniform."
            raise GraphError(explain(found, f"a limit of at least {LEAST_LIMIT} deviations", here(), do))

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        drawn = random.normal(size=cast("tuple[int, ...]", type.shape))
        while (outside := np.abs(drawn) > self.limit).any():
            drawn[outside] = random.normal(size=np.count_nonzero(outside))
        return self.mean + self.std * drawn


@final
@attribute_class("uniform")
@dataclass(frozen=True)
class Uniform(Initializer):
    """Spread evenly over [low, high)."""

    low: float
    high: float

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        return random.uniform(self.low, self.high, cast("tuple[int, ...]", type.shape))


def normal(mean: float = 0.0, std: float = 1.0) -> Initializer:
    """Normally distributed numbers.

    >>> normal(std=0.02)
    Normal(mean=0.0, std=0.02)
    """
    return Normal(mean, std)


@checked
def truncated_normal(mean: float = 0.0, std: float = 1.0, limit: float = 2.0) -> Initializer:
    """Normally distributed numbers, those beyond `limit` standard deviations drawn again.

    `std` is that of the whole distribution; with limit 2 the numbers that stay have 0.88 of it. Raises
    GraphError for a limit below 0.1, where nearly all would be drawn again.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (100, 100), init=truncated_normal(std=0.5, limit=2.0))
    >>> bool(abs(ig.compile(w).state["w"]).max() <= 1)
    True
    """
    return TruncatedNormal(mean, std, limit)


def uniform(low: float = -1.0, high: float = 1.0) -> Initializer:
    """Numbers spread evenly over [low, high).

    >>> uniform(0.0, 1.0)
    Uniform(low=0.0, high=1.0)
    """
    return Uniform(low, high)
