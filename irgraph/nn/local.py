"""Locally connected layers: windows as in a convolution, with weights of their own at each place."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar

from ..errors import ShapeError, explain
from ..ops.grids import pad
from ..ops.rearranging import stack
from ..ops.shape import reshape, transpose
from ..ops.windows import Windows, read_windows
from ..origin import here
from ..value import Value
from .convolution import Filters, require_images
from .weights import at_each_place


class LocallyConnected(Filters):
    """activation(z + b[o, i, j]) of z[i, j, o] = Σ over c, k, l of x[c, i + k, j + l] w[i, j, k, l, c, o]."""

    def forward(self, x: Value) -> Value:
        require_images(type(self).__name__, x, self.space, self.input_shape)
        windows = read_windows(
            type(self).__name__, x.shape[2:], self.kernel_size, self.strides, self.padding, 1
        )
        places = windows.over(x.shape[2:])
        known = [size for size in (x.shape[1], *places) if isinstance(size, int)]
        if len(known) <= self.space:
            needed = "known channels and sizes of space: each place has weights of its own"
            raise ShapeError(explain(str(x.type), needed, here()))
        channels = known[0]
        shape = (*places, *self.kernel_size, channels, self.filters)
        w = self.parameter("w", shape, at_each_place(self._weight_init, self.space))
        count, inputs = math.prod(known[1:]), math.prod(self.kernel_size) * channels
        seen = reshape(_seen(x, windows), (count, x.shape[0], inputs))
        y = seen @ reshape(w, (count, inputs, self.filters))
        y = transpose(reshape(y, (*places, x.shape[0], self.filters)), _last_first(self.space))
        return self.finished(y, (self.filters, *places))


def _last_first(space: int) -> tuple[int, ...]:
    """(places, N, O) to (N, O, places)."""
    return (space, space + 1, *range(space))


def _seen(x: Value, windows: Windows) -> Value:
    """What each window sees: (N, C, *space) to (*places, N, size of the kernel, C)."""
    image = x if windows.unpadded else pad(x, [(0, 0), (0, 0), *windows.pads])  # type: ignore[list-item]
    moved = transpose(image, (*range(2, image.ndim), 0, 1))
    reach = [
        (count - 1) * stride + 1
        for count, stride in zip(windows.over(x.shape[2:]), windows.strides, strict=True)
    ]
    taps = []
    for tap in itertools.product(*map(range, windows.kernel)):
        axes = zip(tap, reach, windows.strides, strict=True)
        taps.append(moved[tuple(slice(start, start + size, step) for start, size, step in axes)])
    return stack(taps, axis=windows.rank + 1)


class LocallyConnected1D(LocallyConnected):
    """A convolution of sequences (N, C, L) whose filters differ from place to place.

    Parameters: w (places, kernel, C, filters), drawn anew for each place with the fans of one; b (filters,
    places), unless `bias=False`. All else is as in `Conv1D`, without dilation and groups.

    >>> import irgraph as ig
    >>> layer = LocallyConnected1D(4, 3, name="local")
    >>> layer(ig.input("x", ("batch", 2, 10))).shape, layer.parameters["local.w"].shape
    ((batch, 4, 8), (8, 3, 2, 4))
    """

    space: ClassVar[int] = 1


class LocallyConnected2D(LocallyConnected):
    """A convolution of images (N, C, H, W) whose filters differ from place to place.

    z[i, j, o] = Σ over c, k, l of x[c, i + k, j + l] w[i, j, k, l, c, o]. Parameters: w (H', W', *kernel, C,
    filters), drawn anew for each place with the fans of one; b (filters, H', W'), unless `bias=False`. All
    else is as in `Conv2D`, without dilation and groups.

    >>> import irgraph as ig
    >>> layer = LocallyConnected2D(1, 10, padding="same", bias=False)
    >>> _ = layer(ig.input("x", ("batch", 1, 200, 200)))
    >>> sum(value.type.size for value in layer.parameters.values())
    4000000
    """

    space: ClassVar[int] = 2
