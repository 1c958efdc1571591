"""Losses of targets that do not fit: refused when built, or when run, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import losses
from irgraph.errors import DTypeError, FeedError, GraphError, IrgraphError, ShapeError

N, N1, M = ig.input("n", ("n",)), ig.input("n1", ("n", 1)), ig.input("m", ("m",))
LOGITS, WIDE = ig.input("z", ("n", 3)), ig.input("wide", ("n", 3), "float64")
LABELS, TALL = ig.input("y", ("n",), "int64"), ig.input("tall", ("n", 1), "int64")
OF_CLASSES = ["softmax_cross_entropy", "cross_entropy", "negative_log_likelihood", "multiclass_hinge"]
ELEMENTWISE = sorted(set(losses.LOSSES) - set(OF_CLASSES) - {"kl_divergence", "cosine"})


def test_labels_that_are_floats_are_told_to_be_integers() -> None:
    logits, target = ig.input("logits", ("n", 3)), ig.input("target", ("n",))
    with pytest.raises(ShapeError, match=r"shape \(n, 3\), or labels of an integer dtype, not of float32"):
        ig.losses.softmax_cross_entropy(logits, target)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nothing_broadcasts(name: str) -> None:
    loss = losses.find(name)
    for prediction, target in [(N, N1), (N1, N), (N, M), (N1, ig.input("k", ("n", 2))), (LOGITS, N1)]:
        with pytest.raises(ShapeError, match=r"test_losses_bad_input\.py:\d+") as caught:
            loss(prediction, target)
        assert "losses and metrics do not broadcast" in str(caught.value)
    with pytest.raises(ShapeError):
        loss(ig.input("one", (1,)), N)  # which would fit a batch of 1


@pytest.mark.parametrize("name", OF_CLASSES)
def test_labels_of_another_shape_or_dtype(name: str) -> None:
    loss = losses.find(name)
    for target in (TALL, ig.input("deep", ("n", 3), "int64"), ig.input("few", ("m",), "int64")):
        with pytest.raises(ShapeError, match=r"integer labels of shape \(n,\)"):
            loss(LOGITS, target)
    with pytest.raises(DTypeError, match="integer labels"):
        loss(LOGITS, ig.input("bools", ("n",), "bool"))
    with pytest.raises(IrgraphError, match=r"integer labels|probabilities of shape \(n, 3\)"):
        loss(LOGITS, N)
    with pytest.raises(DTypeError, match="integer labels"):
        loss(LOGITS, WIDE)
    with pytest.raises(ShapeError, match="a last axis of classes"):
        loss(ig.input("scalar", ()), LABELS)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "cross_entropy", "kl_divergence"])
@pytest.mark.parametrize("shape", [("n", 4), ("n",), (3,), ("n", 1, 3)])
def test_probabilities_of_another_shape(name: str, shape: Any) -> None:
    with pytest.raises(ShapeError, match="prediction of shape"):
        losses.find(name)(LOGITS, ig.input("target", shape))


@pytest.mark.parametrize("name", [*OF_CLASSES, "sigmoid_cross_entropy", "binary_cross_entropy", "hinge"])
@pytest.mark.parametrize("bad", [-2, 3, 2**40, -(2**40)])
def test_a_label_outside_the_classes_is_named_and_changes_nothing(name: str, bad: int) -> None:
    classes = name in OF_CLASSES
    x, y = ig.input("x", ("n", 2)), ig.input("label", ("n",), "int64")
    w = ig.parameter("w", (2, 3) if classes else (2,), init=0.5)
    loss = losses.find(name)(ig.softmax(x @ w) if classes else ig.sigmoid(x @ w), y)  # the loss
    step = ig.compile(loss, updates=ig.optim.SGD(0.1, momentum=0.9).minimize(loss))
    fed = np.random.default_rng(0).normal(size=(4, 2))
    step(x=fed, label=[0, 1, 1, 0])
    before = {key: step.state[key] for key in step.state}
    with pytest.raises(FeedError) as caught:
        step(x=fed, label=[0, 1, bad, 0])
    shown = bad + 1 if name == "hinge" else bad
    needed = f"integers from 0 to {1 if name in ('sigmoid_cross_entropy', 'binary_cross_entropy') else 2}"
    for part in (
        f"the index {shown} at [2] of label",
        needed,
        "# the loss",
        "Nothing was changed in the state",
    ):
        assert part in str(caught.value)
    for key, array in before.items():
        np.testing.assert_array_equal(step.state[key], array)
    step(x=fed, label=[0, 1, 1, 0])


@pytest.mark.parametrize("name", OF_CLASSES)
def test_known_labels_do_not_count_from_the_end(name: str) -> None:
    with pytest.raises(FeedError, match="the index -1"):
        ig.evaluate(losses.find(name)(ig.constant([[0.2, 0.8]]), [-1]))


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: losses.squared_error(N, LABELS), DTypeError, '.astype("float32")'),
        (lambda: losses.squared_error(LOGITS, WIDE), DTypeError, "one float dtype"),
        (lambda: losses.squared_error(N, N, reduction="average"), GraphError, '"mean", "sum" or "none"'),  # type: ignore[arg-type]
        (lambda: losses.squared_error(N, N, weights=M), ShapeError, "one for each example"),
        (lambda: losses.squared_error(N, N, weights=2.0), ShapeError, "one for each example"),
        (lambda: losses.squared_error(LOGITS, LOGITS, weights=N1), ShapeError, "one for each example"),
        (
            lambda: losses.squared_error(N, N, weights=ig.input("w", ("n",), "float64")),
            DTypeError,
            "Cast the weights",
        ),
        (lambda: losses.huber(N, N, 0.0), GraphError, "found delta 0.0; needed a number above 0"),
        (lambda: losses.huber(N, N, "wide"), DTypeError, "huber with delta='wide'"),  # type: ignore[arg-type]
        (lambda: losses.hinge(N, N, -1.0), GraphError, "margin -1.0"),
        (lambda: losses.multiclass_hinge(LOGITS, LABELS, form="mean"), GraphError, '"max" or "sum"'),  # type: ignore[arg-type]
        (lambda: losses.softmax_cross_entropy(LOGITS, LABELS, label_smoothing=2.0), GraphError, "0 to 1"),
        (lambda: losses.gaussian_nll(N, N, -1.0), GraphError, "variance -1.0"),
        (lambda: losses.gaussian_nll(N, N, N1), ShapeError, "gaussian_nll's variance"),
        (lambda: losses.sigmoid_cross_entropy(N, ig.input("d", ("n",), "float64")), DTypeError, "one dtype"),
        (lambda: losses.l1([]), GraphError, "no values"),
        (lambda: losses.l2([1.0]), DTypeError, "1.0 in what l2 is of"),
        (lambda: losses.l2(N, -0.1), GraphError, "strength -0.1"),
        (lambda: losses.find("mse"), GraphError, "Did you mean 'squared_error'?"),
        (lambda: losses.find("softmax_crossentropy"), GraphError, "Did you mean 'softmax_cross_entropy'"),
        (lambda: losses.find("zzz"), GraphError, "found the loss 'zzz'; needed one of absolute_error, "),
        (lambda: losses.find(3), DTypeError, "3 as the name of a loss"),  # type: ignore[arg-type]
    ],
)
def test_bad_input(build: Callable[[], object], error: type[IrgraphError], says: str) -> None:
    with pytest.raises(error) as caught:
        build()
    assert says in str(caught.value)
    assert "test_losses_bad_input.py:" in str(caught.value)
