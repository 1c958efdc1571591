"""Activations in pieces: one formula below zero, another above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..errors import ShapeError, explain
from ..onnx_writer import OnnxWriter, is_exact_attribute
from ..origin import here
from ..value import Node, Value
from .arithmetic import Elementwise
from .comparison import clip, greater, where
from .near_zero import expm1
from .operands import as_float, operands

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class _Rectifier(Elementwise):
    """A function of float elements that is its expansion."""

    float_only: ClassVar[bool] = True


def _expm1_below(x: Value) -> Value:
    """exp(x) - 1 below 0; above it, where it is not wanted, 0."""
    return expm1(where(greater(x, 0), 0.0, x))


@final
@dataclass(frozen=True)
class Elu(_Rectifier):
    """x above 0, else alpha (exp(x) - 1)."""

    name: ClassVar[str] = "elu"
    alpha: float = 1.0

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (where(greater(x, 0), x, self.alpha * _expm1_below(x)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(self.alpha, node.outputs[0].dtype):
            return None
        return [write.node("Elu", write.read(node.inputs[0]), since=6, alpha=self.alpha)]


@final
class Selu(_Rectifier):
    """The self-normalizing elu."""

    name: ClassVar[str] = "selu"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        below = _SELU_SCALE * _SELU_ALPHA * _expm1_below(x)
        return (where(greater(x, 0), _SELU_SCALE * x, below),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(_SELU_ALPHA, node.outputs[0].dtype):
            return None
        x = write.read(node.inputs[0])
        return [write.node("Selu", x, since=6, alpha=_SELU_ALPHA, gamma=_SELU_SCALE)]


@final
@dataclass(frozen=True)
class Celu(_Rectifier):
    """x above 0, else alpha (exp(x / alpha) - 1)."""

    name: ClassVar[str] = "celu"
    alpha: float = 1.0

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (where(greater(x, 0), x, self.alpha * _expm1_below(x * (1 / self.alpha))),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """ONNX has it for float32 only."""
        if node.outputs[0].dtype.name != "float32":
            return None
        return [write.node("Celu", write.read(node.inputs[0]), since=12, alpha=self.alpha)]


@final
@dataclass(frozen=True)
class LeakyRelu(_Rectifier):
    """x above 0, else slope · x."""

    name: ClassVar[str] = "leaky_relu"
    slope: float = 0.01

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (where(greater(x, 0), x, self.slope * x),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(self.slope, node.outputs[0].dtype):
            return None
        return [write.node("LeakyRelu", write.read(node.inputs[0]), since=16, alpha=self.slope)]


@final
class PRelu(_Rectifier):
    """x above 0, else slope · x for slopes that are learned."""

    name: ClassVar[str] = "prelu"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, slope = inputs
        return (where(greater(x, 0), x, slope * x),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """In ONNX the slopes broadcast to x, not x to the slopes."""
        if node.outputs[0].shape != node.inputs[0].shape:
            return None
        return [write.node("PRelu", *map(write.read, node.inputs), since=16)]


@final
class HardSigmoid(_Rectifier):
    """x/6 + 1/2, clipped to 0 and 1."""

    name: ClassVar[str] = "hard_sigmoid"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (clip(inputs[0] * (1 / 6) + 0.5, 0.0, 1.0),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(1 / 6, node.outputs[0].dtype):
            return None
        return [write.node("HardSigmoid", write.read(node.inputs[0]), since=6, alpha=1 / 6, beta=0.5)]


@final
class HardSwish(_Rectifier):
    """x · hard_sigmoid(x)."""

    name: ClassVar[str] = "hard_swish"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (x * hard_sigmoid(x),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        if not is_exact_attribute(1 / 6, node.outputs[0].dtype):  # what runtimes make of it
            return None
        return [write.node("HardSwish", write.read(node.inputs[0]), since=14)]


def elu(x: Any, alpha: float = 1.0) -> Value:
    """x above 0, else alpha · (exp(x) - 1) (Clevert et al. 2016); the derivative at 0 is alpha.

    >>> from irgraph import constant, evaluate
    >>> evaluate(elu(constant([-1.0, 2.0]))).round(3)
    array([-0.632,  2.   ], dtype=float32)
    """
    return Elu(float(alpha))(as_float(x))


def selu(x: Any) -> Value:
    """1.0507 · elu(x, 1.6733), under which activations keep mean 0 and variance 1 (Klambauer et al. 2017).

    >>> from irgraph import constant, evaluate
    >>> evaluate(selu(constant([-1.0, 2.0]))).round(3)
    array([-1.111,  2.101], dtype=float32)
    """
    return Selu()(as_float(x))


def celu(x: Any, alpha: float = 1.0) -> Value:
    """x above 0, else alpha · (exp(x / alpha) - 1) (Barron 2017); the derivative at 0 is 1.

    Raises ShapeError unless alpha is above 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(celu(constant([-1.0, 2.0]), 2.0)).round(3)
    array([-0.787,  2.   ], dtype=float32)
    """
    if not alpha > 0:
        raise ShapeError(explain(f"alpha={alpha!r} of celu", "a number above 0", here()))
    return Celu(float(alpha))(as_float(x))


def leaky_relu(x: Any, slope: float = 0.01) -> Value:
    """x above 0, else slope · x; the derivative at 0 is `slope`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(leaky_relu(constant([-1.0, 2.0]), 0.1)).round(3)
    array([-0.1,  2. ], dtype=float32)
    """
    return LeakyRelu(float(slope))(as_float(x))


def prelu(x: Any, slope: Any) -> Value:
    """x above 0, else slope · x for slopes that are learned (He et al. 2015); the two broadcast.

    For one slope for each channel of images (…, channels, height, width) give it the shape (channels, 1, 1).

    >>> from irgraph import constant, evaluate
    >>> evaluate(prelu(constant([[-1.0, -1.0]]), constant([0.1, 0.2])))
    array([[-0.1, -0.2]], dtype=float32)
    """
    return PRelu()(*operands("prelu", x, slope, at_least_float=True))


def relu6(x: Any) -> Value:
    """min(max(x, 0), 6) (Krizhevsky 2010); at 0 and 6 `x` gets half the derivative, as of `clip`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(relu6(constant([-1.0, 2.0, 8.0])))
    array([0., 2., 6.], dtype=float32)
    """
    return clip(x, 0, 6)


def hard_tanh(x: Any) -> Value:
    """min(max(x, -1), 1); at -1 and 1 `x` gets half the derivative, as of `clip`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(hard_tanh(constant([-2.0, 0.5])))
    array([-1. ,  0.5], dtype=float32)
    """
    return clip(x, -1, 1)


def hard_sigmoid(x: Any) -> Value:
    """min(max(x/6 + 1/2, 0), 1) (Howard et al. 2019); ONNX's own default has 1/5 in place of 1/6.

    >>> from irgraph import constant, evaluate
    >>> evaluate(hard_sigmoid(constant([-4.0, 0.0, 1.5])))
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return HardSigmoid()(as_float(x))


def hard_swish(x: Any) -> Value:
    """x · hard_sigmoid(x) (Howard et al. 2019).

    >>> from irgraph import constant, evaluate
    >>> evaluate(hard_swish(constant([-4.0, 1.5, 4.0])))
    array([-0.   ,  1.125,  4.   ], dtype=float32)
    """
    return HardSwish()(as_float(x))
