"""Pooling where the table of cases does not look: ties, blocks, infinite cotangents, shared ONNX nodes."""

from __future__ import annotations

import numpy as np
import pytest

import irgraph as ig
from irgraph.onnx import to_model
from irgraph.testing.cases import oracles
from irgraph_array import pooling


@pytest.mark.parametrize("stride", [1, 2])
def test_the_first_of_equal_maxima_gets_the_gradient(stride: int) -> None:
    x = ig.input("x", (1, 1, 4, 4), "float64")
    gradient = ig.grad(ig.max_pool(x, 2, stride).sum(), x)
    found = ig.evaluate(gradient, x=np.zeros((1, 1, 4, 4)))
    expected = np.zeros((4, 4))
    expected[: 5 - stride : stride, : 5 - stride : stride][: 4 // stride, : 4 // stride] = 1
    if stride == 1:
        expected[3] = expected[:, 3] = 0
    np.testing.assert_array_equal(found[0, 0], expected)


@pytest.mark.parametrize("nbytes", [1, 1_000, 1 << 20])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, nbytes: int) -> None:
    monkeypatch.setattr(pooling, "BLOCK_BYTES", nbytes)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (5, 2, 7, 6)).astype(float)  # many ties
    g = rng.standard_normal((5, 2, 4, 3))
    window = ((3, 2), (2, 2), [(1, 1), (0, 0)], (1, 1))
    xs, gs = ig.input("x", x.shape, "float64"), ig.input("g", g.shape, "float64")
    y = ig.max_pool(xs, (3, 2), 2, ((1, 1), (0, 0)))
    mean = ig.average_pool(xs, (3, 2), 2, ((1, 1), (0, 0)), count_include_pad=False)
    found = ig.evaluate([y, ig.vjp(y, xs, gs), ig.jvp(y, xs, xs * xs), mean], x=x, g=g)
    np.testing.assert_array_equal(found[0], oracles.max_pool(x, *window))
    np.testing.assert_allclose(found[1], oracles.to_maximum(x, g, *window), atol=1e-14)
    np.testing.assert_array_equal(found[2], oracles.at_maximum(x, x * x, *window))
    np.testing.assert_allclose(found[3], oracles.average_pool(x, *window[:3], [(0, 0)] * 2), atol=1e-14)


def test_an_infinite_cotangent_touches_one_element() -> None:
    x, g = ig.input("x", (1, 1, 4)), ig.input("g", (1, 1, 2))
    found = ig.evaluate(ig.vjp(ig.max_pool(x, 2), x, g), x=[[[1, 2, 4, 3]]], g=[[[np.inf, 1]]])
    np.testing.assert_array_equal(found, [[[0, np.inf, 1, 0]]])


def test_an_exported_gradient_shares_the_forward_pool() -> None:
    x = ig.input("x", ("n", 1, 4, 4))
    y = ig.max_pool(x, 2)
    model = to_model({"y": y, "dx": ig.grad((y * y).sum(), x)})
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("MaxPool") == kinds.count("MaxUnpool") == 1
