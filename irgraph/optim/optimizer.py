"""What optimizers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from ..arguments import checked
from ..autodiff.reverse import value_and_grad
from ..autodiff.structure import flatten
from ..errors import DTypeError, GraphError, explain
from ..graph import Update, topological_order
from ..ops.sources import Parameter, state
from ..origin import carrying, here
from ..value import Value

LEARNING_RATE = "learning_rate"


class Optimizer(ABC):
    """Turns gradients into updates. Its learning rate is the state variable `learning_rate`: set it
    between steps with `step.state["learning_rate"] = 0.01`.

    Two optimizers on one state need names: `name` goes before the names of all their variables, as in
    `step.state["critic/learning_rate"]`.
    """

    def __init__(self, learning_rate: float, name: str = "") -> None:
        self.name = name
        if not learning_rate >= 0:
            raise GraphError(explain(f"a learning rate of {learning_rate}", "a number of at least 0", here()))
        self.learning_rate = learning_rate

    @abstractmethod
    def updates(self, parameters: Sequence[Value], gradients: Sequence[Value], rate: Value) -> list[Update]:
        """The pairs (state variable, new value) of one step, the optimizer's own variables included."""

    @checked
    def minimize(self, loss: Value, parameters: Sequence[Value] | None = None) -> list[Update]:
        """The updates that lower a scalar loss, by default for all trainable parameters that it needs.

        Raises ShapeError if the loss is not scalar, GraphError if it has no trainable parameters or one is
        given twice, NotDifferentiableError if some parameter gets no gradient.
        """
        chosen = trainable(loss) if parameters is None else flatten(parameters, "parameters")
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
        _, gradients = value_and_grad(loss, chosen)
        rate = self.variable(LEARNING_RATE, loss.dtype.wide, self.learning_rate)
        with carrying(here().derived("update")):
            return self.updates(chosen, gradients, rate)

    def variable(self, name: str, dtype: object, start: float = 0.0) -> Value:
        """A scalar state variable of this optimizer."""
        return state(self._scoped(name), dtype=dtype, init=start)

    def slot(self, parameter: Value, name: str) -> Value:
        """A state variable of a parameter's shape that starts at zero, named after both; float32 for a
        parameter of low precision, in which squares of gradients would vanish."""
        shape = cast("tuple[int, ...]", parameter.shape)
        return state(self._scoped(f"{parameter.node.op.label}/{name}"), shape, parameter.dtype.wide)

    def _scoped(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name


def moved(parameter: Value, by: Value) -> Update:
    """The update that subtracts a step, computed in the step's dtype."""
    return parameter, (parameter.astype(by.dtype) - by).astype(parameter.dtype)


def trainable(loss: Value) -> list[Value]:
    """The trainable parameters that a value needs, in order of first use."""
    return [
        node.outputs[0]
        for node in topological_order([loss])
        if isinstance(node.op, Parameter) and node.op.trainable
    ]
