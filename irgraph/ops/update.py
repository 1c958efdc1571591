"""Updates that travel with a value."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..errors import GraphError, explain
from ..layout import Layout
from ..local_jacobian import ZERO, Grid, labels, term
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType
from ..value import Value
from .operands import as_value
from .requirements import FREE


@final
@dataclass(frozen=True)
class WithUpdate(Op):
    """Its first input; the others are pairs of a state variable and its new value.

    With a `momentum` above 0 the new value is momentum · old + (1 - momentum) · the one given. Several of
    these on one graph follow one another.
    """

    name: ClassVar[str] = "with_update"
    view_only: ClassVar[bool] = True
    momentum: float = 0.0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(inputs[0])
        return [[term(i, i), *[ZERO] * (len(inputs) - 1)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """The updates were collected before; what is left is the value."""
        return (inputs[0],)

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input


def following(op: WithUpdate, old: Value, given: Value) -> Value:
    """The new value of a state variable that has the value `old` before."""
    return old * op.momentum + given * (1 - op.momentum) if op.momentum else given


class _Forbidden(threading.local):
    do: str | None = None


_forbidden = _Forbidden()


@contextmanager
def forbidding_updates(do: str) -> Iterator[None]:
    """Within the block `with_update` raises GraphError, with these words on what to do instead."""
    outer, _forbidden.do = _forbidden.do, do
    try:
        yield
    finally:
        _forbidden.do = outer


def with_running_means(value: Any, means: Mapping[Value, Any], momentum: float) -> Value:
    """`value`, with state variables that follow means of batches: momentum · old + (1 - momentum) · mean.

    What reaches the values of several such calls commits one after the other, in the order of the graph.
    """
    return _with_updates(WithUpdate(momentum), value, means)


def with_update(value: Any, updates: Mapping[Value, Any]) -> Value:
    """`value`, with new contents for state variables that any compiled graph reaching it will commit.

    Raises GraphError for a key that is no state variable, or a new value of another type.

    >>> from irgraph import compile, state
    >>> calls = state("calls", dtype="int64")
    >>> f = compile(with_update(calls + 0, {calls: calls + 1}))
    >>> int(f()), int(f()), int(f.state["calls"])
    (0, 1, 2)
    """
    return _with_updates(WithUpdate(), value, updates)


def _with_updates(op: WithUpdate, value: Any, updates: Mapping[Value, Any]) -> Value:
    if _forbidden.do is not None:
        names = ", ".join(variable.label for variable in updates)
        found = f"an update of {names} within the body of a loop"
        raise GraphError(explain(found, "a body without updates of state", here(), _forbidden.do))
    pairs: list[Value] = []
    for variable, new in updates.items():
        new_value = as_value(new, variable.dtype)
        if variable.node.op.source != "state" or new_value.type != variable.type:
            raise GraphError(
                explain(
                    f"an update of {variable!r} with {new_value!r}",
                    "a state variable, and a value of its type",
                    here(),
                    "Make variables with irgraph.state or irgraph.parameter.",
                )
            )
        pairs += [variable, new_value]
    return op(as_value(value), *pairs)
