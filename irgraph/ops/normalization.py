"""Normalization: elements of mean 0 and variance 1 over some axes, then scaled and shifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import divides, product
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Coefficient
from ..onnx_writer import OnnxWriter, is_exact_attribute
from ..op import Op
from ..origin import here
from ..types import TensorType, broadcast_shapes, format_shape, normalize_axis
from ..value import Node, Value
from .constants import ones, scaled_unit
from .elementary import sqrt
from .operands import as_float, operands
from .reduce import Mean
from .requirements import require_float
from .shape import broadcast_to, reshape
from .update import with_running_means


@final
@dataclass(frozen=True)
class Standardize(Op):
    """(x - mean) / sqrt(variance + epsilon) over some axes; the mean and the variance are outputs too."""

    name: ClassVar[str] = "standardize"
    axes: tuple[int, ...]
    epsilon: float

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_float(self.name, x)
        kept = x.with_shape(1 if axis in self.axes else size for axis, size in enumerate(x.shape))
        return x, kept, kept

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """Two passes: the mean first, so that the variance does not cancel."""
        (x,) = inputs
        mean = Mean(self.axes, keepdims=True)(x)
        centred = x - mean
        variance = Mean(self.axes, keepdims=True)(centred * centred)
        return centred / sqrt(variance + self.epsilon), mean, variance

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """Of y: (c - mean(c) - y mean(c y)) / deviation, which is fewer passes than the expansion's."""
        (x,), (y, mean, variance) = inputs, outputs
        by_y, by_mean, by_variance = cotangents
        average = Mean(self.axes, keepdims=True)
        found = None
        if by_y is not None:
            shared = y * average(by_y * y)
            found = (by_y - average(by_y) - shared) / sqrt(variance + self.epsilon)
        share = scaled_unit(Coefficient(over=product(x.shape[axis] for axis in self.axes)), x.dtype)
        if by_mean is not None:
            part = broadcast_to(by_mean * share, x.shape)
            found = part if found is None else found + part
        if by_variance is not None:
            part = by_variance * (2 * share) * (x - mean)
            found = part if found is None else found + part
        return [found]


@dataclass(frozen=True)
class _OverLast(Op):
    """Normalization over the axes from `axis` on, with a scale, and a bias where there is a third input."""

    axis: int
    epsilon: float

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x = inputs[0]
        require_float(self.name, *inputs)
        for other in inputs[1:]:
            if other.dtype is not x.dtype:
                raise DTypeError(explain(" and ".join(map(str, inputs)), "one dtype", do="Cast one of them."))
            if other.rank > x.rank - self.axis or broadcast_shapes(other.shape, x.shape) != x.shape:
                raise ShapeError(
                    explain(
                        f"{other} to scale or shift {x}", f"the shape {format_shape(x.shape[self.axis :])}"
                    )
                )
        return (x,)

    def over(self, x: Value) -> tuple[int, ...]:
        """The axes that are normalized."""
        return tuple(range(self.axis, x.ndim))


