"""The derivative API on whole models: structure, higher order, safety, errors, and node counts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import NotDifferentiableError, ShapeError
from irgraph.graph import topological_order
from irgraph.testing import assert_close, check_derivatives, check_second_order

Array = np.ndarray[Any, Any]


def line_above() -> str:
    """The line before the call, as messages spell it."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return f"test_gradients.py:{frame.f_back.f_lineno - 1}"


# --------------------------------------------------------------------------------------- models


def mlp(x: ig.Value, w1: ig.Value, b1: ig.Value, w2: ig.Value, b2: ig.Value) -> ig.Value:
    """Two layers."""
    return ig.tanh(x @ w1 + b1) @ w2 + b2


def mlp_loss(target: Array) -> Callable[..., ig.Value]:
    def loss(*values: ig.Value) -> ig.Value:
        return ig.losses.softmax_cross_entropy(mlp(*values), target)

    return loss


def mlp_arrays(rng: np.random.Generator) -> list[Array]:
    return [rng.standard_normal(shape) for shape in [(6, 5), (5, 7), (7,), (7, 4), (4,)]]


def attention(x: ig.Value, wq: ig.Value, wk: ig.Value, wv: ig.Value, wo: ig.Value) -> ig.Value:
    """A block of two heads."""
    batch, time, width = x.shape
    heads, each = 2, width // 2

    def split(z: ig.Value) -> ig.Value:
        return z.reshape(batch, time, heads, each).transpose(0, 2, 1, 3)

    q, k, v = (split(x @ w) for w in (wq, wk, wv))
    scores = ig.softmax((q @ k.transpose(0, 1, 3, 2)) * 0.5)
    return (scores @ v).transpose(0, 2, 1, 3).reshape(batch, time, width) @ wo


def attention_arrays(rng: np.random.Generator) -> list[Array]:
    return [rng.standard_normal((2, 5, 8)), *(0.5 * rng.standard_normal((8, 8)) for _ in range(4))]


INDEX = np.random.default_rng(3).integers(0, 6, (2, 3))
COLUMNS = np.random.default_rng(4).integers(0, 8, (6, 2))
MASK = np.random.default_rng(5).random((6, 4)) > 0.5


def mixture(x: ig.Value, w: ig.Value) -> ig.Value:
    """Slices, concatenations, gathers, a reshape that does not factor, max, where: x (6, 8), w (3, 1)."""
    a = x[::-1, 1::2]
    c = ig.concatenate([a, x * x], 1)
    g = ig.gather(c, INDEX) * w
    r = ig.exp(g.reshape(8, 9) * 0.1)
    m = r.T.reshape(6, 12).max(1)
    p = ig.gather(x, COLUMNS, axis=1, batch_dims=1)
    q = ig.where(MASK, x[:, :4], ig.tanh(a))
    z = ig.concatenate([p * q[:, 1:3], q[:, :1] * x.sum(1, keepdims=True)], 1)
    return (z @ z.T).sum() + (m * m).sum()


def mixture_arrays(rng: np.random.Generator) -> list[Array]:
    return [rng.standard_normal((6, 8)), rng.standard_normal((3, 1))]


MODELS: dict[str, tuple[Callable[..., ig.Value], Callable[[np.random.Generator], list[Array]]]] = {
    "mlp with labels": (mlp_loss(np.array([0, 3, 1, 2, 2, 0])), mlp_arrays),
    "mlp with probabilities": (mlp_loss(np.eye(4)[[0, 3, 1, 2, 2, 0]]), mlp_arrays),
    "mlp with log(softmax)": (lambda *v: -ig.log(ig.softmax(mlp(*v)))[:, 1].mean(), mlp_arrays),
    "attention": (attention, attention_arrays),
    "mixture": (mixture, mixture_arrays),
}


@pytest.mark.parametrize("name", MODELS)
def test_first_and_second_derivatives(name: str) -> None:
    """Forward over reverse and reverse over reverse, both against central differences."""
    build, draw = MODELS[name]
    check_derivatives(build, draw(np.random.default_rng(11)))


