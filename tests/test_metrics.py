"""Metrics: against scikit-learn over uneven batches, on values of a graph, and for what does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import sklearn.metrics as sk

import irgraph as ig
from irgraph import metrics
from irgraph.errors import FeedError, GraphError, IrgraphError, ShapeError
from irgraph.metrics import Metric

Array = np.ndarray[Any, Any]
BATCHES = [0, 1, 8, 9, 40, 57, 57, 60]  # of 1, 7, 1, 31, 17, 0 and 3 examples
RANDOM = np.random.default_rng(5)
N, C = BATCHES[-1], 6
SCORES = RANDOM.normal(size=(N, C)).astype("float32")
SCORES[:, 4] = -9  # a class that is never taken
TRUE = RANDOM.choice([0, 1, 2, 3, 4], N, p=[0.4, 0.3, 0.1, 0.1, 0.1])  # and one, 5, that is never true
TAKEN = SCORES.argmax(1)
ONE_HOT = np.eye(C, dtype="float32")[TRUE]
CHANCES = RANDOM.uniform(size=N).astype("float32")
BINARY = (RANDOM.uniform(size=N) < 0.5 * CHANCES + 0.2).astype("int64")
ABOVE = CHANCES > 0.5
NUMBERS = RANDOM.normal(size=(N, 3)) + 5
OTHERS = NUMBERS + RANDOM.normal(size=(N, 3)) * [0.1, 1, 5]


def batch_sums(metric: Metric, prediction: Array, target: Array) -> dict[str, Any]:
    """The parts of all batches, added up in NumPy."""
    p = ig.input("p", ("n", *prediction.shape[1:]), str(prediction.dtype))
    t = ig.input("t", ("n", *target.shape[1:]), str(target.dtype))
    parts = ig.compile(dict(metric.parts(p, t)))
    total: dict[str, Any] = {}
    for start, stop in pairwise(BATCHES):
        for name, part in parts(p=prediction[start:stop], t=target[start:stop]).items():
            total[name] = total.get(name, 0) + part
    return total


def scores(function: Callable[..., Any], **options: Any) -> Callable[[], Any]:
    return lambda: function(TRUE, TAKEN, zero_division=0, **options)


def binary(function: Callable[..., Any]) -> Callable[[], Any]:
    return lambda: function(BINARY, ABOVE)


def top(k: int) -> Callable[[], Any]:
    return lambda: sk.top_k_accuracy_score(TRUE, SCORES, k=k, labels=range(C))


ALL = {"labels": range(C), "average": None}
CASES: dict[str, tuple[Metric, Array, Array, Callable[[], Any]]] = {
    "accuracy": (metrics.accuracy, SCORES, TRUE, lambda: sk.accuracy_score(TRUE, TAKEN)),
    "accuracy, int32": (
        metrics.accuracy,
        SCORES,
        TRUE.astype("int32"),
        lambda: sk.accuracy_score(TRUE, TAKEN),
    ),
    "accuracy, one-hot": (metrics.accuracy, SCORES, ONE_HOT, lambda: sk.accuracy_score(TRUE, TAKEN)),
    "accuracy, bools": (metrics.accuracy, SCORES, ONE_HOT > 0, lambda: sk.accuracy_score(TRUE, TAKEN)),
    "accuracy, binary": (metrics.find("binary_accuracy"), CHANCES, BINARY, binary(sk.accuracy_score)),
    "accuracy, column": (
        metrics.find("binary_accuracy"),
        CHANCES[:, None],
        BINARY[:, None].astype("float32"),
        binary(sk.accuracy_score),
    ),
    "accuracy, logits": (
        metrics.accuracy.of(threshold=0),
        scipy.special.logit(CHANCES),
        BINARY > 0,
        binary(sk.accuracy_score),
    ),
    **{f"top {k}": (metrics.find(f"top_{k}_accuracy"), SCORES, TRUE, top(k)) for k in (1, 2, 5)},
    "confusion": (
        metrics.confusion_matrix,
        SCORES,
        TRUE,
        lambda: sk.confusion_matrix(TRUE, TAKEN, labels=range(C)),
    ),
    "confusion, one-hot": (
        metrics.confusion_matrix,
        SCORES,
        ONE_HOT,
        lambda: sk.confusion_matrix(TRUE, TAKEN, labels=range(C)),
    ),
    "confusion, binary": (
        metrics.confusion_matrix.of(threshold=0.5),
        CHANCES,
        BINARY,
        binary(sk.confusion_matrix),
    ),
    **{
        f"{metric.name}, {average}": (
            metric.of(average=average),
            SCORES,
            TRUE,
            scores(function, **(ALL if average == "none" else {"average": average})),
        )
        for metric, function in [
            (metrics.precision, sk.precision_score),
            (metrics.recall, sk.recall_score),
            (metrics.f1, sk.f1_score),
        ]
        for average in ("macro", "micro", "weighted", "none")
    },
    "precision": (metrics.precision, SCORES, TRUE, scores(sk.precision_score, average="macro")),
    "precision, binary": (
        metrics.precision.of(threshold=0.5),
        CHANCES,
        BINARY,
        binary(sk.precision_score),
    ),
    "recall, binary": (metrics.recall.of(threshold=0.5), CHANCES, BINARY, binary(sk.recall_score)),
    "f1, binary": (metrics.f1.of(threshold=0.5), CHANCES, BINARY, binary(sk.f1_score)),
    "r2": (metrics.r2, OTHERS, NUMBERS, lambda: sk.r2_score(NUMBERS, OTHERS)),
    "r2, one output": (
        metrics.r2,
        OTHERS[:, 0],
        NUMBERS[:, 0],
        lambda: sk.r2_score(NUMBERS[:, 0], OTHERS[:, 0]),
    ),
    "mae": (
        metrics.mean_absolute_error,
        OTHERS,
        NUMBERS,
        lambda: sk.mean_absolute_error(NUMBERS, OTHERS),
    ),
    "mse": (metrics.mean_squared_error, OTHERS, NUMBERS, lambda: sk.mean_squared_error(NUMBERS, OTHERS)),
    "perplexity": (
        metrics.perplexity,
        SCORES,
        TRUE,
        lambda: math.exp(
            sk.log_loss(TRUE, scipy.special.softmax(SCORES.astype("float64"), 1), labels=range(C))
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_batches_together_are_what_scikit_learn_gives_for_all(case: str) -> None:
    metric, prediction, target, expected = CASES[case]
    found = metric.finish(batch_sums(metric, prediction, target))
    np.testing.assert_allclose(found, expected(), rtol=1e-6 if case == "perplexity" else 1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_batch_in_the_graph_is_what_scikit_learn_gives(case: str) -> None:
    metric, prediction, target, expected = CASES[case]
    found = ig.evaluate(metric(ig.constant(prediction), ig.constant(target)))
    np.testing.assert_allclose(found, expected(), rtol=1e-6 if case == "perplexity" else 1e-12)


def test_every_metric_has_a_case() -> None:
    tried = {metric.name for metric, *_ in CASES.values()}
    names = {"top_5_accuracy" if name == "top_k_accuracy" else name for name in metrics.METRICS}
    assert names <= tried


@pytest.mark.parametrize(
    ("target", "prediction", "expected"), [(0.1, 0.1, 1), (0.1, 0.3, 0), (1e6, 0.0, 0), (0.0, 0.0, 1)]
)
def test_r2_of_equal_targets(target: float, prediction: float, expected: int) -> None:
    """As scikit-learn's where it finds them equal; it takes the rounding of 0.1 for a spread."""
    p, t = np.full(N, prediction), np.full(N, target)
    assert metrics.r2.finish(batch_sums(metrics.r2, p, t)) == expected
    assert ig.evaluate(metrics.r2(ig.constant(p), ig.constant(t))) == expected


