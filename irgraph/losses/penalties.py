"""Penalties on the size of parameters, to be added to a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arguments import checked
from ..autodiff.structure import flatten, owned
from ..errors import GraphError, explain
from ..ops.powers import square
from ..ops.reduce import sum
from ..ops.rounding import abs
from ..origin import here
from ..value import Value
from .operands import require


@checked
def l1(values: Any, strength: float = 1.0) -> Value:
    """strength · Σ |w| over all elements of a value, of a list or dict of them, or of the parameters of a
    layer or of several.

    The derivative at 0 is 0. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> import irgraph as ig
    >>> ig.evaluate(l1([ig.constant([1.0, -2.0]), ig.constant([[3.0]])], 0.5))
    array(3., dtype=float32)
    """
    return _penalty("l1", values, strength, abs)


@checked
def l2(values: Any, strength: float = 1.0) -> Value:
    """strength · Σ w² over all elements of a value, of a list or dict of them, or of the parameters of a
    layer or of several.

    Hoerl and Kennard, "Ridge regression", 1970.

    >>> import irgraph as ig
    >>> ig.evaluate(l2({"w": ig.constant([1.0, -2.0])}, 0.1))
    array(0.5, dtype=float32)
    """
    return _penalty("l2", values, strength, square)


@checked
def elastic_net(values: Any, l1: float, l2: float) -> Value:
    """l1 · Σ |w| + l2 · Σ w², of what `l1` and `l2` take.

    Zou and Hastie, "Regularization and variable selection via the elastic net", 2005.

    >>> import irgraph as ig
    >>> ig.evaluate(elastic_net(ig.constant([1.0, -2.0]), l1=1.0, l2=0.5))
    array(5.5, dtype=float32)
    """
    return _penalty("elastic_net", values, l1, abs) + _penalty("elastic_net", values, l2, square)


def _penalty(what: str, values: Any, strength: float, each: Callable[[Value], Value]) -> Value:
    require(f"{what} of strength", 0 <= strength < math.inf, strength, "a number of at least 0")
    found = flatten(owned(values), f"what {what} is of")
    if not found:
        do = "A layer has parameters once it was called."
        raise GraphError(explain(f"{what} of no values", "at least one parameter", here(), do))
    total = sum(each(found[0]))
    for value in found[1:]:
        total = total + sum(each(value))
    return strength * total