@pytest.mark.parametrize("name", MODELS)
def test_second_derivatives_after_another_first_step(name: str) -> None:
    """The gradient is itself a graph to differentiate: here of half its squared norm."""
    build, draw = MODELS[name]

    def squared_gradient(*values: ig.Value) -> ig.Value:
        y = build(*values)
        slopes = ig.grad((y * y).mean(), list(values), disconnected="zero")
        return ig.concatenate([slope.reshape(-1) for slope in slopes])[::3]

    check_derivatives(squared_gradient, [0.5 * array for array in draw(np.random.default_rng(12))])


def test_third_derivative() -> None:
    def second(x: ig.Value) -> ig.Value:
        first = ig.grad((ig.sin(x) * x * x).sum(), x)
        slope: ig.Value = ig.grad(first.sum(), x)
        return slope

    check_second_order(second, [np.linspace(-1, 1, 5)])
    third = ig.grad(second(x := ig.input("x", (), "float64")), x)
    value = ig.evaluate(third, x=0.7)
    assert value == pytest.approx(6 * np.cos(0.7) - 6 * 0.7 * np.sin(0.7) - 0.7**2 * np.cos(0.7), rel=1e-12)


@pytest.mark.parametrize(("name", "most"), [("mlp", 18), ("attention", 44), ("mixture", 56)])
def test_backward_nodes_are_about_as_many_as_by_hand(name: str, most: int) -> None:
    """Counted by hand: 14 for the MLP with a fused cross entropy, about 42 for attention."""
    build, draw = MODELS["mlp with labels" if name == "mlp" else name]
    xs = [ig.input(f"x{n}", a.shape) for n, a in enumerate(draw(np.random.default_rng(0)))]
    y = build(*xs)
    loss = y if y.ndim == 0 else (y * ig.input("r", y.shape)).sum()
    known = {(n.op, n.inputs) for n in topological_order([loss])}
    graph = ig.Graph(ig.grad(loss, xs[1:] if name == "mlp" else xs))
    new = {(n.op, n.inputs) for n in graph.nodes} - known
    assert len(new) <= most, str(graph)


# ------------------------------------------------------------------------------------ structure


def test_gradients_have_the_structure_of_wrt() -> None:
    a, b = ig.input("a", (2,)), ig.input("b", (2,))
    loss = (a * a * b).sum()
    feeds = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    one = ig.grad(loss, a)
    assert ig.evaluate(one, **feeds).tolist() == [6, 16]
    many = ig.grad(loss, [a, b])
    assert [array.tolist() for array in ig.evaluate(many, **feeds)] == [[6, 16], [1, 4]]
    named = ig.evaluate(ig.grad(loss, {"left": a, "right": b}), **feeds)
    assert {key: array.tolist() for key, array in named.items()} == {"left": [6, 16], "right": [1, 4]}
    assert ig.grad(loss, (a, b, a))[2].type == a.type
    assert ig.grad(loss, []) == []


def test_value_and_grad_returns_the_loss_itself() -> None:
    x = ig.input("x", (2,))
    loss = (x * x).sum()
    value, slope = ig.value_and_grad(loss, x)
    assert value is loss
    assert slope.type == x.type


def test_gradient_of_an_inner_value() -> None:
    x = ig.input("x", (3,), "float64")
    hidden = ig.exp(x)
    loss = (hidden * hidden * x).sum()
    inner, outer = ig.grad(loss, [hidden, x])
    at = np.array([0.1, -0.2, 0.3])
    found = ig.evaluate([inner, outer], x=at)
    np.testing.assert_allclose(found[0], 2 * np.exp(at) * at)
    np.testing.assert_allclose(found[1], (2 * at + 1) * np.exp(2 * at))


def test_gradient_of_the_loss_itself_is_one() -> None:
    loss = ig.input("x", (3,)).sum()
    assert ig.evaluate(ig.grad(loss, loss)) == 1


