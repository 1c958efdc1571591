"""What every optimizer is, and what those that state a rule share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from ..arguments import checked
from ..autodiff.reverse import value_and_grad
from ..autodiff.structure import flatten, owned
from ..errors import DTypeError, GraphError, explain
from ..graph import Update, topological_order
from ..ops.sources import Parameter, state
from ..origin import carrying, here
from ..types import DType
from ..value import Value
from .clipping import Clip
from .schedules import Schedule

LEARNING_RATE = "learning_rate"

Step = Callable[[Sequence[Value], Sequence[Value]], list[Update]]
"""From parameters and their gradients to the updates of both the parameters and their slots."""


class Optimizer(ABC):
    """Turns the gradient of a loss into updates.

    Two optimizers on one state need names: `name` goes before the names of all their variables, as in
    `step.state["critic/learning_rate"]`.
    """

    immediate: bool = True
    """Whether each step applies the gradients that it gets."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    @property
    @abstractmethod
    def rates(self) -> tuple[str, ...]:
        """The state variables to set for other learning rates: rates, or factors of schedules."""

    @abstractmethod
    def begin(self, dtype: DType) -> tuple[list[Update], Step]:
        """One step: the updates of what all parameters share (rates, counters), and the function that
        makes those of parameters. `dtype` is the loss's own, or float32 where that is of low precision.

        Law: the function may be called for some parameters after others; together, the updates are
        those of one call for all, but for clipping, which sees the gradients of one call.
        """

    @checked
    def minimize(self, loss: Value, parameters: Any = None) -> list[Update]:
        """The updates that lower a scalar loss, by default for all trainable parameters that it needs.

        `parameters` is a value, a layer, or a list of them: only these are trained.

        Raises ShapeError if the loss is not scalar, GraphError if it has no trainable parameters or one is
        given twice, NotDifferentiableError if some parameter gets no gradient.
        """
        chosen = self.chosen(loss, parameters)
        _, gradients = value_and_grad(loss, chosen)
        with carrying(here().derived("update")):
            shared, step = self.begin(loss.dtype.wide)
            return shared + step(chosen, gradients)

    def chosen(self, loss: Value, parameters: Any) -> list[Value]:
        """The parameters to train: those given, or all that the loss needs. Raises what `minimize` does."""
        chosen = trainable(loss) if parameters is None else flatten(owned(parameters), "parameters")
        if not chosen or len(set(chosen)) != len(chosen):
            raise GraphError(
                explain(
                    f"{len(chosen)} parameters, {len(set(chosen))} of them distinct, to minimize {loss!r}",
                    "at least one, each once",
                    here(),
                    "Make them with irgraph.parameter.",
                )
            )
        for parameter in chosen:
            if parameter.dtype.is_complex:
                do = "Build it as irgraph.complex(re, im) of two real parameters."
                raise DTypeError(explain(f"{parameter!r} to minimize by", "real parameters", here(), do))
        return chosen

    def variable(self, name: str, dtype: object, start: float = 0.0) -> Value:
        """A scalar state variable of this optimizer."""
        return state(self._scoped(name), dtype=dtype, init=start)

    def slot(self, parameter: Value, name: str, start: float = 0.0) -> Value:
        """A state variable of a parameter's shape, named after both; float32 for a parameter of low
        precision, in which squares of gradients would vanish."""
        shape = cast("tuple[int, ...]", parameter.shape)
        return state(self._scoped(f"{parameter.node.op.label}/{name}"), shape, parameter.dtype.wide, start)

    def _scoped(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name

    def __repr__(self) -> str:
        options = ", ".join(
            f"{key}={option!r}" for key, option in vars(self).items() if key != "name" or option
        )
        return f"{type(self).__name__.lstrip('_')}({options})"


class Rule(Optimizer):
    """An optimizer that moves each parameter by a rule of its own gradient.

    A subclass states `rule`. What comes before it is the same for all, in this order: the gradients are
    clipped (`clip`), and `weight_decay` times the parameter is added (an L2 penalty of half of it; AdamW
    decays beside the gradient).

    A number as `learning_rate` is the start of the state variable `learning_rate`: set it between steps with
    `step.state["learning_rate"] = 0.01`. With a `Schedule` that variable tells the rate of the last step,
    `learning_rate/step` counts the steps, and what you may set is `learning_rate/scale`, a factor.

    >>> import irgraph as ig
    >>> class SignDescent(ig.optim.Rule):
    ...     def rule(self, parameter, gradient, scalars):
    ...         return scalars * ig.sign(gradient), []
    >>> w = ig.parameter("w", init=1.0)
    >>> step = ig.compile(w * w, updates=SignDescent(0.25).minimize(w * w))
    >>> float(step()), float(step.state["w"])
    (1.0, 0.75)
    """

    decoupled_decay: ClassVar[bool] = False

    def __init__(
        self,
        learning_rate: float | Schedule,
        name: str = "",
        *,
        weight_decay: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        super().__init__(name)
        if not isinstance(learning_rate, Schedule):
            found, needed = f"a learning rate of {learning_rate}", "a finite number of at least 0"
            demand(0 <= learning_rate < math.inf, found, f"{needed}, or a schedule")
        demand(0 <= weight_decay < math.inf, f"weight_decay={weight_decay}", "a finite number of at least 0")
        if not isinstance(clip, Clip | None):
            raise DTypeError(
                explain(f"clip={clip!r}", "optim.clip_by_value, clip_by_norm or clip_by_global_norm", here())
            )
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip = clip

    @property
    def rates(self) -> tuple[str, ...]:
        scheduled = isinstance(self.learning_rate, Schedule)
        return (self._scoped(f"{LEARNING_RATE}/scale" if scheduled else LEARNING_RATE),)

    @abstractmethod
    def rule(self, parameter: Value, gradient: Value, scalars: Any) -> tuple[Value, list[Update]]:
        """What to subtract from a parameter, and the updates of its slots.

        The gradient has the dtype of the slots; `scalars` is what `scalars()` returned for it.
        """

    def shared(self) -> tuple[Any, list[Update]]:
        """What one step has once (a counter), for `scalars`, and its updates."""
        return None, []

    def scalars(self, rate: Value, shared: Any) -> Any:
        """What the rule needs beside the gradient, once for each dtype: by default the rate in it."""
        return rate

    def begin(self, dtype: DType) -> tuple[list[Update], Step]:
        rate, updates = self._rate(dtype)
        shared, more = self.shared()
        known: dict[DType, tuple[Value, Any]] = {}

        def step(parameters: Sequence[Value], gradients: Sequence[Value]) -> list[Update]:
            found: list[Update] = []
            pairs = zip(parameters, gradients, strict=True)
            wide = [gradient.astype(parameter.dtype.wide) for parameter, gradient in pairs]
            for parameter, gradient in zip(parameters, self.clip(wide) if self.clip else wide, strict=True):
                if gradient.dtype not in known:
                    own = rate.astype(gradient.dtype)
                    known[gradient.dtype] = own, self.scalars(own, shared)
                found += self._moved(parameter, gradient, *known[gradient.dtype])
            return found

        return updates + more, step

    def _moved(self, parameter: Value, gradient: Value, rate: Value, scalars: Any) -> list[Update]:
        """The updates of one parameter and its slots."""
        if self.weight_decay:
            now = parameter.astype(gradient.dtype)
        if self.weight_decay and not self.decoupled_decay:
            gradient = gradient + now * self.weight_decay
        by, updates = self.rule(parameter, gradient, scalars)
        if self.weight_decay and self.decoupled_decay:
            by = by + now * (rate * self.weight_decay)
        return [*updates, (parameter, (parameter.astype(by.dtype) - by).astype(parameter.dtype))]

    def _rate(self, dtype: DType) -> tuple[Value, list[Update]]:
        """The learning rate of this step, and the updates of the variables that it comes from."""
        if not isinstance(self.learning_rate, Schedule):
            return self.variable(LEARNING_RATE, dtype, self.learning_rate), []
        step = self.variable(f"{LEARNING_RATE}/step", "int64")
        last = self.variable(LEARNING_RATE, dtype, float(self.learning_rate.at(0)))
        scale = self.variable(f"{LEARNING_RATE}/scale", dtype, 1.0)
        rate = self.learning_rate(step).astype(dtype) * scale
        return rate, [(step, step + 1), (last, rate)]


def demand(holds: bool, found: str, needed: str) -> None:
    """Raise GraphError with the user's line unless an option is as it must be."""
    if not holds:
        raise GraphError(explain(found, needed, here()))


def trainable(loss: Value) -> list[Value]:
    """The trainable parameters that a value needs, in order of first use."""
    return [
        node.outputs[0]
        for node in topological_order([loss])
        if isinstance(node.op, Parameter) and node.op.trainable
    ]
