"""Convolutional layers: filters that slide over sequences, images and volumes, and their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import init as initializers
from ..dims import Shape, divides
from ..errors import ShapeError, explain
from ..ops.conv import conv, conv_transpose
from ..ops.windows import per_axis
from ..origin import here
from ..types import format_shape
from ..value import Value
from . import activations
from .dense import positive
from .layer import Init, Layer
from .weights import OUT_IN, in_layout

Sizes = int | Sequence[int]
Padding = str | int | Sequence[int] | Sequence[Sequence[int]]

_GLOROT = initializers.glorot_uniform()


class Filters(Layer):
    """What layers with filters share: their geometry, parameters and activation."""

    space: ClassVar[int]  # axes of space

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        *,
        activation: str | activations.Activation | None = None,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        bias_init: Init = 0.0,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        what = type(self).__name__
        self.filters = positive("filters", filters)
        self.kernel_size = per_axis(what, "kernel_size", kernel_size, self.space, least=1)
        self.strides = per_axis(what, "strides", strides, self.space, least=1)
        self.padding = padding
        self.activation, self.bias = activation, bias
        self._weight_init, self._bias_init = weight_init, bias_init
        self._activate = activations.find(activation)
        if input_shape is not None:
            self.input_shape = tuple(input_shape)

    def finished(self, y: Value, bias_shape: Shape | None = None) -> Value:
        """The layer's result of filtered images: plus the bias, through the activation."""
        if self.bias:
            b = self.parameter("b", (self.filters,) if bias_shape is None else bias_shape, self._bias_init)
            y = y + b.reshape(*b.shape, *(1,) * (y.ndim - 1 - b.ndim))
        return self._activate(y)