@final
class LayerNorm(_OverLast):
    """standardize(x) · scale + bias over the last axes."""

    name: ClassVar[str] = "layer_norm"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, scale, *bias = inputs
        y = Standardize(self.over(x), self.epsilon)(x) * scale
        return (y + bias[0] if bias else y,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(self.epsilon, node.outputs[0].dtype):
            return None
        inputs = map(write.read, node.inputs)
        return [write.node("LayerNormalization", *inputs, since=17, axis=self.axis, epsilon=self.epsilon)]


@final
class RmsNorm(_OverLast):
    """x / sqrt(mean(x²) + epsilon) · scale over the last axes."""

    name: ClassVar[str] = "rms_norm"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, scale = inputs
        return (x / sqrt(Mean(self.over(x), keepdims=True)(x * x) + self.epsilon) * scale,)


@final
@dataclass(frozen=True)
class BatchNorm(Op):
    """(x - mean) / sqrt(variance + epsilon) · scale + bias, one of each for every channel (axis 1)."""

    name: ClassVar[str] = "batch_norm"
    epsilon: float

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        _require_channels(inputs[0], *inputs[1:])
        return inputs[:1]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, *others = inputs
        scale, bias, mean, variance = (_by_channel(each, x) for each in others)
        return ((x - mean) * (scale / sqrt(variance + self.epsilon)) + bias,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(self.epsilon, node.outputs[0].dtype):
            return None
        inputs = map(write.read, node.inputs)
        return [write.node("BatchNormalization", *inputs, since=15, epsilon=self.epsilon)]


def _by_channel(value: Value, x: Value) -> Value:
    return reshape(value, (value.shape[0], *[1] * (x.ndim - 2)))


def _require_channels(x: TensorType, *others: TensorType) -> None:
    if x.rank < 2:
        raise ShapeError(explain(str(x), "at least two axes: batch and channels"))
    for other in others:
        if other.shape != x.shape[1:2] or other.dtype is not x.dtype:
            needed = f"{x.dtype}[{x.shape[1]}], one number for each channel of {x}"
            raise ShapeError(explain(str(other), needed))


def layer_norm(x: Any, scale: Any = None, bias: Any = None, axis: int = -1, epsilon: float = 1e-5) -> Value:
    """`x` with mean 0 and variance 1 over the axes from `axis` to the last, times `scale` plus `bias`.

    Layer normalization (Ba et al. 2016).
    `scale` and `bias`, which may be left out, broadcast to the normalized axes. The variance is that of the
    elements (ddof 0), in two passes. Raises ShapeError where a shape does not fit, DTypeError for two dtypes.

    >>> from irgraph import constant, evaluate
    >>> evaluate(layer_norm(constant([[1.0, 3.0]]))).round(3)
    array([[-1.,  1.]], dtype=float32)
    """
    value = as_float(x)
    at = normalize_axis(axis, value.ndim)
    given = [ones(value.shape[at:], value.dtype) if scale is None else scale]
    op = LayerNorm(at, float(epsilon))
    return op(*operands("layer_norm", value, *given, *([] if bias is None else [bias])))


def rms_norm(x: Any, scale: Any = None, axis: int = -1, epsilon: float = 1e-5) -> Value:
    """`x` over the root of its mean square over the axes from `axis` to the last, times `scale`.

    Root mean square normalization (Zhang and Sennrich 2019).
    Raises ShapeError where the shape of `scale` does not fit, DTypeError for two dtypes.

    >>> from irgraph import constant, evaluate
    >>> evaluate(rms_norm(constant([[3.0, 3.0]]))).round(3)
    array([[1., 1.]], dtype=float32)
    """
    value = as_float(x)
    at = normalize_axis(axis, value.ndim)
    given = ones(value.shape[at:], value.dtype) if scale is None else scale
    return RmsNorm(at, float(epsilon))(*operands("rms_norm", value, given))


def batch_norm(
    x: Any,
    scale: Any,
    bias: Any,
    running_mean: Value,
    running_variance: Value,
    *,
    training: bool,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> Value:
    """Each channel (axis 1) of `x` with mean 0 and variance 1, times `scale` plus `bias`.

    Batch normalization (Ioffe and Szegedy 2015). In training the mean and the variance are the batch's own,
    and whatever graph reaches the result also updates the state variables `running_mean` and
    `running_variance` to momentum · old + (1 - momentum) · the batch's, as in ONNX and Keras; torch calls
    1 - momentum so. Several calls on one graph update one after the other. Both variances have ddof 0.
    Otherwise the running statistics are used. Raises ShapeError for a shape other than (channels,),
    GraphError in training where the running statistics are no state variables.

    >>> import irgraph as ig
    >>> mean, variance = ig.state("mean", (2,)), ig.state("variance", (2,), init=ig.init.constant(1.0))
    >>> x = ig.input("x", ("batch", 2))
    >>> step = ig.compile(batch_norm(x, ig.ones(2), ig.zeros(2), mean, variance, training=True))
    >>> step(x=[[1.0, 0.0], [3.0, 0.0]]).round(3), step.state["mean"].round(3)
    (array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32), array([0.2, 0. ], dtype=float32))
    """
    value, scale, bias = operands("batch_norm", x, scale, bias)
    if not training:
        return BatchNorm(float(epsilon))(value, scale, bias, running_mean, running_variance)
    _require_channels(value.type, *(each.type for each in (scale, bias, running_mean, running_variance)))
    axes = (0, *range(2, value.ndim))
    y, mean, variance = Node(Standardize(axes, float(epsilon)), [value]).outputs
    y = y * _by_channel(scale, value) + _by_channel(bias, value)
    batch = {running_mean: mean, running_variance: variance}
    means = {running: reshape(each, running.shape) for running, each in batch.items()}
    return with_running_means(y, means, float(momentum))


def group_norm(x: Any, groups: int, scale: Any = None, bias: Any = None, epsilon: float = 1e-5) -> Value:
    """Groups of channels (axis 1) with mean 0 and variance 1 for each example (Wu and He 2018).

    `scale` and `bias` have one number for each channel. Raises ShapeError where `groups` does not divide the
    channels.

    >>> from irgraph import input
    >>> group_norm(input("x", ("batch", 6, 8, 8)), 3)
    <a result of reshape : float32[batch, 6, 8, 8]>
    """
    value = as_float(x)
    if value.ndim < 2 or groups < 1 or not divides(groups, value.shape[1]):
        raise ShapeError(explain(f"{groups} groups of {value!r}", "a number that divides axis 1", here()))
    apart = reshape(value, (value.shape[0], groups, value.shape[1] // groups, *value.shape[2:]))
    y = reshape(Standardize(tuple(range(2, apart.ndim)), float(epsilon))(apart), value.shape)
    given = [operands("group_norm", value, each)[1] for each in (scale, bias) if each is not None]
    _require_channels(value.type, *(each.type for each in given))
    if scale is not None:
        y = y * _by_channel(given[0], value)
    return y if bias is None else y + _by_channel(given[-1], value)


def instance_norm(x: Any, scale: Any = None, bias: Any = None, epsilon: float = 1e-5) -> Value:
    """Each channel (axis 1) of each example with mean 0 and variance 1 (Ulyanov et al. 2016).

    `scale` and `bias` have one number for each channel. Raises ShapeError where their shapes do not fit.

    >>> from irgraph import input
    >>> instance_norm(input("x", ("batch", 6, 8, 8)))
    <a result of standardize : float32[batch, 6, 8, 8]>
    """
    value = as_float(x)
    given = [operands("instance_norm", value, each)[1] for each in (scale, bias) if each is not None]
    _require_channels(value.type, *(each.type for each in given))
    y = Standardize(tuple(range(2, value.ndim)), float(epsilon))(value)
    if scale is not None:
        y = y * _by_channel(given[0], value)
    return y if bias is None else y + _by_channel(given[-1], value)
