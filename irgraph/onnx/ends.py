"""What goes into a model and what comes out: feeds and results, and state on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import ExportError, explain
from ..graph import Graph
from ..value import Value
from .writer import Array

PAIRING = "irgraph.state"  # the model's property that pairs each state input with its output, as JSON
NEXT = ".next"  # a variable's new value is the output of its name with this after it


@dataclass(frozen=True)
class Ends:
    """The inputs and outputs of a graph as a model has them.

    `states` maps each state variable to what it holds; those in `settable` are inputs with that as their
    default, in that order, the others are constants.
    """

    graph: Graph
    inputs: Mapping[str, Value]
    states: Mapping[Value, Array]
    settable: Sequence[Value]

    @property
    def pairs(self) -> dict[str, str]:
        """The output that holds the new value of each updated variable."""
        return {str(variable.label): f"{variable.label}{NEXT}" for variable, _ in self.graph.updates}

    @property
    def results(self) -> dict[str, Value]:
        """All outputs by name: the graph's own, then the new values of its state."""
        own = dict(zip(self.graph.output_names, self.graph.outputs, strict=True))
        return own | {f"{variable.label}{NEXT}": new for variable, new in self.graph.updates}


def require_distinct(graph: Graph, inputs: Mapping[str, Value]) -> None:
    """Raise ExportError where an output or a new value has the name of something else.

    In ONNX inputs, initializers and outputs share one set of names.
    """
    taken = {**graph.states}
    ends = [*inputs.items(), *zip(graph.output_names, graph.outputs, strict=True)]
    for name, value in ends:
        source = taken.setdefault(name, value)
        if source is not value:
            kind = "an input" if inputs.get(name) is value else "an output"
            raise ExportError(
                explain(
                    f"the name {name!r} for {kind} and for {source!r}",
                    "different names, as ONNX keeps them in one table",
                    value.node.origin,
                    f"Rename one, e.g. to 'new_{name}'.",
                )
            )
    for variable, _ in graph.updates:
        name = f"{variable.label}{NEXT}"
        if name in taken:
            raise ExportError(
                explain(
                    f"the name {name!r} of {taken[name]!r}",
                    f"another one, as the new value of the state variable {variable.label!r} is called so",
                    taken[name].node.origin,
                    "Rename either.",
                )
            )
