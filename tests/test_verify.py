"""`verify` finds each kind of lie that a graph can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from irgraph.dims import Dim, Guard, same_size
from irgraph.errors import GraphError, ShapeError
from irgraph.graph import Graph
from irgraph.local_jacobian import Grid, NotDifferentiable
from irgraph.op import Op
from irgraph.origin import Origin
from irgraph.types import TensorType, float32
from irgraph.value import Node, Value
from irgraph.verify import verify

n = Dim.of("n")


class Plain(Op):
    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[NotDifferentiable("a test") for _ in inputs] for _ in outputs]


@dataclass(frozen=True)
class State(Plain):
    name: ClassVar[str] = "test_verify_state"
    source: ClassVar[Literal["input", "state"] | None] = "state"
    key: str
    type: TensorType

    @property
    def label(self) -> str:
        return self.key

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)


@dataclass(frozen=True)
class Add(Plain):
    name: ClassVar[str] = "test_verify_add"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        a, b = inputs
        size = same_size(a.shape[0], b.shape[0])
        if size is None:
            raise ShapeError(f"found {a} and {b}; needed equal sizes.")
        return (a.with_shape((size,)),)


@dataclass(frozen=True)
class Halves(Plain):
    name: ClassVar[str] = "test_verify_halves"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        half = inputs[0].with_shape((inputs[0].shape[0] // 2,))
        return half, half


def state(key: str, size: int | Dim) -> Value:
    return State(key, TensorType(float32, (size,)))()


def build() -> Graph:
    """Nodes 0 to 5: x, w, x + w (with a guard), halves, their sum, w + w."""
    x, w = state("x", n), state("w", 4)
    total = Add()(x, w)
    first, second = Node(Halves(), (total,), origin=Origin("model.py", 7)).outputs
    return Graph({"y": Add()(first, second)}, [(w, Add()(w, w))])


def test_a_true_graph_is_returned() -> None:
    graph = build()
    assert verify(graph) is graph
    assert [len(node.guards) for node in graph.nodes] == [0, 0, 1, 0, 0, 0]
    verify(graph.substitute({graph.nodes[0].outputs[0]: state("z", n)}))
    verify(Graph({}))


def break_type(graph: Graph) -> None:
    graph.nodes[3].outputs[1].type = TensorType(float32, (9,))


def break_count(graph: Graph) -> None:
    graph.nodes[3].outputs = graph.nodes[3].outputs[:1]
    graph.nodes[4].inputs = graph.nodes[3].outputs * 2


def break_infer(graph: Graph) -> None:
    graph.nodes[5].inputs = (graph.nodes[1].outputs[0], graph.nodes[3].outputs[0])


def break_guards(graph: Graph) -> None:
    graph.nodes[2].guards = (Guard("==", n, 5),)


def break_index(graph: Graph) -> None:
    graph.nodes[3].outputs[1].index = 2


def break_ownership(graph: Graph) -> None:
    graph.nodes[3].outputs[1].node = graph.nodes[2]


def break_operand(graph: Graph) -> None:
    twin = Value(graph.nodes[2], 0, graph.nodes[2].outputs[0].type)
    graph.nodes[3].inputs = (twin,)


def break_order(graph: Graph) -> None:
    nodes = graph.nodes
    nodes[2], nodes[3] = nodes[3], nodes[2]


def break_twice(graph: Graph) -> None:
    graph.nodes.append(graph.nodes[0])


def break_stranger(graph: Graph) -> None:
    graph.nodes[5].inputs = (state("v", 4), graph.nodes[1].outputs[0])


def break_unneeded(graph: Graph) -> None:
    graph.nodes.append(state("v", 4).node)


def break_cycle(graph: Graph) -> None:
    graph.nodes[2].inputs = (graph.nodes[5].outputs[0], graph.nodes[2].inputs[1])
    graph.nodes[5].inputs = (graph.nodes[2].outputs[0], graph.nodes[5].inputs[1])
    del graph.__dict__["nodes"]


def break_source(graph: Graph) -> None:
    graph.nodes[0].op = State("w", TensorType(float32, (n,)))


def break_root(graph: Graph) -> None:
    graph.outputs = (state("v", 4),)


def break_update_target(graph: Graph) -> None:
    graph.updates = ((graph.nodes[5].outputs[0], graph.nodes[1].outputs[0]),)


def break_update_twice(graph: Graph) -> None:
    graph.updates *= 2


def break_update_type(graph: Graph) -> None:
    graph.updates = ((graph.nodes[1].outputs[0], graph.nodes[4].outputs[0]),)
    del graph.__dict__["nodes"]


LIES: list[tuple[Callable[[Graph], None], str]] = [
    (break_type, r"results \(float32\[2\], float32\[9\]\); needed \(float32\[2\], float32\[2\]\)"),
    (break_count, r"results \(float32\[2\]\); needed \(float32\[2\], float32\[2\]\)"),
    (break_infer, "can't be inferred .*needed equal sizes"),
    (break_guards, r"guards \(n == 5\); needed \(n == 4\)"),
    (break_index, "found the result <.* needed a result of"),
    (break_ownership, "found the result <.* needed a result of"),
    (
        break_operand,
        "operand 0 of test_verify_halves, .* as result 0 of its node; needed one of the 1 results",
    ),
    (break_order, "operand 0 of test_verify_halves, .*, from a node that is not before it"),
    (break_twice, "found a node twice"),
    (break_stranger, "operand 0 of test_verify_add, <v : .*, from a node that is not before it"),
    (break_unneeded, "found nodes that are not those of a walk from the roots"),
    (break_cycle, "operand 0 of test_verify_add, .*, from a node that is not before it"),
    (break_source, "a second source named 'w'"),
    (break_root, "found the root <v"),
    (break_update_target, "found an update of"),
    (break_update_twice, "a second update of <w"),
    (break_update_type, r"the new value .*; needed one of type float32\[4\]"),
]


@pytest.mark.parametrize(("lie", "message"), LIES, ids=[lie.__name__ for lie, _ in LIES])
def test_a_lie_is_found(lie: Callable[[Graph], None], message: str) -> None:
    graph = build()
    assert len(graph.nodes) == 6
    lie(graph)
    with pytest.raises(GraphError, match=message) as caught:
        verify(graph)
    if lie not in (break_twice, break_unneeded):
        assert "-> " in caught.value.__notes__[0]


def test_the_message_names_the_line_and_the_note_shows_the_neighbours() -> None:
    graph = build()
    break_type(graph)
    with pytest.raises(GraphError, match=r"At model\.py:7") as caught:
        verify(graph)
    marked = [line[:3] for line in caught.value.__notes__[0].splitlines()]
    assert marked == ["   ", "-> ", "   "]
