"""What optimizers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..autodiff.reverse import value_and_grad
from ..errors import GraphError, explain
from ..graph import Update, topological_order
from ..init import Constant
from ..ops.sources import Parameter, state
from ..origin import carrying, here
from ..value import Value

LEARNING_RATE = "learning_rate"


class Optimizer(ABC):
    """Turns gradients into updates. Its learning rate is the state variable `learning_rate`: set it
    between steps with `step.state["learning_rate"] = 0.01`."""

    def __init__(self, learning_rate: float) -> None:
        if not learning_rate >= 0:
            raise GraphError(explain(f"a learning rate of {learning_rate}", "a number of at least 0", here()))
        self.learning_rate = learning_rate

    @abstractmethod
    def updates(self, parameters: Sequence[Value], gradients: Sequence[Value], rate: Value) -> list[Update]:
        """The pairs (state variable, new value) of one step, the optimizer's own variables included."""

    def minimize(self, loss: Value, parameters: Sequence[Value] | None = None) -> list[Update]:
        """The updates that lower a scalar loss, by default for all trainable parameters that it needs.

        Raises ShapeError if the loss is not scalar, GraphError if it has no trainable parameters or one is
        given twice, NotDifferentiableError if some parameter gets no gradient.
        """
        chosen = trainable(loss) if parameters is None else list(parameters)
        if not chosen or len(set(chosen)) != len(chosen):
            raise GraphError(
                explain(
                    f"{len(chosen)} parameters, {len(set(chosen))} of them distinct, to minimize {loss!r}",
                    "at least one, each once",
                    here(),
                    "Make them with irgraph.parameter.",
                )
            )
        _, gradients = value_and_grad(loss, chosen)
        rate = state(LEARNING_RATE, dtype=loss.dtype, init=Constant(self.learning_rate))
        with carrying(here()):
            return self.updates(chosen, gradients, rate)


def trainable(loss: Value) -> list[Value]:
    """The trainable parameters that a value needs, in order of first use."""
    return [
        node.outputs[0]
        for node in topological_order([loss])
        if isinstance(node.op, Parameter) and node.op.trainable
    ]


def slot(parameter: Value, name: str) -> Value:
    """A state variable of a parameter's type that starts at zero, named after both."""
    return state(f"{parameter.node.op.label}/{name}", parameter.shape, parameter.dtype)  # type: ignore[arg-type]
