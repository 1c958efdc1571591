"""Normalization layers."""

from __future__ import annotations

from ..dims import Shape
from ..errors import ShapeError, explain
from ..ops.constants import ones, zeros
from ..ops.normalization import batch_norm, group_norm, layer_norm, rms_norm
from ..origin import here
from ..types import format_shape, normalize_axis
from ..value import Value
from .dense import positive
from .layer import Layer


class BatchNorm(Layer):
    """Each channel (axis 1) with mean 0 and variance 1, times `scale` plus `bias`.

    Ioffe and Szegedy, ICML 2015. A training graph uses the batch's own mean and variance (ddof 0), and
    updates the states `mean` and `variance` to momentum · old + (1 - momentum) · the batch's, as in ONNX and
    Keras (torch calls 1 - momentum so, and keeps the variance with ddof 1). Other graphs, and those of a
    frozen layer, use the states and update nothing.

    Where one training graph has several calls of the layer, each normalizes by its own batch, and the states
    take up one after the other, in the order of the graph.
    Parameters: scale and bias (C,), unless `scale=False`, `bias=False`. Raises ShapeError for a scalar or
    vector.

    >>> import irgraph as ig
    >>> layer = BatchNorm(momentum=0.5, name="norm")
    >>> step = ig.compile(layer(ig.input("x", ("batch", 1)), training=True))
    >>> step(x=[[1.0], [5.0]]).round(3).tolist(), step.state["norm.mean"], step.state["norm.variance"]
    ([[-1.0], [1.0]], array([1.5], dtype=float32), array([2.5], dtype=float32))
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        *,
        scale: bool = True,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not 0 <= momentum < 1:
            raise ShapeError(explain(f"a momentum of {momentum}", "0 <= momentum < 1", here()))
        self.momentum, self.epsilon = momentum, _above_zero(epsilon)
        self.scale, self.bias = scale, bias

    def forward(self, x: Value) -> Value:
        channels = _channels(self, x)
        mean, variance = self.state("mean", channels), self.state("variance", channels, 1.0)
        scale = self.parameter("scale", channels, 1.0) if self.scale else ones(channels, x.dtype)
        bias = self.parameter("bias", channels) if self.bias else zeros(channels, x.dtype)
        training = self.training and not self.frozen
        return batch_norm(
            x,
            scale,
            bias,
            mean,
            variance,
            training=training,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )


class _OverLast(Layer):
    """Normalization over the axes from `axis` to the last, with a scale of their shape."""

    def __init__(
        self, axis: int = -1, epsilon: float = 1e-5, *, scale: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.axis, self.epsilon, self.scale = axis, _above_zero(epsilon), scale

    def shape(self, x: Value) -> Shape:
        """The shape of what is normalized at once."""
        return x.shape[normalize_axis(self.axis, x.ndim) :]

    def scale_of(self, x: Value) -> Value | None:
        """The parameter that the result is multiplied by, where there is one."""
        return self.parameter("scale", self.shape(x), 1.0) if self.scale else None


class LayerNorm(_OverLast):
    """Each example with mean 0 and variance 1 over the axes from `axis` to the last (Ba et al., 2016).

    Parameters: scale and bias, of the shape of these axes, unless `scale=False`, `bias=False`.

    >>> import irgraph as ig
    >>> f = ig.compile(LayerNorm()(ig.input("x", ("batch", 2))))
    >>> f(x=[[1.0, 3.0]]).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-5,
        *,
        scale: bool = True,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(axis, epsilon, scale=scale, name=name)
        self.bias = bias

    def forward(self, x: Value) -> Value:
        scale = self.scale_of(x)
        bias = self.parameter("bias", self.shape(x)) if self.bias else None
        return layer_norm(x, scale, bias, self.axis, self.epsilon)


class RMSNorm(_OverLast):
    """Each example over its root mean square over the axes from `axis` to the last.

    Zhang and Sennrich, NeurIPS 2019.
    Parameter: scale, of the shape of these axes, unless `scale=False`.

    >>> import irgraph as ig
    >>> f = ig.compile(RMSNorm()(ig.input("x", ("batch", 2))))
    >>> f(x=[[1.0, 7.0]]).round(3)
    array([[0.2, 1.4]], dtype=float32)
    """

    def forward(self, x: Value) -> Value:
        return rms_norm(x, self.scale_of(x), self.axis, self.epsilon)


class GroupNorm(Layer):
    """Groups of channels (axis 1) with mean 0 and variance 1 for each example (Wu and He, ECCV 2018).

    As many groups as channels are instance normalization. Parameters: scale and bias (C,), unless
    `scale=False`, `bias=False`. Raises ShapeError where `groups` does not divide the channels.

    >>> import irgraph as ig
    >>> GroupNorm(3, name="norm")(ig.input("x", ("batch", 6, 8, 8)))
    <norm.output : float32[batch, 6, 8, 8]>
    """

    def __init__(
        self,
        groups: int,
        epsilon: float = 1e-5,
        *,
        scale: bool = True,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.groups, self.epsilon = positive("groups", groups), _above_zero(epsilon)
        self.scale, self.bias = scale, bias

    def forward(self, x: Value) -> Value:
        channels = _channels(self, x)
        scale = self.parameter("scale", channels, 1.0) if self.scale else None
        bias = self.parameter("bias", channels) if self.bias else None
        return group_norm(x, self.groups, scale, bias, self.epsilon)


def _channels(layer: Layer, x: Value) -> Shape:
    if x.ndim < 2:
        found = f"an input of shape {format_shape(x.shape)} for {type(layer).__name__}"
        raise ShapeError(explain(found, "(N, C, …): channels are axis 1", here()))
    return x.shape[1:2]


def _above_zero(epsilon: float) -> float:
    if not epsilon > 0:
        raise ShapeError(explain(f"epsilon={epsilon}", "a number above 0", here()))
    return epsilon
