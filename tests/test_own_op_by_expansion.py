"""Ops that state no derivative and are differentiated through what they expand to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import GraphError, NotDifferentiableError
from irgraph.op import Op
from irgraph.testing import check_derivatives, check_jvp, check_vjp

Types = tuple[ig.TensorType, ...]
Values = Sequence[ig.Value]
Maybe = Sequence[ig.Value | None]


@dataclass(frozen=True)
class _Alike(Op):
    def infer(self, *inputs: ig.TensorType) -> Types:
        return inputs[:1]


@final
@dataclass(frozen=True)
class Bump(_Alike):
    """exp(sin(x))."""

    name: ClassVar[str] = "test.bump"

    def expand(self, *inputs: ig.Value) -> Values:
        return [ig.exp(ig.sin(inputs[0]))]


@final
@dataclass(frozen=True)
class Outer(Op):
    """Bump(x) y and x: composite ops inside, two outputs, one of which is an input."""

    name: ClassVar[str] = "test.outer"

    def infer(self, *inputs: ig.TensorType) -> Types:
        return inputs

    def expand(self, *inputs: ig.Value) -> Values:
        x, y = inputs
        return [Bump()(x) * y, x]


@final
@dataclass(frozen=True)
class Halfway(_Alike):
    """x³, with a rule for reverse mode only; forward mode takes the expansion."""

    name: ClassVar[str] = "test.halfway"

    def vjp(self, inputs: Values, outputs: Values, cotangents: Maybe) -> Maybe:
        (x,), (c,) = inputs, cotangents
        return [None if c is None else 3.0 * x * x * c]

    def expand(self, *inputs: ig.Value) -> Values:
        (x,) = inputs
        return [x * x * x]


@final
@dataclass(frozen=True)
class Hollow(_Alike):
    """States an expansion and then has none."""

    name: ClassVar[str] = "test.hollow"

    def expand(self, *inputs: ig.Value) -> None:
        return None


@final
@dataclass(frozen=True)
class Changed(_Alike):
    """Expands to something of another type."""

    name: ClassVar[str] = "test.changed"

    def expand(self, *inputs: ig.Value) -> Values:
        return [inputs[0].sum()]


X, Y = np.random.default_rng(0).standard_normal((2, 4, 3))


def outer(x: ig.Value, y: ig.Value) -> list[ig.Value]:
    return list(ig.Node(Outer(), [x, y]).outputs)


def test_derivatives_of_every_order_and_mode() -> None:
    check_derivatives(Bump(), [X])
    check_derivatives(lambda x: Bump()(Bump()(x) * x) + x, [X])
    check_derivatives(lambda x: Bump()(x + 1.0) * Bump()(x), [X])


def test_composites_inside_composites_and_several_outputs() -> None:
    check_derivatives(outer, [X, Y])
    check_derivatives(lambda x, y: outer(x, y)[0], [X, Y])
    check_derivatives(lambda x, y: outer(x, y)[1] * y, [X, Y])
    check_derivatives(lambda x, y: outer(*outer(ig.tanh(x), y))[0], [X, Y])


def test_a_rule_for_one_direction_comes_before_the_expansion() -> None:
    check_jvp(Halfway(), [X])
    check_vjp(Halfway(), [X])
    x = ig.input("x", (4, 3))
    names = {node.op.name for node in ig.Graph([ig.grad(Halfway()(x).sum(), x)]).nodes}
    assert "full" in names  # the 3 of the rule, which the expansion's product has not


def test_towards_a_composite_value_itself() -> None:
    """Of y = bump(x), loss = Σ y²: towards y it is 2y, and with x in `wrt` too both arrive."""
    x = ig.input("x", (3,), "float64")
    y = Bump()(x)
    array = np.array([0.1, 0.2, -1.0])
    value = np.exp(np.sin(array))
    by_y, by_x = ig.evaluate(ig.grad((y * y).sum(), [y, x]), x=array)
    np.testing.assert_allclose(by_y, 2 * value)
    np.testing.assert_allclose(by_x, 2 * value * value * np.cos(array))
    t = ig.input("t", (3,), "float64")
    both = ig.jvp(y * y, [x, y], [t, t])  # y moves by itself and with x
    np.testing.assert_allclose(
        ig.evaluate(both, x=array, t=np.ones(3)), 2 * value * (value * np.cos(array) + 1)
    )


def test_nothing_is_computed_twice() -> None:
    x = ig.input("x", ("n",))
    y = outer(x, Bump()(x * 2.0))[0]
    step = ig.compile([y, ig.grad(y.sum(), x), ig.jvp(y, x, x)], verify=True)
    found = Counter(node.op.name for node in step.program.graph.nodes)
    assert (found["exp"], found["sin"], found["cos"]) == (2, 2, 2)


def test_named_dims_and_origins() -> None:
    x = ig.input("x", ("batch", 3), "float64")
    slope = ig.grad(Bump()(x).sum(), x)
    assert slope.type == x.type
    made = [node.origin for node in ig.Graph([slope]).nodes if node.op.name in ("cos", "exp")]
    assert made
    assert {origin.file for origin in made} == {__file__}
    assert ig.evaluate(slope, x=X) == pytest.approx(np.exp(np.sin(X)) * np.cos(X))


def test_an_input_that_it_does_not_depend_on() -> None:
    x, y = ig.input("x", (3,)), ig.input("y", (3,))
    second = outer(x, y)[1]
    assert ig.evaluate(ig.grad(second.sum(), y, "zero")) == pytest.approx(np.zeros(3))
    with pytest.raises(NotDifferentiableError, match=r"is cut at test.outer .*test_own_op_by_expansion"):
        ig.grad(second.sum(), y)


def test_expansions_that_do_not_hold_what_they_promise() -> None:
    x = ig.input("x", (3,))
    with pytest.raises(GraphError, match=r"None from expand\(\) of test.hollow.*; needed an expansion"):
        ig.grad(Hollow()(x).sum(), x)
    with pytest.raises(GraphError, match=r"found float32\[\] from expand\(\) of test.changed"):
        ig.jvp(Changed()(x), x, x)
