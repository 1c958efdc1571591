"""What was once wrong stays right: small graphs, each against NumPy or an error's text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any, ClassVar, final

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, GraphError, ShapeError

# ------------------------------------------------------------------------------------- indices


@pytest.mark.parametrize(
    ("dtype", "index", "size"), [("int8", -100, 200), ("int8", -1, 300), ("int16", -1, 70_000)]
)
@pytest.mark.parametrize(
    "pick",
    [
        lambda index, size: ig.gather(ig.arange(size), index),
        lambda index, size: ig.scatter_add(ig.constant([1.0]), index, size),
        ig.one_hot,
        lambda index, size: ig.softmax_cross_entropy(ig.zeros((1, size)), index),
    ],
)
def test_a_negative_index_is_found_where_the_axis_is_longer_than_its_dtype_counts(
    pick: Callable[[ig.Value, int], ig.Value], dtype: str, index: int, size: int
) -> None:
    f = ig.compile(pick(ig.input("index", (1,), dtype), size))
    with pytest.raises(FeedError, match=f"the index {index} at"):
        f(index=np.array([index], dtype))
    f(index=np.array([np.iinfo(dtype).max], dtype))


def test_constant_indices_into_a_named_dim() -> None:
    x = ig.input("x", ("n", 2))
    rows = np.arange(6.0, dtype="float32").reshape(3, 2)
    f = ig.compile([x[[2, 0, 2]], ig.grad((x[[2, 0, 2]] * x[[2, 0, 2]]).sum(), x)])
    picked, gradient = f(x=rows)
    assert np.array_equal(picked, rows[[2, 0, 2]])
    assert np.array_equal(gradient, rows * [[2], [0], [4]])
    with pytest.raises(FeedError, match="the index 2 at"):
        f(x=rows[:2])


# ------------------------------------------------------------------------------------- numbers


def test_zeros_of_both_signs_are_two_constants() -> None:
    x = ig.input("x", (1,))
    minus, plus = ig.evaluate([1 / (x * -0.0), 1 / (x * 0.0)], x=[1.0])
    assert (minus[0], plus[0]) == (-np.inf, np.inf)


def test_a_constant_that_is_nan_survives_printing() -> None:
    graph = ig.Graph({"y": ig.full((2,), float("nan"))})
    assert ig.parse(str(graph)).structure() == graph.structure()


@pytest.mark.parametrize("number", [0.1, 3e38, -1e-60])
def test_a_cast_splat_keeps_what_its_dtype_rounded(number: float) -> None:
    with np.errstate(over="ignore"):
        expected = np.float64(np.float32(number))
    assert ig.evaluate(ig.full((), number, "float32").astype("float64")) == expected


@pytest.mark.parametrize("init", [0.5, 300, [1, 2, -1], [0.0, float("nan"), 1.0], ig.init.glorot_uniform()])
def test_initial_values_that_an_integer_dtype_can_not_hold(init: Any) -> None:
    with pytest.raises(DTypeError, match="uint8 can hold"):
        ig.compile(ig.parameter("p", (3,) if isinstance(init, list) else (3, 3), "uint8", init=init))


# ------------------------------------------------------------------------------------- autodiff


def test_jvp_is_the_transpose_of_vjp_where_one_wrt_depends_on_another() -> None:
    x, t, u, c = (ig.input(name, (3,)) for name in "xtuc")
    y = x * x
    z = ig.sin(y) + x
    pushed = ig.jvp(z, [x, y], [t, u])
    by_x, by_y = ig.vjp(z, [x, y], c)
    drawn = np.random.default_rng(0).normal(size=(4, 3))
    left, right = ig.evaluate(
        [(c * pushed).sum(), (by_x * t + by_y * u).sum()], **dict(zip("xtuc", drawn, strict=True))
    )
    assert left == pytest.approx(right, rel=1e-5)


Maybe = Sequence[ig.Value | None]


@final
@dataclass(frozen=True)
class Careless(ig.Op):
    """An op whose every statement but its types is of the wrong shape."""

    name: ClassVar[str] = "careless"

    def infer(self, *inputs: ig.TensorType) -> tuple[ig.TensorType, ...]:
        return inputs

    def vjp(self, inputs: Sequence[ig.Value], outputs: Sequence[ig.Value], cotangents: Maybe) -> Maybe:
        return []

    def jvp(self, inputs: Sequence[ig.Value], outputs: Sequence[ig.Value], tangents: Maybe) -> Maybe:
        return [inputs[0].sum()]

    def expand(self, *inputs: ig.Value) -> Sequence[ig.Value]:
        return [inputs[0].sum()]


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (ig.compile, "expand"),
        (lambda y: ig.grad(y.sum(), y.node.inputs[0]), "vjp"),
        (lambda y: ig.jvp(y, y.node.inputs[0], y.node.inputs[0]), "jvp"),
    ],
)
def test_an_op_that_breaks_its_contract_is_named(use: Callable[[ig.Value], object], what: str) -> None:
    with pytest.raises(GraphError, match=rf"from {what}\(\) of careless"):
        use(Careless()(ig.input("x", (3,))))


# ------------------------------------------------------------------------------------- messages

X = ig.input("x", ("n",))
FIXED = ig.input("fixed", (3,))


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: ig.where(eq(X, 0), X, 1.0), DTypeError, "use irgraph.equal"),
        (lambda: X[np.True_], DTypeError, "the index np.True_"),
        (lambda: X[np.float32(1.7)], DTypeError, "the index"),
        (lambda: X[1.5:], DTypeError, "the index 1.5"),
        (lambda: FIXED[:1.5], DTypeError, "the index 1.5"),
        (lambda: ig.full((2,), float("nan"), "int64"), DTypeError, "the number nan"),
        (lambda: ig.full((2,), float("inf"), "int64"), DTypeError, "the number inf"),
        (lambda: ig.full((2,), "a"), DTypeError, "needed a number"),  # type: ignore[arg-type]
        (lambda: ig.pad(X, (1, 1)), ShapeError, "pairs"),  # type: ignore[arg-type]
        (lambda: ig.pad(ig.constant([1]), [(1, 1)], 1.5), DTypeError, "the number 1.5"),
        (lambda: ig.compile(None), DTypeError, "None as outputs"),  # type: ignore[arg-type]
        (lambda: ig.grad(X.sum(), 5), DTypeError, "5 as wrt"),  # type: ignore[arg-type]
        (lambda: ig.compile({1: X, "1": X}), GraphError, "differ as text"),
        (lambda: ig.grad(X.sum(), X, disconnected="zeros"), GraphError, "'zeros'"),  # type: ignore[arg-type]
        (lambda: ig.parameter("p", (3,), init="glorot"), DTypeError, "numbers for float32"),  # type: ignore[arg-type]
        (lambda: X.named("y"), GraphError, "Name it where it is made"),
        (lambda: (X + 1.0).named(3), GraphError, "the name 3"),  # type: ignore[arg-type]
        (lambda: ig.compile(ig.parameter("p"), seed=2**64), GraphError, "the seed"),
    ],
)
def test_messages(build: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        build()


def test_two_optimizers_on_one_state_need_names() -> None:
    w, u = ig.parameter("w", init=1.0), ig.parameter("u", init=1.0)
    first = ig.compile(w, updates=ig.optim.Adam(0.5).minimize(w * w))
    for _ in range(3):
        first()
    careless = ig.optim.Adam(0.001).minimize(u * u)
    with pytest.raises(GraphError, match=r"'learning_rate', which starts from constant\(value=0.001\)"):
        ig.compile(u, updates=careless, state=first.state)
    named = ig.optim.Adam(0.001, name="second").minimize(u * u)
    second = ig.compile(u, updates=named, state=first.state)
    second()
    assert second.state["u"] == pytest.approx(0.999, abs=1e-6)  # the first step of Adam is the rate
    assert second.state["second/adam/step"] == 1
    assert second.state["adam/step"] == 3


def test_streams_whose_names_have_one_checksum_differ() -> None:
    names = ("plumless", "buckeroo")  # equal under CRC-32
    draws = [ig.compile(ig.random_uniform((4,), name=name), seed=3)() for name in names]
    assert not np.array_equal(*draws)


def test_a_python_bool_is_no_factor() -> None:
    x = ig.input("x", (3,))
    with pytest.raises(DTypeError, match=r"float32 and a Python bool.*\n.*irgraph.equal"):
        _ = x * eq(x, 0)  # `x == 0` compares identities: a Python bool


def test_out_arrays_that_cannot_take_the_results() -> None:
    x = ig.input("x", (3,))
    f = ig.compile([x + 1.0, x * 2.0])
    target = np.zeros(3, np.float32)
    with pytest.raises(FeedError, match="read-only or share memory"):
        f(x=np.ones(3), out=[target, target])
    target.setflags(write=False)
    with pytest.raises(FeedError, match="read-only or share memory"):
        f(x=np.ones(3), out=[np.zeros(3, np.float32), target])
    with pytest.raises(FeedError, match="found n=-3"):
        ig.compile(ig.input("y", ("n",)) * 2.0).memory(n=-3)


def test_stability_rules_hold_for_what_is_exported() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    del onnxruntime
    x = ig.input("x", (2,))
    y = ig.log(ig.sigmoid(x))
    fed = np.array([-100.0, 0.0], np.float32)
    (replayed,) = ig.onnx.replay(ig.onnx.to_model({"y": y}))(x=fed).values()
    np.testing.assert_allclose(replayed, ig.evaluate(y, x=fed), rtol=1e-6)


def test_mean_of_long_and_of_many_axes() -> None:
    x = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    value = ig.input("x", ("n", 3))
    for axes, keepdims in ((0, True), (1, False), (None, False)):
        found = ig.evaluate(value.mean(axes, keepdims), x=x)
        np.testing.assert_allclose(found, x.astype(np.float64).mean(axes, keepdims=keepdims), atol=1e-6)


def test_powers_of_zero_have_finite_derivatives() -> None:
    x, y = ig.input("x", ("n",)), ig.input("y", ("n",))
    slopes = ig.compile(ig.grad((x**y).sum(), [x, y]))
    by_x, by_y = slopes(x=[0.0, 0.0, 0.0, 3.0], y=[0.0, 1.0, 2.0, 0.0])
    np.testing.assert_array_equal(by_x, [0, 1, 0, 0])
    np.testing.assert_allclose(by_y, [0, 0, 0, np.log(3)], rtol=1e-6)
