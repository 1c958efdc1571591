"""The text form of graphs: it reads back as the same graph, and says where it can't."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irgraph.dims import Dim, same_size
from irgraph.errors import GraphError, ShapeError
from irgraph.graph import Graph
from irgraph.local_jacobian import Grid, NotDifferentiable
from irgraph.op import Op
from irgraph.origin import UNKNOWN, Origin
from irgraph.printing import excerpt, parse, to_text
from irgraph.types import TensorType, float32
from irgraph.value import Node, Value

n = Dim.of("n")
HERE = Origin("/home/me/train.py", 3)


class Plain(Op):
    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[NotDifferentiable("a test") for _ in inputs] for _ in outputs]


@dataclass(frozen=True)
class Source(Plain):
    name: ClassVar[str] = "test_print_input"
    source: ClassVar[Literal["input", "state"] | None] = "input"
    key: str
    type: TensorType

    @property
    def label(self) -> str:
        return self.key

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)


@dataclass(frozen=True)
class State(Source):
    name: ClassVar[str] = "test_print_state"
    source: ClassVar[Literal["input", "state"] | None] = "state"
    start: Any = None


@dataclass(frozen=True)
class Add(Plain):
    name: ClassVar[str] = "test_print_add"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        a, b = inputs
        if len(a.shape) != len(b.shape) or None in map(same_size, a.shape, b.shape):
            raise ShapeError(f"found {a} and {b}; needed equal shapes.")
        return (a,)


@dataclass(frozen=True)
class Halves(Plain):
    name: ClassVar[str] = "test_print_halves"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        first = inputs[0].with_shape((inputs[0].shape[0] // 2,))
        return first, first


def source(name: str, *shape: int | Dim, cls: Callable[..., Source] = Source) -> Value:
    return Node(cls(name, TensorType(float32, shape)), (), origin=HERE).outputs[0]


def add(a: Value, b: Value, name: str | None = None, origin: Origin = HERE) -> Value:
    return Node(Add(), (a, b), name=name, origin=origin).outputs[0]


def small() -> Graph:
    x, w = source("x", n), source("w", n, cls=State)
    y = add(x, w, origin=Origin("/home/me/model.py", 5))
    first, second = Node(Halves(), (y,), name="halves", origin=HERE).outputs
    total = add(first, second, "total", UNKNOWN)
    odd = add(total, first, "an 'odd' name")
    return Graph({"loss": odd, "half of it": second}, [(w, add(y, w, "x"))])


SMALL = """\
graph {
  %x = test_print_input(key='x', type=float32[n])  # /home/me/train.py:3
  %w = test_print_state(key='w', type=float32[n])  # /home/me/train.py:3
  %0 = test_print_add(%x, %w) : float32[n]  # /home/me/model.py:5
  %1, %2 'halves' = test_print_halves(%0) : float32[n//2], float32[n//2]  # /home/me/train.py:3
  %total = test_print_add(%1, %2) : float32[n//2]
  %3 "an 'odd' name" = test_print_add(%total, %1) : float32[n//2]  # /home/me/train.py:3
  %4 'x' = test_print_add(%0, %w) : float32[n]  # /home/me/train.py:3
  return loss=%3, 'half of it'=%2
  update %w = %4
}
"""


def same(graph: Graph, again: Graph) -> None:
    assert again.structure() == graph.structure()
    assert to_text(again) == to_text(graph)
    assert [node.name for node in again.nodes] == [node.name for node in graph.nodes]
    assert [node.origin for node in again.nodes] == [node.origin for node in graph.nodes]
    assert [node.guards for node in again.nodes] == [node.guards for node in graph.nodes]
    assert [value.type for value in again.roots] == [value.type for value in graph.roots]


def test_text() -> None:
    assert to_text(small()) == SMALL
    assert str(small()) == SMALL.replace("/home/me/", "").rstrip()


def test_a_graph_reads_back_and_pickles() -> None:
    same(small(), parse(to_text(small())))
    same(small(), pickle.loads(pickle.dumps(small())))
    same(Graph({}), parse(to_text(Graph({}))))


def test_blank_lines_comments_and_left_out_types_are_fine() -> None:
    text = SMALL.replace(" : float32[n]", "").replace("\n", "\r\n\n  # a comment\n")
    assert parse(text).structure() == small().structure()
    free = parse("graph {\n%a = test_print_input(key='a', type=float32[])  # no origin\nreturn a=%a\n}")
    assert free.nodes[0].origin == UNKNOWN


def test_guards_are_inferred_anew() -> None:
    graph = Graph([add(source("x", n), source("y", 3))])
    assert [str(guard) for guard in graph.nodes[-1].guards] == ["n == 3"]
    same(graph, parse(to_text(graph)))


names = st.one_of(
    st.none(),
    st.sampled_from(["x", "a.b", "0", "12", "a-b", "/conv/0:1", "é", "٣", "%", "a,b", ""]),
    st.text(),
)


@given(st.lists(st.tuples(names, names.filter(bool), st.text()), min_size=1, max_size=6))
def test_names_labels_and_files_survive(rows: list[tuple[str | None, str, str]]) -> None:
    values: list[Value] = []
    for name, label, file in {label: (name, label, file) for name, label, file in rows}.values():
        feed = Node(Source(label, TensorType(float32, ())), (), name=name, origin=Origin(file, 1)).outputs[0]
        values += [feed, add(feed, feed, name, Origin(file, 2))]
    outputs = {f"{position} {value.node.name}": value for position, value in enumerate(values)}
    graph = Graph({**outputs, values[0].node.origin.file: values[0]})
    same(graph, parse(to_text(graph)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("%0 = test", "%x = test", "line 4: found '%x'; needed an id that is not in use"),
        (
            "key='w', type=float32[n]",
            "key='w', type=float32[m]",
            "line 4: test_print_add: found",
        ),
        ("add(%1, %2)", "add(%1)", r"line 6: found test_print_add\(float32\[n//2\]\), which fails"),
        ("loss=%3", "loss=%totl", "line 9: found '%totl'; .*near are total"),
        ("'half of it'", "loss", "line 9: .* needed one output named 'loss'"),
        ("update %w = %4", "update %w = %4\nupdate %w = %0", "found two updates of 'w'"),
        ("update %w", "update %x", "found an update of <x"),
        ("key='w'", "key='x'", "the name 'x' used twice"),
    ],
)
def test_text_of_a_graph_that_is_wrong(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(GraphError, match=message):
        parse(SMALL.replace(old, new))


def test_excerpt_marks_the_node_between_its_operands_and_its_users() -> None:
    graph = small()
    at = graph.nodes[2]
    lines = SMALL.splitlines()
    expected = ["   " + lines[1][2:], "   " + lines[2][2:], "-> " + lines[3][2:]]
    assert excerpt(at).splitlines() == expected
    assert excerpt(at.outputs[0]).splitlines() == expected
    expected += ["   " + lines[4][2:], "   " + lines[7][2:]]
    assert excerpt(at, graph).splitlines() == expected


def test_excerpt_counts_what_it_leaves_out() -> None:
    x = source("x", 3)
    graph = Graph([add(x, x) for _ in range(5)])
    assert excerpt(x, graph, around=2).splitlines()[-1] == "   … and 3 more users"
    assert len(excerpt(x, graph, around=2).splitlines()) == 4


def test_a_long_chain_prints_and_reads_without_recursion() -> None:
    x = y = source("x", 4)
    for _ in range(20_000):
        y = add(y, x)
    graph = Graph({"y": y})
    again = parse(to_text(graph))
    assert len(again.nodes) == 20_001
    assert again.structure() == graph.structure()
