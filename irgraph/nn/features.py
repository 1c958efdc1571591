"""Feature maps: φ(x) stated beforehand, in front of a model that is linear in φ."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, combinations_with_replacement

import numpy as np

from ..errors import ShapeError, explain
from ..ops.constants import ones
from ..ops.indexing import gather
from ..ops.operands import as_float
from ..ops.slicing import concatenate
from ..origin import here
from ..types import format_shape
from ..value import Value
from .dense import positive
from .layer import Layer

_MOST = 1_000_000  # columns of a map: more is a mistake in the degree


class FeatureMap(Layer):
    """φ(x) = (f(x), g(x), …): functions of a value, their results side by side along the last axis.

    Functions may be layers. With a Dense after it this is a model f(x) = wᵀφ(x), linear in features that were
    chosen beforehand; parts of x may have features of their own.

    >>> import irgraph as ig
    >>> phi = FeatureMap(lambda x: x[:, :1], lambda x: x[:, 1:] ** 2, ig.sin)
    >>> ig.evaluate(phi(ig.constant([[0.0, 3.0]]))).round(2)
    array([[0.  , 9.  , 0.  , 0.14]], dtype=float32)
    """

    def __init__(self, *functions: Callable[[Value], Value] | Layer, name: str | None = None) -> None:
        super().__init__(name)
        wrong = [function for function in functions if not callable(function) or isinstance(function, type)]
        if wrong or not functions:
            found = f"{wrong[0]!r} for a feature map" if wrong else "a feature map of nothing"
            raise ShapeError(explain(found, "functions of a value, or layers", here()))
        self.functions = list(functions)

    def forward(self, x: Value) -> Value:
        parts = [function(x) for function in self.functions]
        return parts[0] if len(parts) == 1 else concatenate(parts, -1)


class PolynomialFeatures(Layer):
    """All products of at most `degree` features: for (a, b) and degree 2: a, b, a², ab, b².

    (…, features) to (…, C(features + degree, degree) - 1). `interaction_only` leaves out powers of one
    feature, `bias` puts a 1 in front (a Dense that follows has one already). The columns are in the order of
    scikit-learn's PolynomialFeatures; `exponents(features)` lists them.

    >>> import irgraph as ig
    >>> ig.evaluate(PolynomialFeatures(2)(ig.constant([[2.0, 3.0]])))
    array([[2., 3., 4., 6., 9.]], dtype=float32)
    """

    def __init__(
        self, degree: int = 2, *, interaction_only: bool = False, bias: bool = False, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.degree = positive("degree", degree)
        self.interaction_only, self.bias = interaction_only, bias

    def exponents(self, features: int) -> list[tuple[int, ...]]:
        """The power of each feature in each column.

        >>> PolynomialFeatures(2).exponents(2)
        [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
        """
        chosen = [of_degree for power in range(1, self.degree + 1) for of_degree in self._of(features, power)]
        columns = [()] * self.bias + chosen
        return [tuple(column.count(feature) for feature in range(features)) for column in columns]

    def forward(self, x: Value) -> Value:
        x = as_float(x)
        features = x.shape[-1] if x.ndim else None
        if not isinstance(features, int) or not features:
            found = f"an input of shape {format_shape(x.shape)}"
            raise ShapeError(explain(found, "a last axis of features, whose number is known", here()))
        parts = [ones((*x.shape[:-1], 1), x.dtype)] if self.bias else []
        parts.append(x)
        place: dict[tuple[int, ...], int] = {(feature,): feature for feature in range(features)}
        for power in range(2, self.degree + 1):
            columns = self._of(features, power)
            if not columns:
                break
            # a column is one of the degree below, times its last feature
            below = np.array([place[column[:-1]] for column in columns])
            last = np.array([column[-1] for column in columns])
            parts.append(gather(parts[-1], below, -1) * gather(x, last, -1))
            place = {column: position for position, column in enumerate(columns)}
        return concatenate(parts, -1) if len(parts) > 1 else x

    def _of(self, features: int, power: int) -> list[tuple[int, ...]]:
        """The columns of one degree, as the features that are multiplied."""
        choose = combinations if self.interaction_only else combinations_with_replacement
        columns: list[tuple[int, ...]] = []
        for column in choose(range(features), power):
            columns.append(column)
            if len(columns) > _MOST:
                found = f"more than {_MOST:,} products of {power} of {features} features"
                do = "Lower the degree, set interaction_only=True, or use KernelFeatures(data, 'polynomial')."
                raise ShapeError(explain(found, "fewer columns", here(), do))
        return columns
