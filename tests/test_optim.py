"""Optimizers: training equals an independent NumPy program, and the published formulae."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import irgraph as ig

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
STEPS, SIZES = 20, (12, 16, 8, 5)


# ------------------------------------------------------- the independent program, by hand, on NumPy


def numpy_loss_and_gradients(weights: Arrays, x: Array, label: Array) -> tuple[float, Arrays]:
    """A tanh-relu MLP with softmax cross entropy, differentiated by hand."""
    a = np.tanh(x @ weights["0.w"] + weights["0.b"])
    z = a @ weights["1.w"] + weights["1.b"]
    h = np.maximum(z, 0)
    logits = h @ weights["2.w"] + weights["2.b"]
    raised = np.exp(logits - logits.max(1, keepdims=True))
    p = raised / raised.sum(1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, label]).mean()
    d_logits = p.copy()
    d_logits[rows, label] -= 1
    d_logits /= len(x)
    d_z = d_logits @ weights["2.w"].T * (z > 0)
    d_a = d_z @ weights["1.w"].T * (1 - a * a)
    gradients = {"2.w": h.T @ d_logits, "2.b": d_logits.sum(0), "1.w": a.T @ d_z, "1.b": d_z.sum(0)}
    return float(loss), gradients | {"0.w": x.T @ d_a, "0.b": d_a.sum(0)}


class NumpySGD:
    """The update of torch.optim.SGD, as its documentation states it."""

    def __init__(self, rate: float, momentum: float = 0.0, nesterov: bool = False) -> None:
        self.rate, self.momentum, self.nesterov = rate, momentum, nesterov
        self.velocity: Arrays = {}

    def step(self, weights: Arrays, gradients: Arrays) -> None:
        for name, g in gradients.items():
            v = self.velocity[name] = self.momentum * self.velocity.get(name, 0 * g) + g
            weights[name] = weights[name] - self.rate * (g + self.momentum * v if self.nesterov else v)


class NumpyAdam:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, rate: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.rate, self.beta1, self.beta2, self.epsilon = rate, beta1, beta2, epsilon
        self.m: Arrays = {}
        self.v: Arrays = {}
        self.t = 0

    def step(self, weights: Arrays, gradients: Arrays) -> None:
        self.t += 1
        for name, g in gradients.items():
            m = self.m[name] = self.beta1 * self.m.get(name, 0 * g) + (1 - self.beta1) * g
            v = self.v[name] = self.beta2 * self.v.get(name, 0 * g) + (1 - self.beta2) * g**2
            m_hat, v_hat = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
            weights[name] = weights[name] - self.rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


PAIRS: dict[str, tuple[Callable[[], ig.optim.Optimizer], Callable[[], NumpySGD | NumpyAdam]]] = {
    "sgd": (lambda: ig.optim.SGD(0.5), lambda: NumpySGD(0.5)),
    "momentum": (lambda: ig.optim.SGD(0.2, momentum=0.9), lambda: NumpySGD(0.2, 0.9)),
    "nesterov": (lambda: ig.optim.SGD(0.2, 0.9, nesterov=True), lambda: NumpySGD(0.2, 0.9, True)),
    "adam": (lambda: ig.optim.Adam(0.01), lambda: NumpyAdam(0.01)),
    "adam, other rates": (
        lambda: ig.optim.Adam(0.01, 0.5, 0.9, 1e-3),
        lambda: NumpyAdam(0.01, 0.5, 0.9, 1e-3),
    ),
    "adam without means": (lambda: ig.optim.Adam(0.01, 0.0, 0.0), lambda: NumpyAdam(0.01, 0.0, 0.0)),
}


# ------------------------------------------------------------------------------------ the same


def start(dtype: str) -> Arrays:
    rng = np.random.default_rng(11)
    weights: Arrays = {}
    for layer, (width, out) in enumerate(pairwise(SIZES)):
        weights[f"{layer}.w"] = (rng.normal(size=(width, out)) / np.sqrt(width)).astype(dtype)
        weights[f"{layer}.b"] = (rng.normal(size=out) * 0.1).astype(dtype)
    return weights


def batches() -> list[tuple[Array, Array]]:
    """Batches of two sizes, in turn."""
    rng = np.random.default_rng(12)
    sizes = [32 if n % 2 else 20 for n in range(STEPS)]
    return [(rng.normal(size=(n, SIZES[0])), rng.integers(0, SIZES[-1], n)) for n in sizes]


def mlp(optimizer: ig.optim.Optimizer, dtype: str = "float64") -> ig.Function:
    w = {name: ig.parameter(name, a.shape, dtype, init=a) for name, a in start(dtype).items()}
    x, label = ig.input("x", ("batch", SIZES[0]), dtype), ig.input("label", ("batch",), "int64")
    hidden = ig.relu(ig.tanh(x @ w["0.w"] + w["0.b"]) @ w["1.w"] + w["1.b"])
    loss = ig.losses.softmax_cross_entropy(hidden @ w["2.w"] + w["2.b"], label)
    return ig.compile(loss, updates=optimizer.minimize(loss), verify=True)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 2e-4)])
def test_training_equals_numpy(name: str, dtype: str, tolerance: float) -> None:
    ours, theirs = PAIRS[name][0](), PAIRS[name][1]()
    step, weights = mlp(ours, dtype), start("float64")
    for x, label in batches():
        expected, gradients = numpy_loss_and_gradients(weights, x, label)
        theirs.step(weights, gradients)
        np.testing.assert_allclose(step(x=x, label=label), expected, rtol=tolerance)
    for key, array in weights.items():
        np.testing.assert_allclose(step.state[key], array, rtol=tolerance, atol=tolerance)


def test_the_loss_falls() -> None:
    step = mlp(ig.optim.Adam(0.01))
    x, label = batches()[0]
    losses = [float(step(x=x, label=label)) for _ in range(200)]
    assert losses[-1] < 0.1 * losses[0]


# --------------------------------------------------------------------------------- by the formula

# The loss is g · w, so that the gradient is what is fed: 1, 2, -4, from w = 0 at rate 0.1. Worked out in
# fractions from the formulae in the documentation of torch.optim.SGD and torch.optim.Adam:
#   momentum 1/2:      v = 1, 5/2, -11/4                     w = -Σ v / 10
#   nesterov:          g + v/2 = 3/2, 13/4, -43/8            w = -Σ (g + v/2) / 10
#   Adam, β = 1/2, 3/4: m = 1/2, 5/4, -11/8;  m̂ = 1, 5/3, -11/7
#                      v = 1/4, 19/16, 313/64; v̂ = 1, 19/7, 313/37   w = -Σ m̂ / (10 √v̂)
ADAM_SIZES = (1.0, (5 / 3) / math.sqrt(19 / 7), (-11 / 7) / math.sqrt(313 / 37))
GRADIENTS = (1.0, 2.0, -4.0)
TABLE: dict[str, tuple[ig.optim.Optimizer, tuple[float, ...]]] = {
    "sgd": (ig.optim.SGD(0.1), (-0.1, -0.3, 0.1)),
    "momentum": (ig.optim.SGD(0.1, momentum=0.5), (-0.1, -0.35, -0.075)),
    "nesterov": (ig.optim.SGD(0.1, momentum=0.5, nesterov=True), (-0.15, -0.475, 0.0625)),
    "adam": (
        ig.optim.Adam(0.1, 0.5, 0.75, 1e-12),
        tuple(-0.1 * sum(ADAM_SIZES[: n + 1]) for n in range(3)),
    ),
}


def fed_gradient(optimizer: ig.optim.Optimizer, dtype: str = "float64") -> ig.Function:
    w = ig.parameter("w", (), dtype)
    loss = ig.input("g", (), dtype) * w
    return ig.compile(loss, updates=optimizer.minimize(loss), verify=True)


@pytest.mark.parametrize("name", TABLE)
def test_the_published_formulae(name: str) -> None:
    optimizer, expected = TABLE[name]
    step = fed_gradient(optimizer)
    for gradient, w in zip(GRADIENTS, expected, strict=True):
        step(g=gradient)
        np.testing.assert_allclose(step.state["w"], w, rtol=1e-10)


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("count", [1, 5])
def test_adam_moves_by_the_rate_under_a_constant_gradient(gradient: float, count: int) -> None:
    """Then m̂ = g and v̂ = g², at every step: in float32, to its precision."""
    step = fed_gradient(ig.optim.Adam(0.01), "float32")
    for _ in range(count):
        step(g=gradient)
    np.testing.assert_allclose(step.state["w"], -0.01 * count, rtol=1.2e-5 if gradient < 1 else 1e-6)
    assert step.state["adam/step"] == count


def test_the_learning_rate_is_state() -> None:
    step = fed_gradient(ig.optim.SGD(0.1))
    step(g=1.0)
    step.state["learning_rate"] = 0.5
    step(g=1.0)
    np.testing.assert_allclose(step.state["w"], -0.6)
    step.state["learning_rate"] = 0
    step(g=1.0)
    np.testing.assert_allclose(step.state["w"], -0.6)


def test_the_learning_rate_may_follow_a_schedule_in_the_graph() -> None:
    w = ig.parameter("w", (), "float64")
    loss = ig.input("g", (), "float64") * w
    updates = dict(ig.optim.SGD(0.1).minimize(loss))
    (rate,) = [
        v for v in ig.Graph({"": loss}, list(updates.items())).states.values() if v.label == "learning_rate"
    ]
    step = ig.compile(loss, updates=updates | {rate: rate * 0.5})
    for expected in (-0.1, -0.15, -0.175):
        step(g=1.0)
        np.testing.assert_allclose(step.state["w"], expected)


def test_only_what_is_asked_for_is_trained() -> None:
    a, b = ig.parameter("a", init=1.0), ig.parameter("b", init=2.0)
    frozen = ig.parameter("frozen", init=3.0, trainable=False)
    loss = a * b * frozen
    assert [v.label for v, _ in ig.optim.SGD(0.1).minimize(loss)] == ["a", "b"]
    assert [v.label for v, _ in ig.optim.SGD(0.1).minimize(loss, [b])] == ["b"]


def test_slots_are_named_after_their_parameters() -> None:
    assert {"learning_rate", "0.b/velocity", "2.w/velocity"} <= set(
        mlp(ig.optim.SGD(0.1, momentum=0.9)).state
    )
    assert {"adam/step", "learning_rate", "2.w/mean", "2.w/square"} <= set(mlp(ig.optim.Adam()).state)


def test_a_layer_says_which_parameters_to_train() -> None:
    a, b = ig.nn.Dense(2, name="a"), ig.nn.Dense(1, name="b")
    loss = (b(a(ig.input("x", ("batch", 3)))) ** 2).mean()
    for chosen, names in ((a, ["a.w", "a.b"]), ([b, a], ["b.w", "b.b", "a.w", "a.b"])):
        assert [variable.label for variable, _ in ig.optim.SGD(0.1).minimize(loss, chosen)] == names
