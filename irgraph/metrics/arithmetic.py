"""Arithmetic on sums that are NumPy's arrays, or values of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dims import product
from ..local_jacobian import Coefficient
from ..ops.comparison import equal, where
from ..ops.constants import scaled_unit
from ..ops.elementary import exp
from ..types import float64, int64
from ..value import Value


def ratio(a: Any, b: Any) -> Any:
    """a / b in float64, and 0 where b is 0."""
    a, b = _float(a), _float(b)
    return choose(_is_zero(b), 0.0, a / choose(_is_zero(b), 1.0, b))


def counted(x: Value) -> Value:
    """How many elements a value has, as int64."""
    return scaled_unit(Coefficient(times=product(x.shape)), int64)


def choose(condition: Any, a: Any, b: Any) -> Any:
    """`where` for arrays and values."""
    return where(condition, a, b) if isinstance(condition, Value) else np.where(condition, a, b)


def exponential(x: Any) -> Any:
    """`exp` for arrays and values; what overflows is infinite."""
    if isinstance(x, Value):
        return exp(x)
    with np.errstate(over="ignore"):
        return np.exp(x)


def _float(x: Any) -> Any:
    return x.astype(float64) if isinstance(x, Value) else np.asarray(x, np.float64)


def _is_zero(x: Any) -> Any:
    return equal(x, 0) if isinstance(x, Value) else np.equal(x, 0)