class Grouped(Filters):
    """Filters that may be dilated, and that go over groups of channels by themselves."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        *,
        dilation: Sizes = 1,
        groups: int = 1,
        activation: str | activations.Activation | None = None,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        bias_init: Init = 0.0,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            activation=activation,
            bias=bias,
            weight_init=weight_init,
            bias_init=bias_init,
            input_shape=input_shape,
            name=name,
        )
        self.dilation = per_axis(type(self).__name__, "dilation", dilation, self.space, least=1)
        self.groups = positive("groups", groups)
        if self.filters % self.groups:
            found = f"{self.filters} filters in {self.groups} groups"
            raise ShapeError(explain(found, "a multiple of the number of groups", here()))


class Convolution(Grouped):
    """A convolution of images (N, C, …) with filters w (filters, C / groups, *kernel)."""

    def forward(self, x: Value) -> Value:
        require_images(type(self).__name__, x, self.space, self.input_shape)
        channels = require_groups(x, self.groups)
        shape = (self.filters, channels // self.groups, *self.kernel_size)
        w = self.parameter("w", shape, in_layout(self._weight_init, OUT_IN))
        y = conv(x, w, stride=self.strides, padding=self.padding, dilation=self.dilation, groups=self.groups)
        return self.finished(y)


class Conv1D(Convolution):
    """`activation(conv(x, w) + b)` of sequences (N, C, L), to (N, filters, L').

    `padding` is "valid" (none), "same" (ceil(L / strides) results), an integer or a pair for each axis.
    Parameters: w (filters, C / groups, kernel), from `weight_init`, whose fan in is C / groups · kernel; b
    (filters,), unless `bias=False`. Raises ShapeError where the input does not fit.

    >>> import irgraph as ig
    >>> layer = Conv1D(8, 3, padding="same", activation="relu", name="conv")
    >>> layer(ig.input("x", ("batch", 4, "time"))).shape, layer.parameters["conv.w"].shape
    ((batch, 8, time), (8, 4, 3))
    """

    space: ClassVar[int] = 1


class Conv2D(Convolution):
    """`activation(conv(x, w) + b)` of images (N, C, H, W), to (N, filters, H', W').

    Sizes are one integer for both axes or one for each. `padding` is "valid" (none), "same"
    (ceil(H / strides) results), integers, or pairs (before, after). Parameters: w (filters, C / groups,
    *kernel), from `weight_init`, whose fan in is C / groups · kernel's size; b (filters,), unless
    `bias=False`. Raises ShapeError where the input does not fit.

    >>> import irgraph as ig
    >>> layer = Conv2D(6, 5, activation="tanh", name="conv")
    >>> layer(ig.input("x", ("batch", 1, 28, 28)))
    <conv.output : float32[batch, 6, 24, 24]>
    >>> [value.shape for value in layer.parameters.values()]
    [(6, 1, 5, 5), (6,)]
    """

    space: ClassVar[int] = 2


class Conv3D(Convolution):
    """`activation(conv(x, w) + b)` of volumes (N, C, D, H, W); all else is as in `Conv2D`.

    >>> import irgraph as ig
    >>> Conv3D(4, 3)(ig.input("x", ("batch", 1, 8, 8, 8))).shape
    (batch, 4, 6, 6, 6)
    """

    space: ClassVar[int] = 3


class TransposedConvolution(Grouped):
    """The transpose of a convolution in its images; filters w are (C, filters / groups, *kernel)."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = 0,
        *,
        output_padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        activation: str | activations.Activation | None = None,
        bias: bool = True,
        weight_init: Init = _GLOROT,
        bias_init: Init = 0.0,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            dilation=dilation,
            groups=groups,
            activation=activation,
            bias=bias,
            weight_init=weight_init,
            bias_init=bias_init,
            input_shape=input_shape,
            name=name,
        )
        what = type(self).__name__
        self.output_padding = per_axis(what, "output_padding", output_padding, self.space, least=0)

    def forward(self, x: Value) -> Value:
        require_images(type(self).__name__, x, self.space, self.input_shape)
        channels = require_groups(x, self.groups)
        shape = (channels, self.filters // self.groups, *self.kernel_size)
        w = self.parameter("w", shape, in_layout(self._weight_init, OUT_IN))
        options: dict[str, Any] = {"stride": self.strides, "padding": self.padding, "groups": self.groups}
        y = conv_transpose(x, w, output_padding=self.output_padding, dilation=self.dilation, **options)
        return self.finished(y)


class Conv1DTranspose(TransposedConvolution):
    """The transpose of `Conv1D`, for decoders: (N, C, L) to (N, filters, (L - 1) · strides + kernel).

    `padding` is what the convolution pads, and is cut off; `output_padding`, less than the stride, is put
    at the end. Parameters: w (C, filters / groups, kernel), from `weight_init`, with the fans of the
    convolution, as in torch and Keras; b (filters,). Raises ShapeError where the input does not fit.

    >>> import irgraph as ig
    >>> Conv1DTranspose(3, 2, strides=2)(ig.input("x", ("batch", 8, 16))).shape
    (batch, 3, 32)
    """

    space: ClassVar[int] = 1


class Conv2DTranspose(TransposedConvolution):
    """The transpose of `Conv2D`, for decoders; all else is as in `Conv1DTranspose`.

    >>> import irgraph as ig
    >>> Conv2DTranspose(3, 4, strides=2, padding=1)(ig.input("x", ("batch", 8, 7, 7))).shape
    (batch, 3, 14, 14)
    """

    space: ClassVar[int] = 2


def require_images(what: str, x: Value, space: int, stated: Shape | None = None) -> None:
    """Raise ShapeError unless x is (N, C, …) with so many axes of space, and as `stated` of one example."""
    if x.ndim != space + 2:
        needed = f"({', '.join(['N', 'C', *'DHW'[3 - space :]])}): {what} slides over {space} axes of space"
        do = "Reshape it: irgraph.nn.Reshape((channels, …))." if x.ndim < space + 2 else ""
        raise ShapeError(explain(f"an input of shape {format_shape(x.shape)}", needed, here(), do))
    if stated is not None and any(
        isinstance(size, int) and size != wanted for size, wanted in zip(x.shape[1:], stated, strict=False)
    ):
        found = f"examples of shape {format_shape(x.shape[1:])}"
        raise ShapeError(explain(found, f"input_shape={format_shape(stated)}", here()))


def require_groups(x: Value, groups: int) -> Any:
    """The channels of images. Raises ShapeError where they do not fall into so many groups."""
    channels = x.shape[1]
    if not divides(groups, channels):
        found = f"{channels} channels in {groups} groups"
        raise ShapeError(explain(found, "a multiple of the number of groups", here()))
    return channels