def test_nothing_yet_is_zero() -> None:
    sums = batch_sums(metrics.f1, SCORES[:0], TRUE[:0])
    assert metrics.f1.finish(sums) == 0
    assert metrics.accuracy.finish({"hits": 0, "count": 0}) == 0


def test_equal_scores_give_the_first_class() -> None:
    zeros = ig.constant(np.zeros((3, 4), "float32"))
    found = [m(zeros, [0, 1, 3]) for m in (metrics.accuracy, metrics.top_k_accuracy.of(k=2))]
    np.testing.assert_allclose(ig.evaluate(found), [1 / 3, 2 / 3])


def test_a_metric_of_a_loss() -> None:
    metric = metrics.average(ig.losses.softmax_cross_entropy)
    found = metric.finish(batch_sums(metric, SCORES, TRUE))
    exact = -scipy.special.log_softmax(SCORES.astype("float64"), 1)[np.arange(N), TRUE].mean()
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    assert metric.name == "softmax_cross_entropy"


def test_a_metric_of_ones_own() -> None:
    def parts(p: Any, t: Any) -> Mapping[str, ig.Value]:
        return {"worst": ig.max(ig.abs(p - t))}

    worst = Metric("worst", parts, lambda sums: sums["worst"])
    assert ig.evaluate(worst(ig.constant([1.0, 5.0]), ig.constant([1.0, 2.0]))) == 3


