"""Initializers: their moments, their layouts, their text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

import irgraph as ig
from irgraph.errors import GraphError, IrgraphError, ShapeError
from irgraph.init import Initializer

DENSE, CONV = (150, 250), (60, 20, 5, 7)  # fans (150, 250), and for out_in (700, 2100)


def drawn(init: Initializer, shape: tuple[int, ...], seed: int = 0) -> Any:
    return ig.compile(ig.parameter("w", shape, "float64", init=init), seed=seed).state["w"]


VARIANCES = [
    (ig.init.glorot_uniform, 2 / (150 + 250), 2 / (700 + 2100)),
    (ig.init.glorot_normal, 2 / (150 + 250), 2 / (700 + 2100)),
    (ig.init.he_uniform, 2 / 150, 2 / 700),
    (ig.init.he_normal, 2 / 150, 2 / 700),
    (ig.init.lecun_uniform, 1 / 150, 1 / 700),
    (ig.init.lecun_normal, 1 / 150, 1 / 700),
]


@pytest.mark.parametrize(("make", "dense", "conv"), VARIANCES, ids=lambda each: getattr(each, "__name__", ""))
def test_variance_follows_the_fans_of_the_layout(
    make: Callable[..., Initializer], dense: float, conv: float
) -> None:
    cases = [
        (make(), DENSE, dense),
        (make("out_in"), DENSE[::-1], dense),
        (make("out_in"), CONV, conv),
        (make(), (5, 7, 20, 60), conv),
    ]
    for init, shape, variance in cases:
        w = drawn(init, shape)
        std, count = math.sqrt(variance), w.size
        assert abs(w.mean()) < 4 * std / math.sqrt(count)
        assert abs(w.var() / variance - 1) < 4 * math.sqrt(2 / count)  # of a normal; a uniform has less
        known = scipy.stats.norm(scale=std)
        if make.__name__.endswith("uniform"):
            known = scipy.stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)
        assert scipy.stats.kstest(w.reshape(-1), known.cdf).pvalue > 1e-3


@pytest.mark.parametrize("groups", [1, 4])
def test_a_convolution_keeps_the_size_of_what_enters(groups: int) -> None:
    x = ig.input("x", ("n", 16, 12, 12), "float64")
    w = ig.parameter("w", (32, 16 // groups, 3, 3), "float64", init=ig.init.lecun_normal("out_in"))
    step = ig.compile(ig.conv2d(x, w, groups=groups))
    y = step(x=np.random.default_rng(0).normal(size=(20, 16, 12, 12)))
    assert y.std() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("limit", [0.1, 1.0, 2.0, 9.0])
def test_truncated_normal(limit: float) -> None:
    w = drawn(ig.init.truncated_normal(3.0, 0.5, limit), (200, 300)).reshape(-1)
    assert np.abs(w - 3.0).max() <= 0.5 * limit
    known = scipy.stats.truncnorm(-limit, limit, loc=3.0, scale=0.5)
    assert scipy.stats.kstest(w, known.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "layout", "matrix"),
    [
        ((30, 30), "in_out", (30, 30)),
        ((40, 10), "in_out", (40, 10)),
        ((10, 40), "in_out", (10, 40)),
        ((3, 4, 10), "in_out", (12, 10)),
        ((20, 3, 5, 5), "out_in", (20, 75)),
        ((1, 1), "in_out", (1, 1)),
        ((0, 4), "in_out", (0, 4)),
    ],
)
def test_orthogonal(shape: tuple[int, ...], layout: str, matrix: tuple[int, int]) -> None:
    w = drawn(ig.init.orthogonal(2.0, layout), shape).reshape(matrix)
    gram = w @ w.T if matrix[0] <= matrix[1] else w.T @ w
    np.testing.assert_allclose(gram, 4.0 * np.eye(min(matrix)), atol=1e-12)


def test_orthogonal_matrices_are_spread_evenly() -> None:
    """Under Haar's measure the trace of a 3 x 3 has mean 0 and variance 1; QR alone gives a mean of -0.5."""
    traces = [np.trace(drawn(ig.init.orthogonal(), (3, 3), seed)) for seed in range(400)]
    assert abs(np.mean(traces)) < 4 / 20
    assert np.var(traces) == pytest.approx(1.0, abs=0.3)


ALL = [
    ig.init.zeros(),
    ig.init.constant(2.5),
    ig.init.normal(1.0, 0.5),
    ig.init.uniform(0.0, 3.0),
    ig.init.truncated_normal(),
    ig.init.truncated_normal(0.0, 0.02, 3.0),
    ig.init.orthogonal(),
    ig.init.orthogonal(1.5, "out_in"),
    *(make(*layout) for make, _, _ in VARIANCES for layout in [(), ("out_in",)]),
]


@pytest.mark.parametrize("init", ALL, ids=repr)
def test_the_text_reads_back(init: Initializer) -> None:
    graph = ig.Graph({"w": ig.parameter("w", (6, 4), init=init) * 1.0})
    again = ig.parse(str(graph))
    assert again.structure() == graph.structure()
    before, after = (ig.compile(list(each.outputs), seed=3)() for each in (graph, again))
    np.testing.assert_array_equal(before, after)


def test_the_default_layout_is_not_printed() -> None:
    text = str(ig.Graph({"w": ig.parameter("w", (6, 4), init=ig.init.he_normal()) * 1.0}))
    assert "init=he_normal()" in text


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: ig.init.he_normal("io"), GraphError, "found the layout 'io'"),
        (lambda: ig.init.orthogonal(1.0, "oihw"), GraphError, '"out_in" for (out, in, …)'),
        (lambda: ig.init.truncated_normal(limit=0.0), GraphError, "a limit of at least 0.1"),
        (lambda: ig.init.truncated_normal(limit=float("nan")), GraphError, "a limit of at least 0.1"),
        (lambda: drawn(ig.init.orthogonal(), (4,)), ShapeError, "at least two axes (in, out)"),
        (lambda: drawn(ig.init.he_normal("out_in"), (4,)), ShapeError, "at least two axes (out, in)"),
    ],
)
def test_bad_initializers(make: Callable[[], object], error: type[IrgraphError], says: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert says in str(caught.value)
