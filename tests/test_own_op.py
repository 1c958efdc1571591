"""Ops from outside irgraph: a class of ten lines has gradients of every order, in every mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExecutorError, GraphError, NotDifferentiableError
from irgraph.local_jacobian import Grid, NotDifferentiable, labels, term
from irgraph.op import OPS, Op
from irgraph.testing import check_derivatives, check_value
from irgraph_array import KERNELS, Call, Context
from irgraph_array.table import kernel

Types = tuple[ig.TensorType, ...]
Values = Sequence[ig.Value]
Maybe = Sequence[ig.Value | None]


@final
@dataclass(frozen=True)
class UnitRows(Op):
    """Rows scaled to length 1: terms, and an expansion, so that every executor runs it."""

    name: ClassVar[str] = "test.unit_rows"

    def infer(self, *inputs: ig.TensorType) -> Types:
        return inputs

    def local_jacobians(self, inputs: Values, outputs: Values) -> Grid:
        (x,), (y,) = inputs, outputs
        j = labels(y)
        k, rows, scale = j.renew(-1), j.drop([x.ndim - 1]), 1 / ig.sqrt((x * x).sum(-1))
        return [[term(j, j, (scale, rows)) - term(j, k, (y, j), (y, k), (scale, rows))]]

    def expand(self, *inputs: ig.Value) -> Values:
        (x,) = inputs
        return [x / ig.sqrt((x * x).sum(-1, keepdims=True))]


@final
@dataclass(frozen=True)
class SinCos(Op):
    """Two outputs, derivatives of the whole node, and a kernel in the shared table."""

    name: ClassVar[str] = "test.sin_cos"

    def infer(self, *inputs: ig.TensorType) -> Types:
        return inputs[0], inputs[0]

    def vjp(self, inputs: Values, outputs: Values, cotangents: Maybe) -> Maybe:
        (sin, cos), (by_sin, by_cos) = outputs, cotangents
        parts = [c * slope for c, slope in ((by_sin, cos), (by_cos, -sin)) if c is not None]
        return [parts[0] if len(parts) == 1 else parts[0] + parts[1]]

    def jvp(self, inputs: Values, outputs: Values, tangents: Maybe) -> Maybe:
        (sin, cos), (t,) = outputs, tangents
        return [None, None] if t is None else [t * cos, -t * sin]


@pytest.fixture
def sin_cos_kernel() -> Iterator[None]:
    @kernel(SinCos)
    def bind(context: Context, op: SinCos, inputs: Sequence[Any], outputs: Sequence[Any]) -> Iterable[Call]:
        yield lambda: context.xp.sin(inputs[0], outputs[0])
        yield lambda: context.xp.cos(inputs[0], outputs[1])

    yield
    del KERNELS[SinCos]


def sin_cos(x: ig.Value) -> tuple[ig.Value, ...]:
    return ig.Node(SinCos(), [x]).outputs


X = np.random.default_rng(0).standard_normal((4, 3))


def test_terms_and_an_expansion() -> None:
    check_value(UnitRows(), [X], lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True))
    check_derivatives(UnitRows(), [X])
    check_derivatives(lambda x, w: UnitRows()(ig.tanh(x @ w)) @ w, [X, X[:3]])


@pytest.mark.usefixtures("sin_cos_kernel")
def test_a_node_with_two_outputs_and_a_kernel() -> None:
    check_value(lambda x: list(sin_cos(x)), [X], lambda x: [np.sin(x), np.cos(x)])
    check_derivatives(lambda x: list(sin_cos(x)), [X])
    check_derivatives(lambda x: sin_cos(x)[1], [X])
    check_derivatives(lambda x: sin_cos(x)[0] * sin_cos(x)[1] * x, [X])


@pytest.mark.usefixtures("sin_cos_kernel")
def test_named_dims() -> None:
    x = ig.input("x", ("batch", 3), "float64")
    loss = (sin_cos(UnitRows()(x))[0] * x).sum()
    slope = ig.compile(ig.grad(loss, x), verify=True)
    assert slope(x=X).shape == (4, 3)
    assert slope(x=X[:2]) == pytest.approx(slope(x=X)[:2])


def test_without_a_kernel_the_executor_says_so() -> None:
    x = ig.input("x", (3,))
    with pytest.raises(ExecutorError, match=r"no kernels for test.sin_cos in executor 'numpy'") as caught:
        ig.compile(sin_cos(x)[0])
    assert "test_own_op.py" in str(caught.value)


def test_without_a_derivative_it_is_no_op() -> None:
    with pytest.raises(
        GraphError, match=r"op 'test.bare' states no derivative; needed local_jacobians, or both.*expand"
    ):

        @dataclass(frozen=True)
        class Bare(Op):
            name: ClassVar[str] = "test.bare"

            def infer(self, *inputs: ig.TensorType) -> Types:
                return inputs

    assert "test.bare" not in OPS


def test_a_name_is_taken_once() -> None:
    with pytest.raises(GraphError, match=r"found a second op named 'tanh', .*Second; the first is irgraph"):

        @dataclass(frozen=True)
        class Second(Op):
            name: ClassVar[str] = "tanh"

            def infer(self, *inputs: ig.TensorType) -> Types:
                return inputs

            def local_jacobians(self, inputs: Values, outputs: Values) -> Grid:
                return [[term(labels(outputs[0]), labels(inputs[0]))]]


@final
@dataclass(frozen=True)
class Rank(Op):
    """Without a derivative, and it says why."""

    name: ClassVar[str] = "test.rank"

    def infer(self, *inputs: ig.TensorType) -> Types:
        return inputs

    def local_jacobians(self, inputs: Values, outputs: Values) -> Grid:
        return [[NotDifferentiable("ranks are steps")]]


def test_the_reason_for_no_derivative_is_told() -> None:
    x = ig.input("x", (3,))
    ranked = Rank()(x * 2)
    why = r"through test.rank towards (?s:.)*: ranks are steps(?s:.)*test_own_op.py:\d+"
    with pytest.raises(NotDifferentiableError, match=why):
        ig.grad(ranked.sum(), x)
    with pytest.raises(NotDifferentiableError, match=why):
        ig.jvp(ranked, x, x)
    assert ig.grad((ranked * 0 + x).sum() - ig.stop_gradient(ranked).sum(), ranked).type == ranked.type


def test_a_wrong_derivative_is_caught() -> None:
    @dataclass(frozen=True)
    class Wrong(Op):
        name: ClassVar[str] = "test.wrong"

        def infer(self, *inputs: ig.TensorType) -> Types:
            return inputs

        def local_jacobians(self, inputs: Values, outputs: Values) -> Grid:
            i = labels(inputs[0])
            return [[1.001 * term(i, i, (ig.cos(inputs[0]), i))]]

        def expand(self, *inputs: ig.Value) -> Values:
            return [ig.sin(inputs[0])]

    with pytest.raises(AssertionError):
        check_derivatives(Wrong(), [X])
    del OPS["test.wrong"]
