"""Losses: against numbers of torch, at extremes, weighted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

import irgraph as ig
from irgraph import losses

REFERENCE = json.loads((Path(__file__).parent / "data" / "losses" / "reference.json").read_text())["cases"]
Array = np.ndarray[Any, Any]


def case_name(row: dict[str, Any]) -> str:
    words = [str(each) for each in row["options"].values() if not isinstance(each, list)]
    return "-".join(
        [row["loss"], *words, f"{np.ndim(row['target'])}d", type(np.ravel(row["target"])[0]).__name__]
    )


def numbers(row: dict[str, Any]) -> tuple[Array, Array, dict[str, Any]]:
    options = {
        key: np.array(each) if isinstance(each, list) else each for key, each in row["options"].items()
    }
    return np.array(row["prediction"]), np.array(row["target"]), options


each_case = pytest.mark.parametrize("row", REFERENCE, ids=case_name)


# ------------------------------------------------------------------------------------------ torch


@each_case
def test_losses_and_gradients_are_those_of_torch(row: dict[str, Any]) -> None:
    prediction, target, options = numbers(row)
    p = ig.input("p", prediction.shape, "float64")
    t = ig.input("t", target.shape, str(target.dtype))
    loss = losses.find(row["loss"])
    mean = loss(p, t, **options)
    wanted = {
        "none": loss(p, t, reduction="none", **options),
        "sum": loss(p, t, reduction="sum", **options),
        "mean": mean,
        "gradient": ig.grad(mean, p),
    }
    found = ig.evaluate(wanted, p=prediction, t=target)
    expected = np.array(row["losses"])
    np.testing.assert_allclose(found["none"], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found["sum"], expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(found["mean"], expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(found["gradient"], row["gradient"], rtol=1e-11, atol=1e-15)


@each_case
def test_second_derivatives_are_differences_of_gradients(row: dict[str, Any]) -> None:
    prediction, target, options = numbers(row)
    p, v = (ig.input(name, prediction.shape, "float64") for name in "pv")
    loss = losses.find(row["loss"])(p, ig.constant(target), **options)
    gradient = ig.compile(ig.grad(loss, p), inputs=[p])
    along = np.random.default_rng(1).normal(size=prediction.shape)
    step = 1e-6
    differences = (gradient(p=prediction + step * along) - gradient(p=prediction - step * along)) / (2 * step)
    found = ig.compile(ig.jvp(ig.grad(loss, p), p, v), inputs=[p, v])(p=prediction, v=along)
    np.testing.assert_allclose(found, differences, rtol=1e-5, atol=1e-8)


def test_every_loss_has_numbers_of_torch() -> None:
    assert {row["loss"] for row in REFERENCE} == set(losses.LOSSES)


# ------------------------------------------------------------------------------------------ reductions


@pytest.mark.parametrize("shape", [(6,), (6, 2)])
@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_weights_are_those_of_an_average(shape: tuple[int, ...], dtype: str) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 6, 2))
    weights = random.uniform(size=shape) if dtype == "float64" else random.uniform(size=shape) > 0.5
    p, t = ig.input("p", ("n", 2), "float64"), ig.input("t", ("n", 2), "float64")
    w = ig.input("w", ("n", 2)[: len(shape)], dtype)
    wanted = {r: losses.squared_error(p, t, weights=w, reduction=r) for r in ("none", "sum", "mean")}
    found = ig.evaluate(wanted, p=a, t=b, w=weights)
    full = np.broadcast_to(weights[:, None] if weights.ndim == 1 else weights, (6, 2)).astype("float64")
    np.testing.assert_allclose(found["none"], full * (a - b) ** 2)
    np.testing.assert_allclose(found["sum"], (full * (a - b) ** 2).sum())
    np.testing.assert_allclose(found["mean"], np.average((a - b) ** 2, weights=full))


def test_a_batch_in_which_nothing_counts_changes_nothing() -> None:
    w = ig.parameter("w", (3,), init=1.0)
    loss = losses.squared_error(w, [0.0, 0.0, 0.0], weights=ig.input("m", (3,), "bool"))
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    assert step(m=[False] * 3) == 0
    np.testing.assert_array_equal(step.state["w"], 1)


# ------------------------------------------------------------------------------------------ extremes


def results(loss: Callable[..., ig.Value], prediction: Any, target: Any, dtype: str, **options: Any) -> Any:
    """The losses, the gradient of their sum, and its derivative along ones."""
    known = np.asarray(prediction, "float64")
    p, v = ig.input("p", known.shape, dtype), ig.constant(np.ones_like(known), dtype)
    t = ig.constant(np.asarray(target), dtype if np.asarray(target).dtype.kind == "f" else None)
    gradient = ig.grad(loss(p, t, reduction="sum", **options), p)
    every = [loss(p, t, reduction="none", **options), gradient, ig.jvp(gradient, p, v)]
    return ig.evaluate(every, p=known)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("as_float", [False, True])
def test_sigmoid_cross_entropy_at_extremes(dtype: str, as_float: bool) -> None:
    z, y = np.array([1000, 1000, -1000, -1000, 0, 30, -30]), np.array([1, 0, 1, 0, 1, 1, 0])
    value, slope, curvature = results(losses.sigmoid_cross_entropy, z, y * 1.0 if as_float else y, dtype)
    tail = np.log1p(np.exp(-30))
    np.testing.assert_allclose(value, [0, 1000, 1000, 0, np.log(2), tail, tail], rtol=1e-6)
    exact = scipy.special.expit(z) - y
    np.testing.assert_allclose(slope, exact, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(curvature[4], 0.25, rtol=1e-6)
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dense", [False, True])
def test_softmax_cross_entropy_at_extremes(dtype: str, smoothing: float, dense: bool) -> None:
    z = np.array([[1000, -1000, 0], [-1000, 1000, 0], [1000, 1000, 1000]])
    target: Any = np.eye(3)[[0, 0, 2]] if dense else [0, 0, 2]
    value, slope, curvature = results(
        losses.softmax_cross_entropy, z, target, dtype, label_smoothing=smoothing
    )
    wanted = (1 - smoothing) * np.eye(3)[[0, 0, 2]] + smoothing / 3
    exact = -(wanted * scipy.special.log_softmax(z, -1)).sum(-1)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, scipy.special.softmax(z, -1) - wanted, rtol=1e-5, atol=1e-7)
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("as_float", [False, True])
def test_binary_cross_entropy_at_extremes(dtype: str, as_float: bool) -> None:
    p, y = np.array([0.0, 1.0, 0.0, 1.0, 0.25]), np.array([0, 1, 1, 0, 1])
    value, slope, curvature = results(losses.binary_cross_entropy, p, y * 1.0 if as_float else y, dtype)
    far = 500 * np.log(2) if dtype == "float64" else 60 * np.log(2)
    np.testing.assert_allclose(value, [0, 0, far, far, np.log(4)], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slope[[0, 1, 4]], [1, -1, -4], rtol=1e-6)
    assert slope[2] < -1e9
    assert slope[3] > 1e9
    assert np.isfinite([value, slope, curvature]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_and_divergence_at_extremes(dtype: str) -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    target = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    far = (500 if dtype == "float64" else 60) * np.log(2)
    for loss, given, last in [
        (losses.cross_entropy, target, np.log(2)),
        (losses.cross_entropy, np.array([0, 0, 1]), np.log(2)),
        (losses.kl_divergence, target, 0.0),
    ]:
        value, slope, curvature = results(loss, p, given, dtype)
        np.testing.assert_allclose(value, [0, far, last], rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(slope[0], [-1, 0], atol=1e-6)
        assert slope[1, 0] < -1e9
        assert np.isfinite(slope).all()
        assert np.isfinite(curvature).all()


def test_a_divergence_is_finite_by_its_target_too() -> None:
    t = ig.input("t", (2,), "float64")
    slope = ig.evaluate(ig.grad(losses.kl_divergence(ig.constant([0.5, 0.5], "float64"), t), t), t=[0.0, 1.0])
    np.testing.assert_allclose(slope, [-499 * np.log(2), 1 + np.log(2)])  # log(t / p) + 1, t = 2⁻⁵⁰⁰ for 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "at_zero", "slope_at_zero", "curvature_at_zero", "slope_far"),
    [
        (losses.squared_error, 0, 0, 2, 2000),
        (losses.absolute_error, 0, 0, 0, 1),
        (losses.huber, 0, 0, 1, 1),
        (losses.log_cosh, 0, 0, 1, 1),
    ],
)
def test_errors_at_zero_and_far_away(
    loss: Any, at_zero: float, slope_at_zero: float, curvature_at_zero: float, slope_far: float, dtype: str
) -> None:
    value, slope, curvature = results(loss, [0.0, 1000.0, -1000.0], [0.0, 0.0, 0.0], dtype)
    assert (value[0], slope[0], curvature[0]) == (at_zero, slope_at_zero, curvature_at_zero)
    np.testing.assert_allclose(slope[1:], [slope_far, -slope_far], rtol=1e-6)
    assert np.isfinite([value, slope, curvature]).all()


def test_kinks() -> None:
    _, slope, _ = results(losses.huber, [1.0, -1.0, 2.0], [0.0, 0.0, 0.0], "float64")
    np.testing.assert_array_equal(slope, [1, -1, 1])
    _, slope, _ = results(losses.hinge, [1.0, -1.0, 0.0], [1, -1, 1], "float64")
    np.testing.assert_array_equal(slope, [0, 0, -1])
    tied = [[0.0, 0.5, 0.5], [2.0, 1.0, 1.0]]  # two are the worst; two are on the margin
    value, slope, _ = results(losses.multiclass_hinge, tied, [0, 0], "float64")
    np.testing.assert_array_equal(value, [1.5, 0])
    np.testing.assert_array_equal(slope, [[-1, 0.5, 0.5], [0, 0, 0]])


def test_log_cosh_of_a_small_difference_keeps_its_digits() -> None:
    value, slope, _ = results(losses.log_cosh, [1e-3, 0.999, 1.001], [0.0, 0.0, 0.0], "float32")
    np.testing.assert_allclose(value, np.log(np.cosh([1e-3, 0.999, 1.001])), rtol=2e-6)
    np.testing.assert_allclose(slope, np.tanh([1e-3, 0.999, 1.001]), rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_cosine_of_a_zero_vector(dtype: str) -> None:
    value, slope, _ = results(losses.cosine, [[0.0, 0.0], [1e2, 0.0]], [[1.0, 0.0], [0.0, 0.0]], dtype)
    np.testing.assert_array_equal(np.float64(value), 1)
    assert np.isfinite(np.float64(slope)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "binary_cross_entropy"])
def test_probabilities_of_0_in_low_precision(name: str, dtype: str) -> None:
    p, t = ig.input("p", (2,), dtype), ig.constant([0.0, 1.0], dtype)
    loss = losses.find(name)(p, t)
    value, slope = ig.evaluate([loss, ig.grad(loss, p)], p=[1.0, 0.0])
    assert 10 < float(value) < 42
    assert np.isfinite(np.float64(slope)).all()
    assert slope[1] < -1e4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@each_case
def test_low_precision(row: dict[str, Any], dtype: str) -> None:
    prediction, target, options = numbers(row)
    p = ig.input("p", prediction.shape, dtype)
    t = ig.input("t", target.shape, dtype if target.dtype.kind == "f" else "int64")
    loss = losses.find(row["loss"])(p, t, **options)
    assert str(loss.dtype) == dtype
    value, slope = ig.evaluate([loss, ig.grad(loss, p)], p=prediction, t=target)
    digits = 5e-3 if dtype == "float16" else 4e-2
    np.testing.assert_allclose(
        np.float64(value), np.mean(row["losses"]), atol=digits * np.abs(row["losses"]).mean()
    )
    gradient = np.array(row["gradient"])
    np.testing.assert_allclose(
        np.float64(slope), gradient, rtol=10 * digits, atol=digits * abs(gradient).max()
    )


# ------------------------------------------------------------------------------------------ penalties


def test_penalties() -> None:
    a, b = np.array([1.0, -2.0, 0.0]), np.array([[3.0]])
    values = {"a": ig.constant(a), "b": [ig.constant(b)]}
    found = ig.evaluate(
        [losses.l1(values, 0.5), losses.l2(values, 0.1), losses.elastic_net(values, 0.5, 0.1)]
    )
    np.testing.assert_allclose(found, [3.0, 1.4, 4.4])
    w = ig.parameter("w", (3,), "float64", init=a)
    slopes = ig.evaluate([ig.grad(losses.l1(w, 0.5), w), ig.grad(losses.l2(w, 0.5), w)])
    np.testing.assert_array_equal(slopes, [[0.5, -0.5, 0], a])


def test_a_penalty_on_a_layer() -> None:
    dense = ig.nn.Dense(2, name="dense")
    dense(ig.input("x", ("n", 3)))
    f = ig.compile(losses.l2(dense, 0.1))
    np.testing.assert_allclose(f(), 0.1 * sum((f.state[key] ** 2).sum() for key in f.state), rtol=1e-6)


# ------------------------------------------------------------------------------------------ more axes


@pytest.mark.parametrize("row", [r for r in REFERENCE if np.ndim(r["losses"]) == 1], ids=case_name)
def test_more_axes_are_more_examples(row: dict[str, Any]) -> None:
    """A sequence in each example, under a mask by position: as in one long batch."""
    prediction, target, options = numbers(row)
    options.pop("variance", None)
    loss = losses.find(row["loss"])
    size, count = prediction.shape[1:], len(prediction)
    p = ig.input("p", ("n", "t", *size), "float64")
    t = ig.input("t", ("n", "t", *target.shape[1:]), str(target.dtype))
    mask = ig.input("mask", ("n", "t"), "bool")
    order = np.random.default_rng(0).permutation(np.arange(6) % count)
    fed = {"p": prediction[order].reshape(2, 3, *size), "t": target[order].reshape(2, 3, *target.shape[1:])}
    kept = np.array([[True, False, True], [True, True, False]])
    wanted = [loss(p, t, reduction="none", **options), loss(p, t, weights=mask, **options)]
    found = ig.evaluate(wanted, **fed, mask=kept)
    each = np.array(row["losses"])[order].reshape(2, 3)
    np.testing.assert_allclose(found[0], each, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[1], each[kept].mean(), rtol=1e-12)


def test_a_penalty_takes_several_layers() -> None:
    layers = [ig.nn.Dense(2, name="a"), ig.nn.Dense(3, name="b")]
    for layer in layers:
        layer(ig.input("x", ("batch", 4)))
    f = ig.compile([ig.losses.l2(layers, 0.5), *(ig.losses.l2(layer, 0.5) for layer in layers)])
    both, a, b = f()
    assert both == pytest.approx(a + b)
