"""Quantile normalization: every column by its own empirical distribution."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any, Literal

import numpy as np

from ..arguments import checked
from ..errors import ShapeError, explain
from ..ops.comparison import greater, greater_equal, less, less_equal, maximum, minimum, where
from ..ops.constants import constant
from ..ops.elementary import log, sqrt
from ..ops.error_function import erfc
from ..ops.indexing import gather
from ..ops.operands import as_float
from ..ops.reduce import sum
from ..ops.rounding import abs
from ..ops.shape import expand_dims, reshape
from ..origin import here
from ..state import State
from ..types import format_shape
from ..value import Value
from .dense import positive
from .fitted import Data, FittedLayer, Inverse, all_of

_BOUND = 1e-7  # probabilities nearer to 0 and 1 would be far out in a normal distribution
_END = 5.199  # where they are, rounded down

# M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
# (1988), pages 477-484, PPND7, whose relative error is 1e-7: numerators and denominators, the highest power
# first. Its third part, for probabilities below exp(-25), is beyond _BOUND.
_CENTER = ((59.109374720, 159.29113202, 50.434271938, 3.3871327179),
           (67.187563600, 78.757757664, 17.895169469, 1.0))  # fmt: skip
_TAIL = ((0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777), (0.12021132975, 0.73700164250, 1.0))


class QuantileNormalize(FittedLayer):
    """Every column by its own distribution in the data: to a uniform one on [0, 1], or a normal one.

    x becomes the share of the data below it, linear between `quantiles` quantiles: whatever the shape and the
    outliers of a column, its values are spread evenly. As scikit-learn's QuantileTransformer: of values that
    repeat, the middle of their shares; 0 and 1 at and beyond the ends of the data, which is ±5.2 in the
    normal form. A constant column becomes 0 (-5.2). The derivative is that of the linear pieces, so 0
    beyond the ends.

    Works on (…, features). State: quantiles (features, quantiles) and count, the number of examples; not
    trained.

    >>> import irgraph as ig
    >>> layer = QuantileNormalize(3).fit([[0.0], [1.0], [100.0]])
    >>> f = ig.compile(layer(ig.input("x", ("batch", 1))))
    >>> f(x=[[-5.0], [0.5], [1.0], [100.0]]).ravel()
    array([0.  , 0.25, 0.5 , 1.  ], dtype=float32)
    """

    def __init__(
        self,
        quantiles: int = 100,
        output: Literal["uniform", "normal"] = "uniform",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if positive("quantiles", quantiles) < 2:
            raise ShapeError(explain(f"{quantiles} quantiles", "at least 2", here()))
        if output not in ("uniform", "normal"):
            raise ShapeError(explain(f"output={output!r}", '"uniform" or "normal"', here()))
        self.quantiles, self.output = quantiles, output

    @checked
    def fit(self, data: Data, state: State | None = None) -> QuantileNormalize:
        """Take the quantiles of `data`: an array (examples, features), or an iterator of batches of it, which
        are put together. Returns the layer.

        States made later start from them; `state` is one that exists, which gets them now.
        Raises FeedError for data that is empty, not numeric, NaN or infinite (with its place), ShapeError for
        data that is no table or of other features than the layer was built for, GraphError for a state
        without this layer.
        """
        table = all_of(data)
        if table.ndim != 2:
            found = f"data of shape {table.shape} to fit to"
            raise ShapeError(explain(found, "a table (examples, features)", here()))
        place, rest = np.divmod(np.arange(self.quantiles) * (len(table) - 1), self.quantiles - 1)
        rows = np.sort(table, 0)  # places are whole numbers, so that values that repeat stay equal
        below, above = rows[place], rows[np.minimum(place + 1, len(rows) - 1)]
        between = below + (above - below) * (rest / (self.quantiles - 1))[:, None]
        self.keep({"quantiles": np.maximum.accumulate(between, 0).T}, len(table), state)
        return self

    def forward(self, x: Value, inverse: bool = False) -> Value:
        x = as_float(x)
        if x.ndim < 1 or not isinstance(x.shape[-1], int):
            found = f"an input of shape {format_shape(x.shape)}"
            raise ShapeError(explain(found, "a last axis of features, whose number is known", here()))
        table = self.table("quantiles", (x.shape[-1], self.quantiles))
        shares = constant(np.asarray(self._shares, x.dtype.numpy))
        if inverse:
            return _interpolated(_share(x) if self.output == "normal" else x, shares, table, "right")
        low, high = table[:, 0], table[:, -1]
        share = 0.5 * (_interpolated(x, table, shares, "left") + _interpolated(x, table, shares, "right"))
        share = where(less_equal(x, low), 0.0, where(greater_equal(x, high), 1.0, share))
        return _normal_quantile(share) if self.output == "normal" else share

    @property
    def inverse(self) -> Inverse:
        """The layer back, from shares to numbers within the range of the data.

        >>> import irgraph as ig
        >>> layer = QuantileNormalize(3).fit([[0.0], [1.0], [100.0]])
        >>> ig.evaluate(layer.inverse([[0.25], [1.0]])).ravel()
        array([  0.5, 100. ], dtype=float32)
        """
        return Inverse(self)

    @property
    def _shares(self) -> np.ndarray[Any, Any]:
        return np.linspace(0.0, 1.0, self.quantiles)


def _interpolated(x: Value, xs: Value, ys: Value, side: Literal["left", "right"]) -> Value:
    """The line through the points (xs, ys) at x, as numpy.interp; of points at one x the first or last.

    The points are rows for each position of x's last axis, or one row for all.
    """
    x = minimum(maximum(x, xs[..., 0]), xs[..., -1])
    count = int(xs.shape[-1])  # type: ignore[arg-type]
    before = less(xs, expand_dims(x, -1)) if side == "left" else less_equal(xs, expand_dims(x, -1))
    at = minimum(maximum(sum(before.astype("int64"), -1) - 1, 0), count - 2)
    x0, y0 = _picked(xs, at), _picked(ys, at)
    wide, high = _picked(xs, at + 1) - x0, _picked(ys, at + 1) - y0
    rises = greater(wide, 0.0)
    return y0 + (x - x0) * where(rises, high / where(rises, wide, 1.0), 0.0)


def _picked(rows: Value, at: Value) -> Value:
    """The elements at these positions of the row of each column, or of the one row."""
    if rows.ndim == 1:
        return gather(rows, at)
    features, count = (int(size) for size in rows.shape)  # type: ignore[arg-type]
    return gather(reshape(rows, (features * count,)), at + np.arange(0, features * count, count))


def _normal_quantile(share: Value) -> Value:
    """The number below which a standard normal variable is with that probability."""
    center = share - 0.5
    near = center * _quotient(0.180625 - center * center, _CENTER)
    tail = maximum(minimum(share, 1.0 - share), _BOUND)
    far = _quotient(sqrt(-log(tail)) - 1.6, _TAIL)
    return where(less_equal(abs(center), 0.425), near, where(greater(center, 0.0), far, -far))


def _share(z: Value) -> Value:
    """The probability of less than z for a standard normal variable; 0 and 1 at the ends of the inverse."""
    share = 0.5 * erfc(z * -math.sqrt(0.5))
    return where(less_equal(z, -_END), 0.0, where(greater_equal(z, _END), 1.0, share))


def _quotient(x: Value, parts: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    above, below = (reduce(lambda sum, c: sum * x + c, each[2:], each[0] * x + each[1]) for each in parts)
    return above / below