def test_vjp_and_jvp_of_several_outputs() -> None:
    x, y = ig.input("x", (2,), "float64"), ig.input("y", (2,), "float64")
    outputs = {"product": x * y, "exp": ig.exp(x), "labels": ig.argmax(x)}
    floats = {key: value for key, value in outputs.items() if key != "labels"}
    cotangents = {key: ig.ones((2,), "float64") for key in floats}
    feeds = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])}
    pulled = ig.evaluate(ig.vjp(floats, [x, y], cotangents), **feeds)
    np.testing.assert_allclose(pulled[0], feeds["y"] + np.exp(feeds["x"]))
    np.testing.assert_allclose(pulled[1], feeds["x"])
    tangents = [ig.ones((2,), "float64"), ig.zeros((2,), "float64")]
    pushed = ig.evaluate({key: ig.jvp(floats, [x, y], tangents)[key] for key in floats}, **feeds)
    np.testing.assert_allclose(pushed["product"], feeds["y"])
    np.testing.assert_allclose(pushed["exp"], np.exp(feeds["x"]))


def test_jvp_of_what_does_not_depend_is_zero() -> None:
    x, y = ig.input("x", (2,)), ig.input("y", (3,))
    assert ig.evaluate(ig.jvp([y * y], [x], [x]))[0].tolist() == [0, 0, 0]


def test_a_value_named_twice_moves_by_both_tangents() -> None:
    """As <c, J t> = <J' c, t> asks, for `vjp` gives the whole cotangent to each of them."""
    x, t, u = (ig.input(name, (2,)) for name in "xtu")
    pushed = ig.jvp(x * x, [x, x], [t, u])
    assert ig.evaluate(pushed, x=[1.0, 2.0], t=[1.0, 1.0], u=[10.0, 100.0]).tolist() == [22, 404]


def test_a_value_used_often_gets_the_sum() -> None:
    x = ig.input("x", (), "float64")
    y = x
    for _ in range(10):
        y = y + y * x
    assert ig.evaluate(ig.grad(y, x), x=0.5) == pytest.approx(1.5**10 + 0.5 * 10 * 1.5**9)


def test_depth_is_no_limit() -> None:
    x = ig.input("x", (), "float64")
    y = x
    for _ in range(5000):
        y = ig.sin(y)
    wanted, value = 1.0, 0.5
    for _ in range(5000):
        wanted, value = wanted * np.cos(value), np.sin(value)
    assert ig.evaluate(ig.grad(y, x), x=0.5) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("outer", "inner"), [("float32", "float64"), ("float64", "float32")])
def test_gradients_through_a_cast_have_the_dtype_of_the_value(outer: str, inner: str) -> None:
    x = ig.input("x", (2,), outer)
    y = x.astype(inner)
    loss = (y * y).sum()
    slope = ig.grad(loss, x)
    assert slope.type == x.type
    (pushed,) = ig.jvp([loss], [x], [x])
    assert pushed.type == loss.type
    found = ig.evaluate([slope, pushed], x=np.array([1.0, 3.0], outer))
    np.testing.assert_allclose(found[0], [2, 6])
    np.testing.assert_allclose(found[1], 20)
    assert ig.grad(slope.sum(), x).type == x.type


def test_paddings_with_a_value_are_no_tiles() -> None:
    """A sum of cotangents that tile an axis is a concatenation only if what surrounds them is zero."""
    a, b, u = (ig.input(name, shape) for name, shape in (("a", (4,)), ("b", (4,)), ("u", (2,))))
    tangents = [ig.pad(u, [(0, 2)], 1.0), ig.pad(u, [(2, 0)], 1.0)]
    (pushed,) = ig.jvp([a + b], [a, b], tangents)
    assert ig.evaluate(pushed, u=[5.0, 7.0]).tolist() == [6, 8, 6, 8]


# --------------------------------------------------------------------------------------- safety


def finite_gradient(build: Callable[[ig.Value], ig.Value], at: Sequence[float]) -> list[float]:
    x = ig.input("x", (len(at),), "float64")
    found: list[float] = ig.evaluate(ig.grad(build(x).sum(), x), x=np.array(at)).tolist()
    return found


