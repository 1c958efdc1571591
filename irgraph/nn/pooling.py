"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..ops.average_pooling import average_pool
from ..ops.pooling import max_pool, space_of
from ..ops.reduce import max, mean
from ..ops.windows import per_axis
from ..value import Value
from .convolution import Padding, Sizes, require_images
from .layer import Layer


class Pooling(Layer):
    """Something of each window of images (N, C, …)."""

    space: ClassVar[int]  # axes of space

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        *,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        what = type(self).__name__
        self.pool_size = per_axis(what, "pool_size", pool_size, self.space, least=1)
        self.strides = strides if strides is None else per_axis(what, "strides", strides, self.space, least=1)
        self.padding, self.ceil_mode = padding, ceil_mode


class MaxPooling(Pooling):
    """The largest element of each window."""

    def forward(self, x: Value) -> Value:
        require_images(type(self).__name__, x, self.space)
        return max_pool(x, self.pool_size, self.strides, self.padding, ceil_mode=self.ceil_mode)


class AveragePooling(Pooling):
    """The mean of each window."""

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode=ceil_mode, name=name)
        self.count_include_pad = count_include_pad

    def forward(self, x: Value) -> Value:
        require_images(type(self).__name__, x, self.space)
        return average_pool(
            x, self.pool_size, self.strides, self.padding, self.ceil_mode, self.count_include_pad
        )


class MaxPool1D(MaxPooling):
    """The largest element of each window of sequences (N, C, L); as `MaxPool2D`.

    >>> import irgraph as ig
    >>> MaxPool1D(3, strides=2)(ig.input("x", ("batch", 8, 15))).shape
    (batch, 8, 7)
    """

    space: ClassVar[int] = 1


class MaxPool2D(MaxPooling):
    """The largest element of each window of images (N, C, H, W).

    `strides` is the pool size by default; `padding`, as in `Conv2D`, is less than anything. With `ceil_mode`
    a last window may reach over the end. Raises ShapeError where no window fits.

    >>> import irgraph as ig
    >>> MaxPool2D(2)(ig.input("x", ("batch", 8, 28, 28))).shape
    (batch, 8, 14, 14)
    """

    space: ClassVar[int] = 2


class AveragePool1D(AveragePooling):
    """The mean of each window of sequences (N, C, L); as `AveragePool2D`.

    >>> import irgraph as ig
    >>> AveragePool1D(4)(ig.input("x", ("batch", 8, 16))).shape
    (batch, 8, 4)
    """

    space: ClassVar[int] = 1


class AveragePool2D(AveragePooling):
    """The mean of each window of images (N, C, H, W).

    Padding counts as zeros, or not at all with `count_include_pad=False`. All else is as in `MaxPool2D`.

    >>> import irgraph as ig
    >>> AveragePool2D((2, 1))(ig.input("x", ("batch", 8, 28, 28))).shape
    (batch, 8, 14, 28)
    """

    space: ClassVar[int] = 2


class GlobalMaxPool(Layer):
    """The largest element of each channel over all of space: (N, C, …) to (N, C).

    `keepdims=True` leaves axes of size 1. Raises ShapeError for an input without space.

    >>> import irgraph as ig
    >>> GlobalMaxPool()(ig.input("x", ("batch", 8, "height", "width"))).shape
    (batch, 8)
    """

    def __init__(self, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    def forward(self, x: Value) -> Value:
        return max(x, _space(self, x), keepdims=self.keepdims)


class GlobalAveragePool(Layer):
    """The mean of each channel over all of space: (N, C, …) to (N, C); as `GlobalMaxPool`.

    >>> import irgraph as ig
    >>> GlobalAveragePool(keepdims=True)(ig.input("x", ("batch", 8, 7, 7))).shape
    (batch, 8, 1, 1)
    """

    def __init__(self, *, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    def forward(self, x: Value) -> Value:
        return mean(x, _space(self, x), keepdims=self.keepdims)


def _space(layer: Layer, x: Value) -> Sequence[int]:
    return tuple(space_of(type(layer).__name__, x))
