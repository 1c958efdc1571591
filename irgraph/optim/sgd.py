"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import checked
from ..errors import GraphError, explain
from ..graph import Update
from ..origin import here
from ..value import Value
from .optimizer import Optimizer, moved


class SGD(Optimizer):
    """w ← w - rate · v, where v is the gradient g, or with momentum v ← momentum · v + g.

    `nesterov` uses g + momentum · v instead of v (Sutskever et al., ICML 2013, as reformulated by
    torch.optim.SGD, whose numbers this gives).

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=3.0)
    >>> step = ig.compile(w * w, updates=SGD(0.25).minimize(w * w))
    >>> float(step()), float(step()), float(step.state["w"])
    (9.0, 2.25, 0.75)
    """

    @checked
    def __init__(
        self, learning_rate: float, momentum: float = 0.0, nesterov: bool = False, name: str = ""
    ) -> None:
        super().__init__(learning_rate, name)
        if not 0 <= momentum < 1 or (nesterov and momentum == 0):
            raise GraphError(
                explain(
                    f"momentum {momentum}, nesterov {nesterov}",
                    "0 <= momentum < 1, and above 0 for nesterov",
                    here(),
                )
            )
        self.momentum = momentum
        self.nesterov = nesterov

    def updates(self, parameters: Sequence[Value], gradients: Sequence[Value], rate: Value) -> list[Update]:
        found: list[Update] = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = gradient = gradient.astype(parameter.dtype.wide)
            if self.momentum:
                velocity = self.slot(parameter, "velocity")
                faster = velocity * self.momentum + gradient
                found.append((velocity, faster))
                direction = gradient + faster * self.momentum if self.nesterov else faster
            found.append(moved(parameter, direction * rate.astype(direction.dtype)))
        return found
