"""Optimizers made of optimizers: gradients summed over several steps, and groups of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, final

from ..arguments import checked
from ..graph import Update
from ..ops.comparison import equal, where
from ..types import DType
from ..value import Value
from .clipping import Clip
from .optimizer import Optimizer, Step, demand


@final
class _Accumulated(Optimizer):
    """Sums gradients and applies their mean at every k-th step."""

    immediate = False

    def __init__(self, optimizer: Optimizer, steps: int) -> None:
        super().__init__(optimizer.name)
        self.optimizer = optimizer
        self.steps = steps

    @property
    def rates(self) -> tuple[str, ...]:
        return self.optimizer.rates

    def chosen(self, loss: Value, parameters: Any) -> list[Value]:
        return self.optimizer.chosen(loss, parameters)

    def begin(self, dtype: DType) -> tuple[list[Update], Step]:
        count = self.variable("accumulated", "int64")
        due = equal(count, self.steps - 1)
        shared, apply = self.optimizer.begin(dtype)

        def when_due(updates: Iterable[Update]) -> list[Update]:
            return [(variable, where(due, new, variable)) for variable, new in updates]

        def step(parameters: Sequence[Value], gradients: Sequence[Value]) -> list[Update]:
            sums: list[Update] = []
            means: list[Value] = []
            for parameter, gradient in zip(parameters, gradients, strict=True):
                slot = self.slot(parameter, "sum")
                total = slot + gradient.astype(slot.dtype)
                sums.append((slot, where(due, 0.0, total)))
                means.append(total / float(self.steps))
            return when_due(apply(parameters, means)) + sums

        return [(count, where(due, 0, count + 1)), *when_due(shared)], step


@checked
def accumulate(optimizer: Optimizer, steps: int) -> Optimizer:
    """An optimizer that sums gradients in slots and gives their mean to another at every `steps`-th step: for
    a loss that is a mean, what one step on all those batches together does, where they are equally large.

    Schedules and the counters of the other count what is applied. The state variable `accumulated` tells how
    many gradients lie in the slots. All is part of the graph, each step computes what the last one needs.
    Raises GraphError unless `steps` is at least 1.

    >>> import irgraph as ig
    >>> w, x = ig.parameter("w"), ig.input("x")
    >>> step = ig.compile(w * x, updates=accumulate(ig.optim.SGD(0.5), 2).minimize(w * x))
    >>> for gradient in (1.0, 2.0, 5.0):
    ...     _ = step(x=gradient)
    ...     print(step.state["w"], step.state["w/sum"])
    0.0 1.0
    -0.75 0.0
    -0.75 5.0
    """
    demand(
        isinstance(optimizer, Optimizer), f"accumulate of {optimizer!r}", "an optimizer, as optim.SGD(0.1)"
    )
    demand(steps == int(steps) and steps >= 1, f"gradients of {steps} steps", "a whole number of at least 1")
    return _Accumulated(optimizer, int(steps))


@final
class _Groups(Optimizer):
    """Each parameter has the optimizer of the first pattern that fits its name."""

    def __init__(self, members: Mapping[str, Optimizer], clip: Clip | None) -> None:
        super().__init__()
        self.members = dict(members)
        self.clip = clip
        self.immediate = all(member.immediate for member in self.members.values())

    @property
    def rates(self) -> tuple[str, ...]:
        return tuple(rate for member in self.members.values() for rate in member.rates)

    def chosen(self, loss: Value, parameters: Any) -> list[Value]:
        chosen = super().chosen(loss, parameters)
        used = {self._pattern(parameter) for parameter in chosen}
        idle = [pattern for pattern in self.members if pattern not in used]
        names = ", ".join(parameter.label for parameter in chosen)
        demand(not idle, f"the group {idle[:1]}, of no parameter", f"a pattern that fits one of: {names}")
        return chosen

    def begin(self, dtype: DType) -> tuple[list[Update], Step]:
        begun = {pattern: member.begin(dtype) for pattern, member in self.members.items()}

        def step(parameters: Sequence[Value], gradients: Sequence[Value]) -> list[Update]:
            gradients = self.clip(gradients) if self.clip else gradients
            split: dict[str, list[tuple[Value, Value]]] = {}
            for pair in zip(parameters, gradients, strict=True):
                split.setdefault(self._pattern(pair[0]), []).append(pair)
            found: list[Update] = []
            for pattern, pairs in split.items():
                found += begun[pattern][1](*zip(*pairs, strict=True))
            return found

        return [update for shared, _ in begun.values() for update in shared], step

    def _pattern(self, parameter: Value) -> str:
        name = parameter.label
        found = next((pattern for pattern in self.members if fnmatchcase(name, pattern)), None)
        needed = f"a group for it; there are {', '.join(map(repr, self.members))}. '*' takes the rest"
        demand(found is not None, f"the parameter {name!r}", needed)
        return str(found)


@checked
def groups(members: Mapping[str, Optimizer], *, clip: Clip | None = None) -> Optimizer:
    """Optimizers by a pattern (`*`, `?`, `[…]`) of the names of the parameters that they train; the first
    pattern that fits counts. `clip` sees the gradients of all groups, before those of the members.

    Raises GraphError if two members have the same `name`, which goes before their variables, and from
    `minimize` if a parameter is in no group or a group has no parameter.

    >>> import irgraph as ig
    >>> w, b = ig.parameter("0.w", init=1.0), ig.parameter("0.b")
    >>> both = groups({"*.b": ig.optim.SGD(1.0, name="biases"), "*": ig.optim.SGD(0.25)})
    >>> step = ig.compile(w + b, updates=both.minimize(w + b))
    >>> _ = step()
    >>> print({name: float(step.state[name]) for name in sorted(step.state)})
    {'0.b': -1.0, '0.w': 0.75, 'biases/learning_rate': 1.0, 'learning_rate': 0.25}
    """
    demand(len(members) > 0, "groups of no optimizers", "at least one")
    wrong = [member for member in members.values() if not isinstance(member, Optimizer)]
    demand(not wrong, f"the group {wrong[:1]}", "an optimizer, as optim.SGD(0.1)")
    names = [name for member in members.values() for name in _names(member)]
    demand(
        len(set(names)) == len(names),
        f"groups whose optimizers are named {', '.join(map(repr, names))}",
        "a name of its own for each, as in SGD(0.1, name='biases')",
    )
    return _Groups(members, clip)


def _names(optimizer: Any) -> list[str]:
    """The names that an optimizer puts before its variables."""
    if isinstance(optimizer, _Groups):
        return [name for member in optimizer.members.values() for name in _names(member)]
    return [optimizer.name]
