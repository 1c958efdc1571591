"""Initial weights as the shape of a layer's weights needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast, final

import numpy as np

from ..attributes import attribute_class
from ..init import Initializer
from ..types import TensorType
from .layer import Init

Array = np.ndarray[Any, Any]
IN_OUT, OUT_IN = "in_out", "out_in"


def in_layout(init: Init, layout: str) -> Init:
    """The initializer for weights of a layout: the layer knows it, whatever the initializer was made for.

    >>> import irgraph as ig
    >>> in_layout(ig.init.he_normal(), "out_in")
    HeNormal(layout='out_in')
    """
    known = isinstance(init, Initializer) and hasattr(init, "layout")
    return replace(init, layout=layout) if known else init  # type: ignore[type-var]


@final
@attribute_class("each_place")
@dataclass(frozen=True)
class EachPlace(Initializer):
    """Weights of their own for each index of the first `axes` axes, each drawn as `init` says."""

    init: Initializer
    axes: int

    def values(self, type: TensorType, random: np.random.Generator, seed: int) -> Array | float:
        shape = tuple(int(size) for size in type.shape if isinstance(size, int))
        inner = type.with_shape(shape[self.axes :])
        found = np.empty(shape, "float64")
        for place in np.ndindex(*shape[: self.axes]):
            found[place] = self.init.values(inner, random, seed)
        return found


def at_each_place(init: Init, axes: int) -> Init:
    """The initializer of unshared weights: one whose spread depends on the shape looks at one place."""
    if isinstance(init, Initializer) and hasattr(init, "layout"):
        return EachPlace(cast(Initializer, in_layout(init, IN_OUT)), axes)
    return init
