"""Normalization beyond the laws: running statistics, training steps, and digits."""

from __future__ import annotations

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ShapeError
from irgraph.onnx import replay, to_model
from irgraph.testing import check_derivatives

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3, 2, 2)) * 2 + 1


def layer(x: ig.Value, training: bool) -> ig.Value:
    scale = ig.parameter("scale", (3,), init=ig.init.constant(1.5), dtype="float64")
    bias = ig.parameter("bias", (3,), init=ig.init.constant(0.5), dtype="float64")
    mean = ig.state("mean", (3,), "float64")
    variance = ig.state("variance", (3,), "float64", init=ig.init.constant(1.0))
    return ig.batch_norm(x, scale, bias, mean, variance, training=training, momentum=0.75)


def test_training_uses_the_batch_and_moves_the_running_statistics() -> None:
    x = ig.input("x", ("n", 3, 2, 2), "float64")
    step = ig.compile(layer(x, training=True))
    mean, variance = X.mean((0, 2, 3)), X.var((0, 2, 3))
    wanted = (X - mean.reshape(3, 1, 1)) / np.sqrt(variance.reshape(3, 1, 1) + 1e-5) * 1.5 + 0.5
    np.testing.assert_allclose(step(x=X), wanted, atol=1e-12)
    np.testing.assert_allclose(step.state["mean"], 0.25 * mean)
    np.testing.assert_allclose(step.state["variance"], 0.75 + 0.25 * variance)
    step(x=X)
    np.testing.assert_allclose(step.state["mean"], (0.25 + 0.75 * 0.25) * mean)


def test_inference_reads_what_training_left() -> None:
    x = ig.input("x", ("n", 3, 2, 2), "float64")
    step = ig.compile(layer(x, training=True))
    step(x=X)
    y = ig.input("x", ("n", 3, 2, 2), "float64")
    infer = ig.compile(layer(y, training=False), state=step.state)
    mean, variance = step.state["mean"].copy(), step.state["variance"].copy()
    wanted = (X - mean.reshape(3, 1, 1)) / np.sqrt(variance.reshape(3, 1, 1) + 1e-5) * 1.5 + 0.5
    np.testing.assert_allclose(infer(x=X), wanted, atol=1e-12)
    assert (step.state["mean"] == mean).all()


def test_derivatives_go_through_the_batch_statistics() -> None:
    def build(x: ig.Value, scale: ig.Value, bias: ig.Value) -> ig.Value:
        mean, variance = ig.state("mean", (3,), "float64"), ig.state("variance", (3,), "float64")
        return ig.batch_norm(x, scale, bias, mean, variance, training=True)

    check_derivatives(build, [X[:3], np.ones(3), np.zeros(3)])


def test_a_network_with_batch_norm_learns() -> None:
    x, y = ig.input("x", ("n", 3)), ig.input("y", ("n",))
    w = ig.parameter("w", (3, 8), init=ig.init.glorot_uniform())
    v = ig.parameter("v", (8,), init=ig.init.constant(0.1))
    mean, variance = ig.state("mean", (8,)), ig.state("variance", (8,), init=ig.init.constant(1.0))
    scale, bias = ig.parameter("scale", (8,), init=ig.init.constant(1.0)), ig.parameter("bias", (8,))
    hidden = ig.relu(ig.batch_norm(x @ w, scale, bias, mean, variance, training=True))
    loss = ig.losses.squared_error(hidden @ v, y)
    step = ig.compile(loss, updates=ig.optim.Adam(0.05).minimize(loss), seed=0)
    data = RNG.standard_normal((64, 3))
    losses = [float(step(x=data, y=np.abs(data[:, 0]))) for _ in range(100)]
    assert losses[-1] < 0.2 * losses[0]
    assert np.abs(step.state["mean"]).max() > 0


def test_the_variance_does_not_cancel() -> None:
    """Around 10,000 in float32, the mean of squares less the square of the mean has no digit left."""
    x = (RNG.standard_normal((4, 256)) + 10_000).astype(np.float32)
    found = ig.evaluate(ig.layer_norm(ig.input("x", x.shape), epsilon=0.0), x=x)
    wide = x.astype(np.float64)
    wanted = (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    variance = ig.evaluate(ig.variance(ig.input("x", x.shape), 1), x=x)
    np.testing.assert_allclose(variance, wide.var(1), rtol=1e-5)


@pytest.mark.parametrize("name", ["layer_norm", "batch_norm"])
def test_what_onnx_has_as_one_op_stays_one(name: str) -> None:
    x = ig.input("x", ("n", 4))
    if name == "layer_norm":
        y, op_type = ig.layer_norm(x, np.ones(4, "float32"), np.zeros(4, "float32")), "LayerNormalization"
    else:
        ones, zeros = ig.ones(4), ig.zeros(4)
        y, op_type = ig.batch_norm(x, ones, zeros, zeros, ones, training=False), "BatchNormalization"
    model = to_model({"y": y})
    assert op_type in [node.op_type for node in model.graph.node]
    data = RNG.standard_normal((5, 4)).astype(np.float32)
    np.testing.assert_allclose(replay(model)(x=data)["y"], ig.evaluate(y, x=data), atol=1e-6)


@pytest.mark.parametrize("norm", [ig.norm, ig.std, lambda x: ig.norm(x, 1)])
def test_derivatives_at_zero_are_zero(norm: object) -> None:
    assert callable(norm)
    x = ig.input("x", (3,))
    assert (ig.evaluate(ig.grad(norm(x), x), x=np.zeros(3)) == 0).all()


def test_products_of_several_axes_at_zeros() -> None:
    """All second derivatives of the product of four elements, two of which are 0, one by one."""
    x = ig.input("x", (2, 2), "float64")
    slope = ig.grad(ig.prod(x), x)
    rows = [ig.grad(slope[n // 2, n % 2], x) for n in range(4)]
    at = np.array([[0.0, 2.0], [3.0, 0.0]])
    hessian = np.array(ig.evaluate(rows, x=at)).reshape(4, 4)
    wanted = np.zeros((4, 4))
    wanted[0, 3] = wanted[3, 0] = 6.0
    np.testing.assert_array_equal(hessian, wanted)


def test_variance_of_fewer_elements_than_ddof() -> None:
    x = ig.input("x", ("n",))
    assert np.isnan(ig.evaluate(ig.variance(x, ddof=1), x=[1.0]))  # 0 / 0, as NumPy says
    with pytest.raises(ShapeError, match=r"at least ddof=2"):
        ig.variance(ig.input("x", (1,)), ddof=2)