@pytest.mark.parametrize("name", ["accuracy", "top_2_accuracy", "confusion_matrix", "f1", "perplexity"])
def test_a_sequence_is_so_many_examples(name: str) -> None:
    metric = metrics.find(name)
    p, t = ig.input("p", ("n", "t", C)), ig.input("t", ("n", "t"), "int64")
    found = ig.evaluate(metric(p, t), p=SCORES.reshape(5, 12, C), t=TRUE.reshape(5, 12))
    np.testing.assert_allclose(found, metric.finish(batch_sums(metric, SCORES, TRUE)), rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_parts_and_value_are_exported(case: str, tmp_path: Path) -> None:
    metric, prediction, target, _ = CASES[case]
    p = ig.input("p", ("n", *prediction.shape[1:]), str(prediction.dtype))
    t = ig.input("t", ("n", *target.shape[1:]), str(target.dtype))
    saved = ig.compile({**metric.parts(p, t), "value": metric(p, t)})
    assert ig.onnx.save(saved, tmp_path / "metric.onnx").difference < 1e-6


# ------------------------------------------------------------------------------------------ bad input

Z, Y = ig.input("z", ("n", 3)), ig.input("label", ("n",), "int64")
P, TALL = ig.input("p", ("n",)), ig.input("tall", ("n", 1), "int64")
OF_CLASSES = ["accuracy", "confusion_matrix", "precision", "recall", "f1", "top_2_accuracy"]


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize("bad", [-1, 3])
def test_a_label_outside_the_classes_is_named(name: str, bad: int) -> None:
    f = ig.compile(metrics.find(name)(Z, Y))
    with pytest.raises(FeedError, match=rf"the index {bad} at \[1\] of label; needed integers from 0 to 2"):
        f(z=np.zeros((3, 3)), label=[0, bad, 1])


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: metrics.accuracy(Z, TALL), ShapeError, "metrics do not broadcast"),
        (
            lambda: metrics.accuracy(Z, ig.input("y", ("m",), "int64")),
            ShapeError,
            "integer labels of shape (n,)",
        ),
        (lambda: metrics.accuracy(P, Y), ShapeError, "accuracy.of(threshold=0.5) of probabilities"),
        (lambda: metrics.f1(ig.input("c", ("n", 1)), TALL), ShapeError, "f1.of(threshold=0.5)"),
        (lambda: metrics.accuracy.of(threshold=0)(P, TALL), ShapeError, "metrics do not broadcast"),
        (lambda: metrics.accuracy(Z, P), IrgraphError, "integer labels"),
        (lambda: metrics.accuracy(ig.input("s", ()), Y), ShapeError, "a last axis of classes"),
        (lambda: metrics.top_k_accuracy(Z, Y), ShapeError, "the best 5 of"),
        (lambda: metrics.top_k_accuracy.of(k=0), GraphError, "found k 0; needed at least 1 class"),
        (
            lambda: metrics.top_k_accuracy.of(top=3),
            GraphError,
            "the option 'top' of top_5_accuracy; needed one of k",
        ),
        (lambda: metrics.r2.of(k=3), GraphError, "none: it has no options"),
        (lambda: metrics.top_k_accuracy.of(k="three"), IrgraphError, "k='three'"),
        (
            lambda: metrics.precision.of(average="mean"),
            GraphError,
            "average='mean' of precision; needed one of macro",
        ),
        (
            lambda: metrics.precision.of(average="binary")(Z, Y),
            ShapeError,
            "precision of 3 classes as of two",
        ),
        (
            lambda: metrics.confusion_matrix(ig.input("d", ("n", "k")), Y),
            ShapeError,
            "confusion_matrix of k classes",
        ),
        (lambda: metrics.r2(P, TALL), ShapeError, "equal shapes"),
        (lambda: metrics.r2(ig.input("s", ()), ig.input("u", ())), ShapeError, "a first axis of examples"),
        (lambda: metrics.mean_squared_error(P, ig.input("c", ("n", 1))), ShapeError, "equal shapes"),
        (lambda: metrics.find("acc"), GraphError, "Did you mean 'accuracy'?"),
        (lambda: metrics.find("top_0_accuracy"), GraphError, "found the metric 'top_0_accuracy'"),
        (lambda: metrics.find(None), IrgraphError, "None as the name of a metric"),  # type: ignore[arg-type]
    ],
)
def test_bad_input(build: Callable[[], object], error: type[IrgraphError], says: str) -> None:
    with pytest.raises(error) as caught:
        build()
    assert says in str(caught.value)
    assert "test_metrics.py:" in str(caught.value)
