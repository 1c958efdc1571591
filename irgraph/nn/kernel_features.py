"""Features by similarity: a kernel of x against centers, or against every row of a data set."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..arguments import checked, did_you_mean
from ..errors import DTypeError, ShapeError, explain
from ..ops.comparison import maximum
from ..ops.elementary import exp
from ..ops.operands import as_float
from ..ops.powers import power, square
from ..ops.reduce import mean, sum
from ..ops.shape import transpose
from ..ops.trigonometric import tanh
from ..origin import here
from ..state import State
from ..types import format_shape
from ..value import Value
from .dense import positive
from .fitted import Data, FittedLayer, all_of

Array = np.ndarray[Any, Any]
Kernel = Callable[[Value, Value], Value]


def squared_distances(x: Value, rows: Value) -> Value:
    """‖x - r‖² of each x (…, features) to each row (n, features): (…, n).

    By one matrix product, after moving both so that the rows' mean is 0: less is lost to rounding.
    """
    middle = mean(rows, 0, keepdims=True)
    x, rows = x - middle[0], rows - middle
    product = x @ transpose(rows)
    return maximum(sum(square(x), -1, keepdims=True) - 2.0 * product + sum(square(rows), -1), 0.0)


class RBFFeatures(FittedLayer):
    """exp(-γ ‖x - c‖²) for each center c: (…, features) to (…, centers).

    `centers` is an array (centers, features), or a number: then `fit(data)` chooses that many rows at random.
    γ is 1 / features where it is not given. With `trainable=True` the centers and γ (as its logarithm) are
    trained: the radial basis function network of Broomhead and Lowe (1988). State or parameters: centers,
    log_gamma where trained, and count.

    >>> import irgraph as ig
    >>> layer = RBFFeatures([[0.0, 0.0], [1.0, 1.0]], gamma=0.5)
    >>> ig.evaluate(layer(ig.constant([[0.0, 0.0]]))).round(4)
    array([[1.    , 0.3679]], dtype=float32)
    """

    def __init__(
        self,
        centers: int | Array | list[list[float]],
        gamma: float | None = None,
        *,
        trainable: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.gamma, self.trainable = _positive_gamma(gamma), trainable
        if np.ndim(centers):
            rows = _rows("centers", centers)
            self.centers = len(rows)
            self.keep({"centers": rows}, len(rows), None)
        else:
            self.centers = positive("centers", centers)  # type: ignore[arg-type]

    @checked
    def fit(self, data: Data, state: State | None = None, seed: int = 0) -> RBFFeatures:
        """Choose the centers among the rows of `data` (examples, features), at random by `seed`. Returns the
        layer.

        States made later start from them; `state` is one that exists, which gets them now.
        Raises ShapeError for fewer examples than centers, and as `Standardize.fit` does.
        """
        rows = _rows("data", all_of(data))
        if len(rows) < self.centers:
            found = f"{len(rows)} examples to choose {self.centers} centers from"
            raise ShapeError(explain(found, f"at least {self.centers}", here()))
        chosen = np.random.default_rng(seed).choice(len(rows), self.centers, replace=False)
        self.keep({"centers": rows[np.sort(chosen)]}, len(rows), state)
        return self

    def forward(self, x: Value) -> Value:
        x = as_float(x)
        features = _features(x)
        centers = self.table("centers", (self.centers, features), self.trainable)
        gamma = 1 / features if self.gamma is None else self.gamma
        distances = squared_distances(x, centers)
        if self.trainable:
            return exp(-exp(self.parameter("log_gamma", (), math.log(gamma))) * distances)
        return exp(-gamma * distances)


class KernelFeatures(FittedLayer):
    """Φ(x) = (k(x₁, x), …, k(xₙ, x)): the kernel of x against every row of a data set.

    A Dense that follows learns the α of ⟨α, Φ(x)⟩, as a kernel machine does. `labels` y (n,) makes the
    columns yᵢ k(xᵢ, x). The data set is part of the model: a state variable `data`, in checkpoints and ONNX.

    | kernel | k(x, y) |
    |---|---|
    | "rbf" | exp(-γ ‖x - y‖²) |
    | "polynomial" | (γ ⟨x, y⟩ + coef0)^degree |
    | "linear" | ⟨x, y⟩ |
    | "sigmoid" | tanh(γ ⟨x, y⟩ + coef0) |
    | a function | of values (…, features) and (n, features), giving (…, n) |

    γ is 1 / features where it is not given: all as in scikit-learn's pairwise kernels.

    >>> import irgraph as ig
    >>> phi = KernelFeatures([[1.0, 0.0], [1.0, 2.0]], "polynomial", gamma=1.0, degree=2)
    >>> ig.evaluate(phi(ig.constant([[1.0, 1.0]])))
    array([[ 4., 16.]], dtype=float32)
    """

    def __init__(
        self,
        data: Data,
        kernel: str | Kernel = "rbf",
        *,
        gamma: float | None = None,
        degree: int = 3,
        coef0: float = 1.0,
        labels: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.kernel, self.gamma = kernel, _positive_gamma(gamma)
        self.degree, self.coef0 = positive("degree", degree), coef0
        if not callable(kernel):
            _require_kernel(kernel)
        self._labeled = labels is not None
        self.fit(data, labels=labels)

    @checked
    def fit(self, data: Data, state: State | None = None, labels: Any = None) -> KernelFeatures:
        """Compare with the rows of other `data` (examples, features). Returns the layer.

        Raises ShapeError for another number of examples than the layer was built for, for labels that are
        missing or not one for each example, and as `Standardize.fit` does.
        """
        rows = _rows("data", all_of(data))
        tables = {"data": rows}
        if (labels is not None) != self._labeled:
            raise ShapeError(
                explain(
                    "no labels" if self._labeled else "labels",
                    "them here and where the layer is made, or nowhere",
                    here(),
                )
            )
        if self._labeled:
            tables["labels"] = all_of(labels)
            if tables["labels"].shape != (len(rows),):
                found = f"labels of shape {tables['labels'].shape} for {len(rows)} examples"
                raise ShapeError(explain(found, f"shape ({len(rows)},)", here()))
        self.keep(tables, len(rows), state)
        return self

    def forward(self, x: Value) -> Value:
        x = as_float(x)
        features = _features(x)
        data = self._fits["data"].data
        examples = data.array.shape[0] if data is not None else 0
        rows = self.table("data", (examples, features))
        similar = self._kernel(features)(x, rows)
        wanted = (*x.shape[:-1], examples)
        if similar.shape != wanted:
            found = f"a kernel that gives {format_shape(similar.shape)} for {x.type} and {rows.type}"
            raise ShapeError(explain(found, format_shape(wanted), here()))
        return similar * self.table("labels", (examples,)) if self._labeled else similar

    def _kernel(self, features: int) -> Kernel:
        if callable(self.kernel):
            return self.kernel
        gamma = 1 / features if self.gamma is None else self.gamma
        return partial(_KERNELS[self.kernel.lower()], gamma=gamma, degree=self.degree, coef0=self.coef0)


def _rbf(x: Value, rows: Value, gamma: float, degree: int, coef0: float) -> Value:
    return exp(-gamma * squared_distances(x, rows))


def _polynomial(x: Value, rows: Value, gamma: float, degree: int, coef0: float) -> Value:
    return power(gamma * (x @ transpose(rows)) + coef0, float(degree))


def _linear(x: Value, rows: Value, gamma: float, degree: int, coef0: float) -> Value:
    return x @ transpose(rows)


def _sigmoid(x: Value, rows: Value, gamma: float, degree: int, coef0: float) -> Value:
    return tanh(gamma * (x @ transpose(rows)) + coef0)


_KERNELS: dict[str, Callable[..., Value]] = {
    "rbf": _rbf,
    "polynomial": _polynomial,
    "linear": _linear,
    "sigmoid": _sigmoid,
}


def _require_kernel(name: str) -> None:
    if str(name).lower() not in _KERNELS:
        do = did_you_mean(str(name).lower(), _KERNELS)
        needed = f"a function, or one of: {', '.join(_KERNELS)}"
        raise DTypeError(explain(f"the kernel {name!r}", needed, here(), do))


def _positive_gamma(gamma: float | None) -> float | None:
    if gamma is not None and not gamma > 0:
        raise ShapeError(explain(f"gamma={gamma}", "a number above zero", here()))
    return gamma


def _features(x: Value) -> int:
    if not x.ndim or not isinstance(x.shape[-1], int):
        found = f"an input of shape {format_shape(x.shape)}"
        raise ShapeError(explain(found, "a last axis of features, whose number is known", here()))
    return x.shape[-1]


def _rows(what: str, rows: Any) -> Array:
    array = all_of(rows)
    if array.ndim != 2:
        raise ShapeError(explain(f"{what} of shape {array.shape}", "a table (examples, features)", here()))
    return array
