"""Smooth activations that put a gate on x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from ..errors import GraphError, explain
from ..onnx_writer import OnnxWriter, is_exact_attribute
from ..origin import here
from ..value import Node, Value
from .arithmetic import Elementwise
from .elementary import sigmoid
from .error_function import erf
from .exponentials import softplus
from .operands import as_float
from .rounding import abs
from .trigonometric import tanh


class _Gated(Elementwise):
    """A function of float elements that is its expansion."""

    float_only: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Gelu(_Gated):
    """x times the normal distribution function of x, or its tanh form."""

    name: ClassVar[str] = "gelu"
    approximate: str = "none"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        if self.approximate == "none":
            return (0.5 * x * (1 + erf(x * math.sqrt(0.5))),)
        cubed = x * x * x
        return (0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * cubed))),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """One op from opset 20 on; runtimes have its constants in float32."""
        if write.opset < 20 or not is_exact_attribute(0.044715, node.outputs[0].dtype):
            return None
        return [write.node("Gelu", write.read(node.inputs[0]), since=20, approximate=self.approximate)]


@final
class Mish(_Gated):
    """x tanh(softplus(x))."""

    name: ClassVar[str] = "mish"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (x * tanh(softplus(x)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("Mish", write.read(node.inputs[0]), since=18)]


@final
class Softsign(_Gated):
    """x / (1 + |x|)."""

    name: ClassVar[str] = "softsign"
    onnx_type: ClassVar[str | None] = "Softsign"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (x / (1 + abs(x)),)


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Value:
    """x · Φ(x) = x/2 · (1 + erf(x / sqrt(2))) (Hendrycks and Gimpel 2016); the default of ONNX and torch.

    With approximate="tanh": x/2 · (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))), which differs by up to 5e-4.
    Raises GraphError for any other `approximate`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(gelu(constant([-1.0, 2.0]))).round(3)
    array([-0.159,  1.954], dtype=float32)
    >>> evaluate(gelu(constant([-1.0, 2.0]), approximate="tanh")).round(3)
    array([-0.159,  1.955], dtype=float32)
    """
    if approximate not in ("none", "tanh"):
        raise GraphError(explain(f"approximate={approximate!r} of gelu", '"none" or "tanh"', here()))
    return Gelu(approximate)(as_float(x))


def silu(x: Any) -> Value:
    """x · sigmoid(x), also called swish (Ramachandran et al. 2017).

    >>> from irgraph import constant, evaluate
    >>> evaluate(silu(constant([-1.0, 2.0]))).round(3)
    array([-0.269,  1.762], dtype=float32)
    """
    value = as_float(x)
    return value * sigmoid(value)


def mish(x: Any) -> Value:
    """x · tanh(softplus(x)) (Misra 2019).

    >>> from irgraph import constant, evaluate
    >>> evaluate(mish(constant([-1.0, 2.0]))).round(3)
    array([-0.303,  1.944], dtype=float32)
    """
    return Mish()(as_float(x))


def softsign(x: Any) -> Value:
    """x / (1 + |x|).

    >>> from irgraph import constant, evaluate
    >>> evaluate(softsign(constant([-1.0, 3.0])))
    array([-0.5 ,  0.75], dtype=float32)
    """
    return Softsign()(as_float(x))
