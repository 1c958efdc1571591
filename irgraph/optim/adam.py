"""Adam and its kin: AdamW, Nadam."""

from __future__ import annotations

import math
from typing import Any

from ..arguments import checked
from ..graph import Update
from ..ops.comparison import maximum
from ..ops.elementary import exp, sqrt
from ..value import Value
from .clipping import Clip
from .optimizer import Rule, demand
from .schedules import Schedule


class _Moments(Rule):
    """Running means of the gradient and its square, and the count of steps that corrects their start."""

    beta1: float
    beta2: float
    epsilon: float
    counter: str

    def _set(self, beta1: float, beta2: float, epsilon: float) -> None:
        demand(
            0 <= beta1 < 1 and 0 <= beta2 < 1 and epsilon > 0,
            f"beta1={beta1}, beta2={beta2}, epsilon={epsilon}",
            "betas in [0, 1) and epsilon > 0",
        )
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def shared(self) -> tuple[Any, list[Update]]:
        step = self.variable(self.counter, "int64")
        count = step + 1
        return count, [(step, count)]

    def means(self, parameter: Value, gradient: Value) -> tuple[Value, Value, list[Update]]:
        """The new running means of the gradient and of its square, and their updates."""
        mean, square = self.slot(parameter, "mean"), self.slot(parameter, "square")
        new_mean = mean * self.beta1 + gradient * (1 - self.beta1)
        new_square = square * self.beta2 + gradient * gradient * (1 - self.beta2)
        return new_mean, new_square, [(mean, new_mean), (square, new_square)]


class Adam(_Moments):
    """Steps of the size of the learning rate, from running means of the gradient and its square.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1: m and v are the
    running means with rates β₁ and β₂, and w ← w - rate · m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ). `amsgrad` divides by the root of the largest v so far instead (Reddi et al., "On the
    convergence of Adam and beyond", ICLR 2018, with torch's correction of the start).

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Adam(0.1).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['w']:.4f}")
    0.9000
    """

    counter = "adam/step"

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "",
        *,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        self._set(beta1, beta2, epsilon)
        self.amsgrad = amsgrad

    def scalars(self, rate: Value, shared: Any) -> tuple[Value, Value]:
        """rate / (1 - β₁ᵗ) and √(1 - β₂ᵗ)."""
        time = shared.astype("float64")  # in float32, 1 - 0.999 has only three digits
        size = rate / (1 - _power(self.beta1, time)).astype(rate.dtype)
        return size, sqrt(1 - _power(self.beta2, time)).astype(rate.dtype)

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        size, root = scalars
        mean, square, updates = self.means(parameter, gradient)
        if self.amsgrad:
            largest = self.slot(parameter, "largest")
            square = maximum(largest, square)
            updates.append((largest, square))
        return mean * size / (sqrt(square) / root + self.epsilon), updates


class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient: w ← w - rate · (m̂ / (√v̂ + ε) + decay · w).

    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2, with torch's decay
    times the rate.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=AdamW(0.1, weight_decay=0.5).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['w']:.4f}")
    0.8500
    """

    decoupled_decay = True

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "",
        *,
        amsgrad: bool = False,
        weight_decay: float = 0.01,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(
            learning_rate, beta1, beta2, epsilon, name, amsgrad=amsgrad, weight_decay=weight_decay, clip=clip
        )


class Nadam(_Moments):
    """Adam with Nesterov's momentum, which rises over the steps.

    Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, algorithm 2, with his schedule
    μₜ = β₁ (1 - 0.96^(ψt) / 2), Mₜ = μ₁ ⋯ μₜ, in the form of torch.optim.NAdam:
    w ← w - rate · (μₜ₊₁ m / (1 - Mₜ₊₁) + (1 - μₜ) g / (1 - Mₜ)) / (√v̂ + ε). ψ is `momentum_decay`.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Nadam(0.1).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['nadam/product']:.4f}")  # 0.9 · (1 - 0.96 ** 0.004 / 2)
    0.4501
    """

    counter = "nadam/step"

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 4e-3,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        self._set(beta1, beta2, epsilon)
        demand(momentum_decay >= 0, f"momentum_decay={momentum_decay}", "a number of at least 0")
        self.momentum_decay = momentum_decay

    def shared(self) -> tuple[Any, list[Update]]:
        count, updates = super().shared()
        time = count.astype("float64")
        product = self.variable("nadam/product", "float64", 1.0)
        new = product * self._momentum(time)
        return (time, new), [*updates, (product, new)]

    def scalars(self, rate: Value, shared: Any) -> tuple[Value, Value, Value]:
        """The factors of the gradient and of its mean, and √(1 - β₂ᵗ)."""
        time, product = shared
        now, later = self._momentum(time), self._momentum(time + 1)
        of_gradient = (1 - now) / (1 - product)
        of_mean = later / (1 - product * later)
        root = sqrt(1 - _power(self.beta2, time))
        return (
            rate * of_gradient.astype(rate.dtype),
            rate * of_mean.astype(rate.dtype),
            root.astype(rate.dtype),
        )

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        of_gradient, of_mean, root = scalars
        mean, square, updates = self.means(parameter, gradient)
        by = mean * of_mean + gradient * of_gradient
        return by / (sqrt(square) / root + self.epsilon), updates

    def _momentum(self, time: Value) -> Value:
        return self.beta1 * (1 - 0.5 * _power(0.96, time * self.momentum_decay))


def _power(base: float, exponent: Value) -> Value:
    """base ** exponent for a scalar exponent, above 0 where the base is 0."""
    return exp(exponent * math.log(base)) if base else exponent * 0.0
