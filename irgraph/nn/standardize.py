"""Standardization: mean 0 and standard deviation 1, by statistics of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import ShapeError, explain
from ..ops.operands import as_float
from ..ops.shape import reshape
from ..origin import here
from ..state import State
from ..value import Value
from .fitted import Data, FittedLayer, Inverse, batches_of

Array = np.ndarray[Any, Any]
Axis = int | Sequence[int] | None


class Standardize(FittedLayer):
    """`(x - mean) / std`, with the statistics of the data that the layer was fitted to.

    `axis` says what has statistics of its own: by default each position of the last axis (a column of a
    table); 1 for the channels of images (batch, channels, height, width), (1, 2, 3) for every pixel, None for
    one mean and one deviation of all numbers. The standard deviation is that of the data (divided by n). A
    constant column becomes 0: its `std` is 1.

    State: mean, std, and count, the number of examples. They are not trained.

    >>> import irgraph as ig
    >>> scale = Standardize(name="scale").fit([[1.0, 0.0], [3.0, 0.0]])
    >>> f = ig.compile(scale(ig.input("x", ("batch", 2))))
    >>> f(x=[[1.0, 0.0], [5.0, 2.0]])
    array([[-1.,  0.],
           [ 3.,  2.]], dtype=float32)
    >>> f.state["scale.mean"], f.state["scale.std"]
    (array([2., 0.], dtype=float32), array([1., 1.], dtype=float32))
    """

    def __init__(self, axis: Axis = -1, *, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = axis if axis is None or np.ndim(axis) else int(axis)  # type: ignore[arg-type]

    @checked
    def fit(self, data: Data, state: State | None = None) -> Standardize:
        """Take the statistics of `data`: an array of examples, or an iterator of batches. Returns the layer.

        States made later start from them; `state` is one that exists, which gets them now. Statistics are
        computed in float64, one batch at a time (Chan, Golub, LeVeque 1983).
        Raises FeedError for data that is empty, not numeric, NaN or infinite (with its place), ShapeError for
        data of other features than the layer was built for, GraphError for a state without this layer.
        """
        count = examples = 0
        mean = squares = np.zeros(())
        for batch in batches_of(data):
            kept = self._kept(batch.ndim)
            others = tuple(axis for axis in range(batch.ndim) if axis not in kept)
            size = batch.size // max(1, int(np.prod([batch.shape[axis] for axis in kept])))
            center = batch.mean(others)
            spread = np.square(batch - batch.mean(others, keepdims=True)).sum(others)
            delta = center - mean
            total = count + size
            mean = mean + delta * (size / total)
            squares = squares + spread + np.square(delta) * (count * size / total)
            count, examples = total, examples + len(batch)
        variance, rounding = squares / count, count * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + np.square(rounding * mean)  # as scikit-learn has it
        self.keep({"mean": mean, "std": np.where(constant, 1.0, np.sqrt(variance))}, examples, state)
        return self

    def forward(self, x: Value, inverse: bool = False) -> Value:
        x = as_float(x)
        kept = self._kept(x.ndim)
        shape = tuple(x.shape[axis] for axis in kept)
        beside = [x.shape[axis] if axis in kept else 1 for axis in range(x.ndim)]
        mean, std = (reshape(self.table(name, shape), beside) for name in ("mean", "std"))
        return x * std + mean if inverse else (x - mean) / std

    @property
    def inverse(self) -> Inverse:
        """The layer back, for predictions in the units of the data: also the last of a model.

        >>> import irgraph as ig
        >>> scale = Standardize(axis=None).fit([10.0, 30.0])
        >>> ig.evaluate(scale.inverse([0.0, 1.0]))
        array([20., 30.], dtype=float32)
        """
        return Inverse(self)

    def _kept(self, rank: int) -> tuple[int, ...]:
        """The axes with statistics of their own."""
        axes = () if self.axis is None else (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        found = tuple(sorted({axis + rank if axis < 0 else axis for axis in axes}))
        if any(not 0 < axis < rank for axis in found):
            needed = "axes of an example: the first axis counts examples"
            do = "Use axis=None for one mean of all numbers."
            raise ShapeError(explain(f"axis={self.axis} for {rank} axes", needed, here(), do))
        return found
