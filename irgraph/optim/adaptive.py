"""Optimizers that divide by the size of past gradients: Adagrad, Adadelta, RMSProp."""

from __future__ import annotations

from typing import Any

from ..arguments import checked
from ..graph import Update
from ..ops.comparison import maximum
from ..ops.elementary import sqrt
from ..value import Value
from .clipping import Clip
from .optimizer import Rule, demand
from .schedules import Schedule


class Adagrad(Rule):
    """s ← s + g², then w ← w - rate · g / (√s + ε): steps shrink where gradients were large.

    Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12, 2011, with a diagonal matrix. `start` is
    what s starts from.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Adagrad(0.5).minimize(w * w))
    >>> _ = step()
    >>> float(step.state["w"]), float(step.state["w/squares"])
    (0.5, 4.0)
    """

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        epsilon: float = 1e-10,
        start: float = 0.0,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        demand(epsilon > 0 and start >= 0, f"epsilon={epsilon}, start={start}", "epsilon > 0 and start >= 0")
        self.epsilon, self.start = epsilon, start

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        squares = self.slot(parameter, "squares", self.start)
        new = squares + gradient * gradient
        return gradient * scalars / (sqrt(new) + self.epsilon), [(squares, new)]


class Adadelta(Rule):
    """s ← ρs + (1 - ρ)g², δ = g · √(d + ε) / √(s + ε), d ← ρd + (1 - ρ)δ², then w ← w - rate · δ.

    Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, algorithm 1, whose rate is 1: steps
    have the unit of the parameter, and start small (√ε).

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Adadelta(epsilon=0.01).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['w']:.4f}")  # 1 - 2 · 0.1 / √(0.1 · 2² + 0.01)
    0.6877
    """

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        demand(0 <= rho < 1 and epsilon > 0, f"rho={rho}, epsilon={epsilon}", "rho in [0, 1) and epsilon > 0")
        self.rho, self.epsilon = rho, epsilon

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        square, moves = self.slot(parameter, "square"), self.slot(parameter, "moves")
        new_square = square * self.rho + gradient * gradient * (1 - self.rho)
        by = gradient * (sqrt(moves + self.epsilon) / sqrt(new_square + self.epsilon))
        new_moves = moves * self.rho + by * by * (1 - self.rho)
        return by * scalars, [(square, new_square), (moves, new_moves)]


class RMSProp(Rule):
    """s ← ρs + (1 - ρ)g², then w ← w - rate · g / (√s + ε).

    Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012. `centered` divides by the
    deviation √(s - m²) from the running mean m of the gradient instead (Graves, arXiv:1308.0850, equations
    38 to 41); `momentum` gathers what is divided, v ← momentum · v + g / (…), and moves by rate · v. As
    torch.optim.RMSprop, where ρ is called alpha.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=RMSProp(0.1, rho=0.75).minimize(w * w))
    >>> _ = step()
    >>> print(f"{step.state['w']:.4f}")
    0.8000
    """

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        rho: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        demand(
            0 <= rho < 1 and 0 <= momentum < 1 and epsilon > 0,
            f"rho={rho}, momentum={momentum}, epsilon={epsilon}",
            "rho and momentum in [0, 1), and epsilon > 0",
        )
        self.rho, self.epsilon, self.momentum, self.centered = rho, epsilon, momentum, centered

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        square = self.slot(parameter, "square")
        spread = square * self.rho + gradient * gradient * (1 - self.rho)
        updates = [(square, spread)]
        if self.centered:
            mean = self.slot(parameter, "mean")
            new_mean = mean * self.rho + gradient * (1 - self.rho)
            updates.append((mean, new_mean))
            spread = maximum(spread - new_mean * new_mean, 0.0)  # rounding may take it below
        by = gradient / (sqrt(spread) + self.epsilon)
        if self.momentum:
            velocity = self.slot(parameter, "velocity")
            by = velocity * self.momentum + by
            updates.append((velocity, by))
        return by * scalars, updates
