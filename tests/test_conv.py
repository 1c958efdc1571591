"""Convolution kernels in blocks of every kind, against SciPy and brute force."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.signal

import irgraph as ig
from irgraph.testing.cases.oracles import correlate, filter_gradient, spread
from irgraph_array import columns
from irgraph_array.scratch import Scratch

BLOCKS = [1, 500, 2_000, 10_000, 1 << 20]  # bytes: from one position to all images at once


@pytest.mark.parametrize("nbytes", BLOCKS)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("filters", [6, 12])  # the input gradient of many is spread, of few gathered
def test_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, nbytes: int, groups: int, filters: int
) -> None:
    monkeypatch.setattr(columns, "COLUMN_BYTES", nbytes)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 4, 6, 7, 6)), rng.standard_normal((filters, 4 // groups, 3, 2, 2))
    pads, stride, dilation = ((1, 2), (0, 1), (1, 0)), (2, 1, 2), (1, 2, 1)
    xs, ws = ig.input("x", x.shape, "float64"), ig.input("w", w.shape, "float64")
    y = ig.conv(xs, ws, stride=stride, padding=pads, dilation=dilation, groups=groups)
    expected = correlate(x, w, 0, stride, pads, dilation, groups)
    g = np.asarray(rng.standard_normal(expected.shape))
    dx, dw = ig.vjp(y, [xs, ws], ig.input("g", g.shape, "float64"))
    found = ig.evaluate([y, dx, dw], x=x, w=w, g=g)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
    extra = [0, 0, 1]  # what no window of a stride reaches
    np.testing.assert_allclose(found[1], spread(g, w, 0, stride, pads, extra, dilation, groups), atol=1e-12)
    np.testing.assert_allclose(
        found[2], filter_gradient(x, g, (3, 2, 2), stride, pads, dilation, groups), atol=1e-12
    )


@pytest.mark.parametrize("nbytes", BLOCKS)
def test_a_kernel_of_one_is_a_product(monkeypatch: pytest.MonkeyPatch, nbytes: int) -> None:
    monkeypatch.setattr(columns, "COLUMN_BYTES", nbytes)
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape) for shape in ((3, 4, 5, 6), (2, 4, 1, 1), (3, 2, 5, 6)))
    xs, ws = ig.input("x", x.shape, "float64"), ig.input("w", w.shape, "float64")
    y = ig.conv(xs, ws)
    found = ig.evaluate([y, *ig.vjp(y, [xs, ws], ig.input("g", g.shape, "float64"))], x=x, w=w, g=g)
    expected = [
        np.einsum("ncyx,oc->noyx", x, w[..., 0, 0]),
        np.einsum("noyx,oc->ncyx", g, w[..., 0, 0]),
        np.einsum("noyx,ncyx->oc", g, x)[..., None, None],
    ]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("mode", ["valid", "same"])
def test_conv_is_scipys_correlation(mode: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, 1, 9, 8)), rng.standard_normal((1, 1, 3, 5))
    expected = scipy.signal.correlate(x[0, 0], w[0, 0], mode, method="direct")
    found = ig.evaluate(ig.conv(ig.constant(x), ig.constant(w), padding=mode))
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-13)


def test_kernels_share_their_scratch() -> None:
    pieces: list[int] = []

    def allocate(nbytes: int) -> np.ndarray[Any, Any]:
        pieces.append(nbytes)
        return np.zeros(nbytes, np.uint8)

    scratch = Scratch(allocate)
    a, b = scratch.take(100, "float32"), scratch.take(3, "float64")
    assert a.shape == (100,)
    assert b.dtype == np.float64
    assert not np.shares_memory(a, b)
    scratch.restart()
    again = scratch.take(5, bool)
    assert np.shares_memory(again, b)
    assert len(pieces) == 2
    scratch.take(10_000, bool)
    assert sum(pieces) < 2 * 10_000 + 2_000


def test_a_step_reserves_nearly_nothing() -> None:
    x, w = ig.input("x", (4, 8, 20, 20)), ig.parameter("w", (8, 8, 3, 3), init=ig.init.glorot_uniform())
    y = ig.conv(x, w, padding=1, stride=2)
    function = ig.compile([(y * y).sum(), ig.grad((y * y).sum(), w)], seed=0)
    feed = np.ones((4, 8, 20, 20), "float32")
    function(x=feed)
    tracemalloc.start()
    function(x=feed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize(("space", "function"), [(1, ig.conv1d), (2, ig.conv2d), (3, ig.conv3d)])
def test_a_rank_in_the_name_is_held_to(space: int, function: Callable[..., ig.Value]) -> None:
    x, w = ig.input("x", (2, 3, *(8,) * space)), ig.input("w", (4, 3, *(3,) * space))
    assert function(x, w, stride=2).type == ig.conv(x, w, stride=2).type
    with pytest.raises(ig.errors.ShapeError, match=rf"conv{space}d of .*needed \(N, C, …\) with {space} ax"):
        function(ig.input("x", (2, 3, *(8,) * (space + 1))), w)


@pytest.mark.parametrize(
    ("space", "function"), [(1, ig.conv1d_transpose), (2, ig.conv2d_transpose), (3, ig.conv3d_transpose)]
)
def test_so_it_is_for_transposes(space: int, function: Callable[..., ig.Value]) -> None:
    x, w = ig.input("x", (2, 4, *(4,) * space)), ig.input("w", (4, 3, *(3,) * space))
    assert function(x, w, stride=2).type == ig.conv_transpose(x, w, stride=2).type
    with pytest.raises(ig.errors.ShapeError, match=rf"conv{space}d_transpose of"):
        function(ig.input("x", (2, 3)), w)
