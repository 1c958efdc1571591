"""exp(x) - 1 and log(1 + x), exact where x is so small that 1 would swallow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..value import Value
from .arithmetic import Elementwise, Slope
from .comparison import equal, where
from .elementary import exp, log
from .operands import as_float
from .trigonometric import tanh


@final
class Expm1(Elementwise):
    """exp(x) - 1, exact near 0."""

    name: ClassVar[str] = "expm1"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (output + 1,)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """tanh(x/2) (exp(x) + 1), where nothing cancels."""
        (x,) = inputs
        return (tanh(x * 0.5) * (exp(x) + 1),)


@final
class Log1p(Elementwise):
    """log(1 + x), exact near 0."""

    name: ClassVar[str] = "log1p"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / (inputs[0] + 1),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """With w = 1 + x as rounded, log(w) x / (w - 1): roundings cancel (Goldberg 1991, theorem 4)."""
        (x,) = inputs
        w = x + 1
        kept = w - 1
        exact, lost = equal(kept, x), equal(kept, 0)
        return (where(exact, log(w), where(lost, x, log(w) * (x / kept))),)


def expm1(x: Any) -> Value:
    """exp(x) - 1, exact where x is small.

    >>> from irgraph import constant, evaluate
    >>> evaluate(expm1(constant([0.0, 1.0]))).round(3)
    array([0.   , 1.718], dtype=float32)
    """
    return Expm1()(as_float(x))


def log1p(x: Any) -> Value:
    """log(1 + x), exact where x is small; -inf at -1 and NaN below.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log1p(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.693], dtype=float32)
    """
    return Log1p()(as_float(x))
