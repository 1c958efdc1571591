"""From the losses of the elements to one number."""

from __future__ import annotations

from typing import Any, Literal

from ..errors import DTypeError, GraphError, ShapeError, explain
from ..ops.comparison import equal, where
from ..ops.reduce import mean, sum
from ..ops.shape import reshape
from ..origin import here
from ..types import format_shape
from ..value import Value
from .operands import fits, of_dtype

Reduction = Literal["mean", "sum", "none"]


def reduced(losses: Value, reduction: Reduction, weights: Any = None) -> Value:
    """The mean or the sum of losses, or all of them; each example times its weight.

    The weights have the shape of the first axes of the losses; the mean is Σ w·loss / Σ w, as NumPy's
    average, and 0 where all weights are 0, so that a batch in which nothing counts changes nothing.
    """
    if reduction not in ("mean", "sum", "none"):
        raise GraphError(explain(f"reduction={reduction!r}", '"mean", "sum" or "none"', here()))
    if weights is None:
        return losses if reduction == "none" else sum(losses) if reduction == "sum" else mean(losses)
    factors = _factors(weights, losses)
    if reduction == "mean":
        inner = tuple(range(factors.ndim, losses.ndim))
        examples = mean(losses, inner) if inner else losses
        total = sum(factors)
        return sum(examples * factors) / where(equal(total, 0), 1, total)
    weighted = losses * reshape(factors, (*factors.shape, *[1] * (losses.ndim - factors.ndim)))
    return weighted if reduction == "none" else sum(weighted)


def _factors(weights: Any, losses: Value) -> Value:
    """The weights, in the dtype of the losses."""
    factors = of_dtype(weights, losses.dtype)
    if not factors.dtype.is_inexact:
        factors = factors.astype(losses.dtype)
    if factors.dtype != losses.dtype:
        do = f'Cast the weights, e.g. with .astype("{losses.dtype}").'
        raise DTypeError(explain(f"weights {factors.type} of losses {losses.type}", "one dtype", here(), do))
    if not factors.ndim or not fits(factors.shape, losses.shape[: factors.ndim]):
        shapes = format_shape(factors.shape), format_shape(losses.shape)
        found = f"weights of shape {shapes[0]} for losses of shape {shapes[1]}"
        raise ShapeError(explain(found, "one for each example: the first axes of the losses", here()))
    return factors
