"""Stochastic gradient descent, plain and with momentum."""

from __future__ import annotations

from typing import Any, Literal

from ..arguments import checked
from ..graph import Update
from ..value import Value
from .clipping import Clip
from .optimizer import Rule, demand
from .schedules import Schedule

Form = Literal["classical", "torch"]


class _Heavy(Rule):
    """Gradient descent with a velocity; the forms differ only where the rate changes between steps."""

    momentum: float
    nesterov: bool
    form: Form

    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        if not self.momentum:
            return gradient * scalars, []
        early = self.form == "classical"
        push = gradient * scalars if early else gradient
        velocity = self.slot(parameter, "velocity")
        faster = velocity * self.momentum + push
        by = push + faster * self.momentum if self.nesterov else faster
        return by if early else by * scalars, [(velocity, faster)]


class SGD(_Heavy):
    """w ← w - rate · v, where v is the gradient g, or with momentum v ← momentum · v + g.

    `nesterov` uses g + momentum · v instead of v (Sutskever et al., ICML 2013, as reformulated by
    torch.optim.SGD, whose numbers this gives). `Momentum` and `Nesterov` have the rate within v.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=3.0)
    >>> step = ig.compile(w * w, updates=SGD(0.25).minimize(w * w))
    >>> float(step()), float(step()), float(step.state["w"])
    (9.0, 2.25, 0.75)
    """

    form = "torch"

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        demand(
            0 <= momentum < 1 and not (nesterov and momentum == 0),
            f"momentum {momentum}, nesterov {nesterov}",
            "0 <= momentum < 1, and above 0 for nesterov",
        )
        self.momentum = momentum
        self.nesterov = nesterov


class Momentum(_Heavy):
    """v ← momentum · v + rate · g, then w ← w - v: gradients accumulate across successive steps.

    Polyak, 1964. `form="torch"` takes the rate out of v, as torch.optim.SGD does: v ← momentum · v + g and
    w ← w - rate · v. The two are equal while the rate is constant; a falling rate slows the classical
    form down gradually, for what v has gathered keeps the rates of its steps.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Momentum(0.25, 0.5).minimize(w * w))
    >>> _ = step(), step()
    >>> float(step.state["w"]), float(step.state["w/velocity"])
    (0.0, 0.5)
    """

    nesterov = False

    @checked
    def __init__(
        self,
        learning_rate: float | Schedule,
        momentum: float = 0.9,
        form: Form = "classical",
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(learning_rate, name, weight_decay=weight_decay, clip=clip)
        demand(0 <= momentum < 1, f"momentum {momentum}", "0 <= momentum < 1")
        demand(form in ("classical", "torch"), f"form={form!r}", '"classical" or "torch"')
        self.momentum = momentum
        self.form = form


class Nesterov(Momentum):
    """v ← momentum · v + rate · g, then w ← w - (momentum · v + rate · g): the gradient is looked at where
    the velocity leads, w being that place.

    Sutskever et al., "On the importance of initialization and momentum", ICML 2013, equations 3 and 4, in the
    variable w + momentum · v. `form="torch"` takes the rate out of v, as SGD with `nesterov=True`.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", (), init=1.0)
    >>> step = ig.compile(w * w, updates=Nesterov(0.25, 0.5).minimize(w * w))
    >>> _ = step()
    >>> float(step.state["w"])
    0.25
    """

    nesterov = True