def test_the_branch_that_is_not_chosen_does_no_harm() -> None:
    """0 · inf is NaN: a selection must not multiply."""
    assert finite_gradient(lambda x: ig.where(x > 0, ig.sqrt(x), 0.0), [0.0, 4.0]) == [0, 0.25]
    assert finite_gradient(lambda x: ig.where(x > 0, ig.log(x), x), [0.0, 2.0]) == [1, 0.5]
    assert finite_gradient(lambda x: ig.where(ig.equal(x, 0), 1.0, 1 / x), [0.0, 2.0]) == [0, -0.25]
    assert finite_gradient(lambda x: ig.relu(x) * ig.exp(1000 * ig.minimum(x, 0)), [-2.0, 3.0]) == [0, 1]
    assert finite_gradient(lambda x: ig.sqrt(ig.relu(x - 1) + 1), [1.0, 4.0]) == [0, 0.25]
    assert finite_gradient(lambda x: ig.maximum(x, 1.0) * 2, [float("-inf"), 4.0]) == [0, 2]


def test_an_infinite_cotangent_stays_on_its_side() -> None:
    x = ig.input("x", (3,), "float64")
    loss = ig.sqrt(ig.relu(x)).sum()  # sqrt has an infinite slope at 0, relu none there
    assert ig.evaluate(ig.grad(loss, x), x=[-1.0, 0.0, 4.0]).tolist() == [0, 0, 0.25]
    chosen = ig.where(x > 0, ig.sqrt(x) * ig.log(x) / x, 0.0).sum()
    slope = ig.grad(chosen, x)
    assert np.isfinite(ig.evaluate(slope, x=[-1.0, 0.0, 4.0])).all()
    assert np.isfinite(ig.evaluate(ig.grad(slope.sum(), x), x=[-1.0, 0.0, 4.0])).all()


def test_elements_that_tie_share_the_derivative() -> None:
    assert finite_gradient(lambda x: x.max(), [3.0, 1.0, 3.0, 3.0]) == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert finite_gradient(lambda x: ig.maximum(x, 2.0), [1.0, 2.0, 3.0]) == [0, 0.5, 1]
    assert finite_gradient(lambda x: ig.minimum(x, 2.0), [1.0, 2.0, 3.0]) == [1, 0.5, 0]
    assert finite_gradient(lambda x: ig.maximum(x, x), [1.0, 2.0]) == [1, 1]
    assert finite_gradient(ig.relu, [-1.0, 0.0, 1.0]) == [0, 0, 1]


def test_large_logits() -> None:
    x = ig.input("x", (2, 3), "float64")
    loss = ig.losses.softmax_cross_entropy(x, [0, 1])
    at = np.array([[1e4, 0.0, -1e4], [1e4, 0.0, 0.0]])
    value, slope = ig.evaluate(list(ig.value_and_grad(loss, x)), x=at)
    assert value == pytest.approx(5000)
    np.testing.assert_allclose(slope, [[0.0, 0.0, 0.0], [0.5, -0.5, 0.0]], atol=1e-12)


# --------------------------------------------------------------------------------------- errors


def test_a_disconnected_value_is_named() -> None:
    x, y = ig.input("x", (2,)), ig.input("y", (2,))
    built = line_above()
    with pytest.raises(NotDifferentiableError) as caught:
        ig.grad((x * x).sum(), [x, y])
    message = str(caught.value)
    assert "wrt <y : float32[2]>, on which a result of sum does not depend" in message
    assert built in message
    assert 'disconnected="zero"' in message
    zero = ig.grad((x * x).sum(), [x, y], disconnected="zero")[1]
    assert ig.evaluate(zero).tolist() == [0, 0]


CUTS: dict[str, Callable[[ig.Value], ig.Value]] = {
    "stop_gradient": lambda x: ig.stop_gradient(x * 2) * 3,
    "argmax": lambda x: ig.argmax(x).astype("float32") * 2,
    "greater": lambda x: (x > 0).astype("float32") * 2,
    "cast": lambda x: x.astype("int64").astype("float32"),
    "one_hot": lambda x: ig.one_hot(x.astype("int64"), 3) * 2,
    "equal": lambda x: ig.where(ig.equal(x, x.max()), 1.0, 2.0),
}


