"""Layers: initial weights, statistics, masks, what is unshared, and errors that name both layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import nn
from irgraph.errors import DTypeError, FeedError, IrgraphError, ShapeError

Array = np.ndarray[Any, Any]


def x(*shape: int | str, dtype: str = "float32", name: str = "x") -> ig.Value:
    return ig.input(name, ("batch", *shape), dtype)


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# ------------------------------------------------------------------------------------ initial weights


@pytest.mark.parametrize(
    ("layer", "shape", "fans"),
    [
        (lambda init: nn.Dense(300, weight_init=init), (200,), (200, 300)),
        (lambda init: nn.Conv1D(80, 7, weight_init=init), (60, 9), (420, 560)),
        (lambda init: nn.Conv2D(64, (3, 5), groups=2, weight_init=init), (32, 9, 9), (240, 960)),
        (lambda init: nn.LocallyConnected2D(9, 3, weight_init=init), (5, 14, 14), (45, 81)),
        (lambda init: nn.MultiHeadAttention(4, weight_init=init), (5, 64), (64, 64)),
    ],
)
def test_weights_spread_by_their_fans(
    layer: Callable[[Any], nn.Layer], shape: tuple[int, ...], fans: tuple[int, int]
) -> None:
    """Whatever layout the initializer was written for."""
    wanted = {
        ig.init.he_normal(): 2 / fans[0],
        ig.init.lecun_uniform("out_in"): 1 / fans[0],
        ig.init.glorot_uniform(): 2 / (fans[0] + fans[1]),
    }
    for init, variance in wanted.items():
        made = layer(init)
        f = ig.compile(made(x(*shape)), seed=5)
        (path,) = [path for path in made.parameters if path.endswith((".w", "query.w"))][:1]
        assert abs(f.state[path].var() / variance - 1) < 0.08


def test_unshared_weights_of_a_place_are_orthogonal() -> None:
    layer = nn.LocallyConnected1D(4, 3, weight_init=ig.init.orthogonal(), name="local")
    f = ig.compile(layer(x(2, 7)))
    for place in f.state["local.w"].reshape(5, 6, 4):
        np.testing.assert_allclose(place.T @ place, np.eye(4), atol=1e-5)


# ---------------------------------------------------------------------------------------- statistics


def test_batch_statistics_are_kept_for_inference() -> None:
    layer = nn.BatchNorm(0.8, epsilon=1e-3, name="norm")
    step = ig.compile(layer(x(3, 4), training=True))
    predict = ig.compile(layer(x(3, 4)), state=step.state)
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(4):
        batch = random(6, 3, 4, seed=seed) * 2 + 1
        found = step(x=batch)
        centre, spread = (each[:, None] for each in (batch.mean((0, 2)), batch.var((0, 2))))
        np.testing.assert_allclose(found, (batch - centre) / np.sqrt(spread + 1e-3), atol=1e-5)
        mean, variance = 0.8 * mean + 0.2 * centre[:, 0], 0.8 * variance + 0.2 * spread[:, 0]
    np.testing.assert_allclose(step.state["norm.mean"], mean, atol=1e-5)
    np.testing.assert_allclose(step.state["norm.variance"], variance, atol=1e-5)
    expected = (batch - mean[:, None]) / np.sqrt(variance[:, None] + 1e-3)
    np.testing.assert_allclose(predict(x=batch), expected, atol=1e-5)
    assert list(layer.states) == ["norm.mean", "norm.variance"]
    assert list(layer.parameters) == ["norm.scale", "norm.bias"]


def test_a_frozen_layer_keeps_its_statistics() -> None:
    model = nn.Sequential([nn.Dense(3), nn.BatchNorm()], name="net")
    model(x(4))
    model.layers[1].freeze()
    loss = (model(x(4), training=True) ** 2).mean()
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    before = {name: step.state[name] for name in step.state}
    step(x=random(5, 4))
    changed = {name for name in before if (step.state[name] != before[name]).any()}
    assert changed == {"net.0.w", "net.0.b"}


def test_running_statistics_follow_the_calls_of_one_graph() -> None:
    """As of a layer that two branches share: each call normalizes by its own batch."""
    layer = nn.BatchNorm(momentum=0.75, name="norm")
    first, second = layer(x(3), training=True), layer(ig.input("y", ("others", 3)), training=True)
    loss = (first**3).mean() + (second**3).mean()
    step = ig.compile((loss, first, second), updates=ig.optim.SGD(0.1).minimize(loss))
    batches = random(6, 3), random(9, 3) * 2 + 1
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        scale, bias = step.state["norm.scale"], step.state["norm.bias"]
        _, *normalized = step(x=batches[0], y=batches[1])
        for batch, found in zip(batches, normalized, strict=True):
            at, spread = batch.mean(0), batch.var(0)
            np.testing.assert_allclose(found, (batch - at) / np.sqrt(spread + 1e-5) * scale + bias, atol=1e-5)
            mean, variance = 0.75 * mean + 0.25 * at, 0.75 * variance + 0.25 * spread
        np.testing.assert_allclose(step.state["norm.mean"], mean, atol=1e-6)
        np.testing.assert_allclose(step.state["norm.variance"], variance, atol=1e-5)


def test_a_running_statistic_that_is_read_besides_is_that_before_the_step() -> None:
    layer = nn.BatchNorm(name="norm")
    step = ig.compile((layer(x(3), training=True), layer(x(3, name="y"))))
    y = random(4, 3)
    found = step(x=random(4, 3), y=y)[1]
    np.testing.assert_allclose(found, y / np.sqrt(1 + 1e-5), rtol=1e-5)


# ---------------------------------------------------------------------------------------- attention


def test_causal_attention_sees_no_later_position() -> None:
    layer = nn.MultiHeadAttention(2, causal=True, name="attention")
    f = ig.compile(layer(x("time", 4)))
    batch = random(2, 6, 4)
    later = batch.copy()
    later[:, 4:] += 1
    np.testing.assert_array_equal(f(x=later)[:, :4], f(x=batch)[:, :4])
    assert (f(x=later)[:, 4:] != f(x=batch)[:, 4:]).all()
    np.testing.assert_allclose(f(x=batch[:, :3]), f(x=batch)[:, :3], atol=1e-6)


def test_masks_of_each_rank_say_the_same() -> None:
    layer = nn.MultiHeadAttention(2, 3, value_size=5, features=7, name="attention")
    keep = np.tril(np.ones((6, 6), bool))
    value, fed = ig.input("x", (2, 6, 4)), ig.input("mask", (2, 6, 6), "bool")
    masks = (keep, np.stack([keep] * 2), np.stack([keep] * 2)[:, None], fed)
    run = ig.compile([layer(value, mask=mask) for mask in masks])
    first, *others = run(x=random(2, 6, 4), mask=np.stack([keep] * 2))
    assert first.shape == (2, 6, 7)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-6)


def test_where_all_is_masked_all_weigh_the_same() -> None:
    layer = nn.MultiHeadAttention(1, bias=False, name="attention")
    y = layer(x(3, 2), mask=np.zeros((3, 3), bool))
    f = ig.compile([y, ig.grad(y.sum(), layer.parameters["attention.query.w"])])
    found, gradient = f(x=random(2, 3, 2))
    np.testing.assert_allclose(found, np.repeat(found[:, :1], 3, axis=1), atol=1e-6)
    np.testing.assert_array_equal(gradient, 0)


def test_dropped_weights_are_drawn_anew_in_training_only() -> None:
    layer = nn.MultiHeadAttention(2, dropout=0.5, name="attention")
    step = ig.compile(layer(x(5, 4), training=True))
    predict = ig.compile(layer(x(5, 4)), state=step.state)
    batch = random(2, 5, 4)
    assert (step(x=batch) != step(x=batch)).any()
    np.testing.assert_array_equal(predict(x=batch), predict(x=batch))


# -------------------------------------------------------------------------------------- other layers


def test_unshared_weights_with_equal_places_are_a_convolution() -> None:
    local, shared = nn.LocallyConnected2D(3, 3, 2, 1, name="local"), nn.Conv2D(3, 3, 2, 1, name="conv")
    image = x(2, 7, 6)
    f = ig.compile([local(image), shared(image)])
    w, b = f.state["conv.w"], random(3)
    f.state["conv.b"], f.state["local.b"] = b, np.broadcast_to(b[:, None, None], (3, 4, 3))
    f.state["local.w"] = np.broadcast_to(w.transpose(2, 3, 1, 0), (4, 3, 3, 3, 2, 3))
    one, other = f(x=random(2, 2, 7, 6))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_id_outside_of_the_table_changes_nothing() -> None:
    layer = nn.Embedding(4, 2, name="words")
    loss = (layer(x(3, dtype="int64", name="ids")) ** 2).sum()
    step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss))
    before = step.state["words.w"]
    with pytest.raises(FeedError, match=r"the index 4 at \[1, 1\] of ids; needed integers from 0 to 3"):
        step(ids=[[0, 1, 2], [3, 4, 0]])
    np.testing.assert_array_equal(step.state["words.w"], before)


# --------------------------------------------------------------------------------------------- errors

BAD: list[tuple[Callable[[], object], type[IrgraphError], str]] = [
    (
        lambda: nn.Sequential([nn.Dense(128), nn.Conv2D(6, 5)], name="net")(x(784)),
        ShapeError,
        r"shape \(batch, 128\); needed \(N, C, H, W\)(?s:.*)'net.1' \(Conv2D\).*\[batch, 128\] from 'net.0'",
    ),
    (
        lambda: nn.Sequential([nn.Conv2D(6, 5, name="first"), nn.MaxPool2D(32)], name="net")(x(1, 28, 28)),
        ShapeError,
        r"window of 32 on an axis of 24(?s:.*)'net.1' \(MaxPool2D\).*\[batch, 6, 24, 24\] from 'net.first'",
    ),
    (
        lambda: nn.Sequential([nn.Conv2D(6, 5), nn.Conv2D(6, 27, padding=1)])(x(1, 28, 28)),
        ShapeError,
        r"window of 27 on an axis of 26, padding included(?s:.*)'1' \(Conv2D\).*6, 24, 24\] from '0'",
    ),
    (
        lambda: nn.Sequential([nn.Conv2D(6, 5), nn.Conv2D(8, 3, groups=4)])(x(1, 28, 28)),
        ShapeError,
        r"6 channels in 4 groups(?s:.*)'1' \(Conv2D\).*from '0'",
    ),
    (
        lambda: nn.Sequential([nn.Conv2D(6, 5), nn.Flatten(), nn.Dense(10, input_dim=400)])(x(1, 28, 28)),
        ShapeError,
        r"3456 features, .*input_dim=400(?s:.*)'2' \(Dense\).*\[batch, 3456\] from '1'",
    ),
    (
        lambda: nn.Sequential([nn.Dense(8), nn.MultiHeadAttention(3)])(x(5, 8)),
        ShapeError,
        r"3 heads for 8 features(?s:.*)'1' \(MultiHeadAttention\).*float32\[batch, 5, 8\] from '0'",
    ),
    (lambda: nn.LocallyConnected2D(2, 9)(x(1, 5, 5)), ShapeError, r"window of 9(?s:.*)test_nn_layers.py:"),
    (lambda: nn.LocallyConnected2D(2, 3)(x(1, "h", 5)), ShapeError, "each place has weights of its own"),
    (lambda: nn.Conv2D(6, 5, groups=4), ShapeError, "6 filters in 4 groups"),
    (lambda: nn.Conv2D(6, (5, 5, 5)), ShapeError, r"kernel_size \(5, 5, 5\).* or 2 of them"),
    (
        lambda: nn.Conv2D(6, 5, paddin=1),  # type: ignore[call-arg]
        DTypeError,
        r"argument 'paddin' for Conv2D(?s:.*)Did you mean 'padding'\?",
    ),
    (lambda: nn.Conv2D(6, 5, padding="sam")(x(1, 28, 28)), ShapeError, "padding 'sam'"),
    (
        lambda: nn.Conv2D(6, 5, input_shape=(3, 28, 28))(x(1, 28, 28)),
        ShapeError,
        r"input_shape=\(3, 28, 28\)",
    ),
    (lambda: nn.Conv2D(6, 5)(x("c", 28, 28)), ShapeError, "named dim c in the shape"),
    (lambda: nn.Conv2DTranspose(2, 3, 2, output_padding=2)(x(2, 4, 4)), ShapeError, "less than the stride"),
    (lambda: nn.MultiHeadAttention(2)(x(8)), ShapeError, r"needed floats \(batch, time, features\)"),
    (
        lambda: nn.MultiHeadAttention(2, causal=True)(x("t", 8), x("s", 8, name="m")),
        ShapeError,
        "one time for all",
    ),
    (
        lambda: nn.MultiHeadAttention(2)(x("t", 8), mask=np.ones((5, 3), bool)),
        ShapeError,
        r"where|mask of shape \(5, 3\); needed one that broadcasts to \(batch, 2, t, t\)",
    ),
    (lambda: nn.MultiHeadAttention(2)(x("t", 8), mask=np.ones((1, 1))), DTypeError, "mask of dtype float64"),
    (lambda: nn.MultiHeadAttention(2, dropout=1.0), ShapeError, "dropout rate of 1.0"),
    (lambda: nn.TransformerBlock(8, 2)(x(5, 6)), ShapeError, r"6 features(?s:.*)features=8"),
    (lambda: nn.BatchNorm()(ig.input("x", ("batch",))), ShapeError, r"\(N, C, …\): channels are axis 1"),
    (lambda: nn.BatchNorm(1.0), ShapeError, "a momentum of 1.0"),
    (lambda: nn.LayerNorm(epsilon=0), ShapeError, "epsilon=0"),
    (lambda: nn.LayerNorm(-3)(x(3)), ShapeError, "axis -3"),
    (lambda: nn.GroupNorm(4)(x(6, 2)), ShapeError, "4 groups of"),
    (lambda: nn.Embedding(4, 2)(x(6)), DTypeError, r"ids of dtype float32(?s:.*)\.astype\('int64'\)"),
    (lambda: nn.Embedding(0, 2), ShapeError, "count=0"),
    (lambda: nn.PositionalEncoding()(x()), ShapeError, r"floats \(…, time, features\)"),
    (lambda: nn.GlobalMaxPool()(x(3)), ShapeError, r"images \(N, C, …\)"),
    (lambda: nn.MaxPool2D(0), ShapeError, "pool_size 0"),
    (lambda: nn.Reshape((3, 5))(x(16)), ShapeError, "15\\*batch"),
    (
        lambda: nn.MultiHeadAttention(2)(x(5, 8), msk=None),
        DTypeError,
        r"unexpected keyword argument 'msk'(?s:.*)options of a call are: training, mask(?s:.*)layer 'multi",
    ),
    (
        lambda: nn.Block(lambda x, a: a(x), a=nn.Dense(2))(x(5), x(4)),
        DTypeError,
        r"call of Block on 2 values: multiple values for argument 'a'; needed <lambda>\(x, a\)",
    ),
    (lambda: nn.Dense(2)(x(5), x(4)), DTypeError, r"Dense on 2 values: too many positional arguments"),
]


@pytest.mark.parametrize(("build", "error", "message"), BAD)
def test_what_does_not_fit_is_named(
    build: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as found:
        build()
    assert "test_nn_layers.py:" in str(found.value)


def test_a_layer_refuses_images_of_other_channels() -> None:
    layer = nn.Conv2D(6, 5)
    layer(x(1, 28, 28))
    with pytest.raises(
        ShapeError, match=r"'conv2d.w' of shape \(6, 3, 5, 5\); needed one for \(6, 1, 5, 5\)"
    ):
        layer(x(3, 28, 28, name="y"))
