"""Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..arguments import checked
from ..errors import GraphError, explain
from ..graph import Update
from ..ops.elementary import exp, sqrt
from ..origin import here
from ..types import DType
from ..value import Value
from .optimizer import Optimizer, moved


class Adam(Optimizer):
    """Steps of the size of the learning rate, from running means of the gradient and its square.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1: m and v are the
    running means with rates β₁ and β₂, and w ← w - rate · m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ).

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Adam(0.1).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['w']:.4f}")
    0.9000
    """

    @checked
    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "",
    ) -> None:
        super().__init__(learning_rate, name)
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1 and epsilon > 0):
            raise GraphError(
                explain(
                    f"beta1={beta1}, beta2={beta2}, epsilon={epsilon}",
                    "betas in [0, 1) and epsilon > 0",
                    here(),
                )
            )
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def updates(self, parameters: Sequence[Value], gradients: Sequence[Value], rate: Value) -> list[Update]:
        step = self.variable("adam/step", "int64")
        count = step + 1
        found: list[Update] = [(step, count)]
        shared = {
            dtype: self._shared(count, rate, dtype) for dtype in {p.dtype.wide: None for p in parameters}
        }
        for parameter, gradient in zip(parameters, gradients, strict=True):
            size, root = shared[parameter.dtype.wide]
            gradient = gradient.astype(parameter.dtype.wide)
            mean, square = self.slot(parameter, "mean"), self.slot(parameter, "square")
            new_mean = mean * self.beta1 + gradient * (1 - self.beta1)
            new_square = square * self.beta2 + gradient * gradient * (1 - self.beta2)
            scale = sqrt(new_square) / root + self.epsilon
            found += [(mean, new_mean), (square, new_square)]
            found.append(moved(parameter, new_mean * size / scale))
        return found

    def _shared(self, count: Value, rate: Value, dtype: DType) -> tuple[Value, Value]:
        """What all parameters of a dtype share: rate / (1 - β₁ᵗ) and √(1 - β₂ᵗ)."""
        time = count.astype("float64")  # in float32, 1 - 0.999 has only three digits
        size = rate.astype(dtype) / (1 - _power(self.beta1, time)).astype(dtype)
        return size, sqrt(1 - _power(self.beta2, time)).astype(dtype)


def _power(base: float, exponent: Value) -> Value:
    """base ** exponent for a scalar exponent of at least 1."""
    return exp(exponent * math.log(base)) if base else exponent * 0.0