@pytest.mark.parametrize("name", CUTS)
def test_the_node_that_cuts_the_path_is_named(name: str) -> None:
    x = ig.input("x", (2,))
    cut = {"one_hot": "cast"}.get(name, name)  # the index is cut before it arrives there
    y = CUTS[name](x)
    with pytest.raises(NotDifferentiableError) as caught:
        ig.grad(y.sum(), x)
    message = str(caught.value)
    assert f"wrt <x : float32[2]>, whose path to a result of sum is cut at {cut} (built at " in message
    lines = Path(__file__).read_text().splitlines()
    start = next(n for n, text in enumerate(lines, 1) if text.strip().startswith(f'"{name}": lambda'))
    assert f"test_gradients.py:{start})" in message
    assert ig.evaluate(ig.grad(y.sum(), x, disconnected="zero")).tolist() == [0, 0]


def test_one_open_path_is_enough() -> None:
    x = ig.input("x", (2,))
    loss = (ig.stop_gradient(x) * x).sum()
    assert ig.evaluate(ig.grad(loss, x), x=[3.0, 4.0]).tolist() == [3, 4]


def test_integers_have_no_derivatives() -> None:
    x, n = ig.input("x", (2,)), ig.input("n", (2,), "int64")
    built = line_above()
    with pytest.raises(NotDifferentiableError, match=r"wrt <n : int64\[2\]>; needed a float dtype") as caught:
        ig.grad((x * n.astype("float32")).sum(), n)
    assert built in str(caught.value)
    with pytest.raises(NotDifferentiableError, match=r"the loss .* needed a float dtype"):
        ig.grad(n.sum(), x)


def test_a_loss_is_a_scalar() -> None:
    x = ig.input("x", (2,))
    with pytest.raises(ShapeError, match=r"the loss <a result of multiply : float32\[2\]>; needed a scalar"):
        ig.grad(x * x, x)
    with pytest.raises(ShapeError, match=r"the loss 3.0; needed a scalar"):
        ig.grad(3.0, x)  # type: ignore[arg-type]


def test_directions_have_the_types_of_their_values() -> None:
    x = ig.input("x", (2,))
    with pytest.raises(ShapeError, match=r"the cotangent .*; needed the type of"):
        ig.vjp([x * x], x, [ig.ones((3,))])
    with pytest.raises(ShapeError, match=r"found 0 tangents; needed 1, one for each value"):
        ig.jvp(x * x, [x], [])
    with pytest.raises(ShapeError, match=r"the tangent .*; needed the type of"):
        ig.jvp(x * x, x, ig.ones((2,), "float64"))
    with pytest.raises(ig.errors.DTypeError, match=r"found 1.0 in wrt; needed graph values"):
        ig.grad((x * x).sum(), [1.0])


def test_gradient_nodes_carry_the_users_line() -> None:
    x = ig.input("x", (2, 3))
    y = ig.softmax(x @ x.T)
    built = line_above()
    slope = ig.grad(y[0, 0], x)
    origins = {str(n.origin).rpartition("/")[2] for n in topological_order([slope]) if n.op.name == "matmul"}
    assert built in origins


def test_random_cotangents_agree_with_a_jacobian_row_by_row() -> None:
    """The whole Jacobian of attention towards its input, from either mode."""
    arrays = [
        array[:1, :2] if array.ndim == 3 else array for array in attention_arrays(np.random.default_rng(1))
    ]
    xs = [ig.input(f"x{n}", array.shape, "float64") for n, array in enumerate(arrays)]
    y = attention(*xs)
    c, t = ig.input("c", y.shape, "float64"), ig.input("t", xs[0].shape, "float64")
    pull, push = ig.compile(ig.vjp(y, xs[0], c)), ig.compile(ig.jvp(y, xs[0], t))
    feeds = {f"x{n}": array for n, array in enumerate(arrays)}
    pulled = {k: feeds[k] for k in pull.graph.inputs if k != "c"}
    rows = [pull(c=unit.reshape(1, 2, 8), **pulled).ravel() for unit in np.eye(16)]
    pushed = {k: feeds[k] for k in push.graph.inputs if k != "t"}
    columns = [push(t=unit.reshape(1, 2, 8), **pushed).ravel() for unit in np.eye(16)]
    assert_close(np.array(rows), np.array(columns).T, 1e-12)
