"""Indexing with arrays against NumPy, and what the writing ops promise beyond the laws."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, ShapeError
from irgraph.testing import check_jvp, check_vjp

N = slice(None)
A, J, K = np.array([[0, 1], [2, -1]]), np.array([1, 0]), np.array([[2], [1]])


@pytest.mark.parametrize(
    "index",
    [
        (A,),
        (N, A),
        (A, J),
        (A, N, J),
        (slice(1, 3), A, J),
        (0, N, J),
        (N, 0, J),
        (N, J, None, 0),
        (None, A, J),
        (..., J, K),
        (J, ..., K),
        (J, ..., 0),
        (0, ..., J),
        (A, J, K, J),
        (A, ..., J, K, J),
        (0, J, slice(None, None, -1), 1),
        (N, J, slice(1, None), K),
        (None, J, None),
        ([0, 1], [1, 2]),
        ([],),
        (N, []),
        (np.int64(1), J),
        (J, N, 0, N),
        (0, 0, ..., J),
        (J, None, K),
        (N, None, J, K, ...),
    ],
    ids=str,
)
def test_arrays_index_as_in_numpy(index: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 3))
    found, wanted = ig.evaluate(ig.constant(x)[index]), x[index]
    assert found.shape == wanted.shape
    assert np.array_equal(found, wanted)


def test_random_indices_are_as_in_numpy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 4, 2, 5))
    tried = 0
    for _ in range(150):
        kinds = rng.choice(["array", "slice", "integer", "none", "ellipsis"], rng.integers(1, 7))
        shapes = [(2,), (3, 1), (), (1, 2), (3, 2)]
        index: list[Any] = []
        for kind in kinds:
            if kind == "array":
                index.append(rng.integers(-2, 2, shapes[rng.integers(len(shapes))]))
            elif kind == "integer":
                index.append(int(rng.integers(-2, 2)))
            elif kind == "slice":
                index.append(slice(*sorted(rng.integers(0, 3, 2).tolist())))
            else:
                index.append(None if kind == "none" else ...)
        try:
            wanted = x[tuple(index)]
        except IndexError:
            with pytest.raises(ShapeError):
                ig.constant(x)[tuple(index)]
            continue
        found = ig.evaluate(ig.constant(x)[tuple(index)])
        assert found.shape == wanted.shape, index
        assert np.array_equal(found, wanted), index
        tried += 1
    assert tried > 40


def test_known_indices_count_from_the_end_of_a_named_dim() -> None:
    x = ig.input("x", ("n", "m"), "float64")
    function = ig.compile([x[[-1, 0], 1:][:, [-1]], x[[0, -1], [-1, -2]], ig.take_along_axis(x, [[-1]])])
    for shape in ((4, 3), (2, 2)):
        array = np.random.default_rng(2).normal(size=shape)
        wanted = [array[[-1, 0], 1:][:, [-1]], array[[0, -1], [-1, -2]], array[:, -1:]]
        for found, expected in zip(function(x=array), wanted, strict=True):
            assert np.array_equal(found, expected)


def test_an_index_out_of_range_at_run_time_names_the_line() -> None:
    x, i = ig.input("x", (3, 4)), ig.input("i", (2,), "int64")
    picked = x[i, [0, 1]]
    for bad in (3, -1):
        with pytest.raises(FeedError, match=re.escape(f"found the index {bad} at [1]")) as caught:
            ig.evaluate(picked, x=np.zeros((3, 4)), i=[0, bad])
        assert "picked = x[i, [0, 1]]" in str(caught.value)


def test_masks_are_refused() -> None:
    x = ig.input("x", (2,))
    for mask in (np.array([True, False]), [True, False], ig.input("m", (2,), "bool"), x > 0):
        with pytest.raises(DTypeError, match="found a boolean mask"):
            x[mask]


# ---------------------------------------------------------------------------------------- writing


def test_set_keeps_the_last_of_many_repeats() -> None:
    rng = np.random.default_rng(3)
    index, updates = rng.integers(0, 50, 5000), rng.normal(size=(5000, 3))
    wanted = np.zeros((50, 3))
    for at, row in zip(index, updates, strict=True):
        wanted[at] = row
    x, i, u = (
        ig.constant(np.zeros((50, 3))),
        ig.input("i", (5000,), "int64"),
        ig.input("u", (5000, 3), "float64"),
    )
    backwards = ig.scatter(x, i[::-1][::-1], u[::-1][::-1])  # as views, with strides of their own
    columns = ig.scatter(x, ig.transpose(i.reshape(50, 100)), ig.transpose(u.reshape(50, 100, 3), (1, 0, 2)))
    first, second, third = ig.evaluate([ig.scatter(x, i, u), backwards, columns], i=index, u=updates)
    assert np.array_equal(first, wanted)
    assert np.array_equal(second, wanted)
    order = np.arange(5000).reshape(50, 100).T.reshape(-1)
    for at, row in zip(index[order], updates[order], strict=True):
        wanted[at] = row
    assert np.array_equal(third, wanted)


def test_only_the_last_of_repeats_has_a_derivative() -> None:
    x, u = ig.input("x", (3,), "float64"), ig.input("u", (4,), "float64")
    y = ig.scatter(x, [1, 0, 1, 1], u)
    dx, du = ig.evaluate(ig.vjp(y, [x, u], ig.constant(np.array([1.0, 2.0, 3.0]))))
    assert dx.tolist() == [0, 0, 3]
    assert du.tolist() == [0, 1, 0, 2]


def test_ties_share_evenly() -> None:
    x, u = ig.input("x", (2,), "float64"), ig.input("u", (3,), "float64")
    y = ig.scatter(x, [0, 0, 1], u, mode="max").sum()
    dx, du = ig.evaluate(ig.grad(y, [x, u]), x=[5.0, 7.0], u=[5.0, 5.0, 1.0])
    assert np.allclose(dx, [1 / 3, 1])
    assert np.allclose(du, [1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("zero", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]])
def test_products_with_zeros_have_a_derivative(zero: list[float]) -> None:
    arrays = [np.array([2.0, 3.0]), np.array(zero)]

    def multiplied(x: ig.Value, u: ig.Value) -> ig.Value:
        return ig.scatter(x, [0, 0, 1], u, mode="multiply")

    check_jvp(multiplied, arrays)
    check_vjp(multiplied, arrays)


# ---------------------------------------------------------------------------------------- sorting


def test_nan_counts_as_the_largest() -> None:
    x = ig.constant(np.array([2.0, np.nan, 1.0, np.inf]))
    up, down, order = ig.evaluate([ig.sort(x), ig.sort(x, descending=True), ig.argsort(x, descending=True)])
    assert np.array_equal(up, [1, 2, np.inf, np.nan], equal_nan=True)
    assert np.array_equal(down, [np.nan, np.inf, 2, 1], equal_nan=True)
    assert order.tolist() == [1, 3, 0, 2]
    assert np.isnan(ig.evaluate(ig.median(x)))


def test_quantiles_of_infinities_are_not_nan() -> None:
    x = ig.constant(np.array([1.0, np.inf, np.inf]))
    assert ig.evaluate([ig.median(x), ig.quantile(x, 0.0)]) == [np.inf, 1.0]


@pytest.mark.parametrize("kind", ["numbers", "ties", "nan", "many nan", "infinities"])
@pytest.mark.parametrize("largest", [True, False])
def test_few_of_many_are_those_of_a_stable_sort(kind: str, largest: bool) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6, 200))
    if kind == "ties":
        x = np.round(x)
    elif kind != "numbers":
        x[:, ::3] = 0
        x[2, : 190 if kind == "many nan" else 8] = np.inf if kind == "infinities" else np.nan
    for k in (1, 3, 30, 50, 199):
        values, order = ig.evaluate(list(ig.topk(ig.constant(x), k, largest=largest)))
        wanted = ig.evaluate(ig.argsort(ig.constant(x), descending=largest))[:, :k]
        assert np.array_equal(order, wanted)
        assert np.array_equal(values, np.take_along_axis(x, wanted, -1), equal_nan=True)
    by_column = ig.evaluate(list(ig.topk(ig.constant(x.T), 3, axis=0, largest=largest)))[1]
    assert np.array_equal(by_column.T, ig.evaluate(ig.topk(ig.constant(x), 3, largest=largest)[1]))


def test_onnx_has_them_as_one_op() -> None:
    x, i = ig.input("x", ("n", 4)), ig.input("i", ("n", 2), "int64")
    forms = {
        "TopK": ig.topk(x, 2)[0],
        "GatherElements": ig.take_along_axis(x, i),
        "ScatterElements": ig.put_along_axis(x, i, ig.input("u", ("n", 2)), mode="max"),
        "GatherND": ig.gather_nd(x, i),
        "ScatterND": ig.scatter_nd(x, i, ig.input("u", ("n",)), mode="add"),
        "Einsum": ig.einsum("ni,mi->nm", x, x),
    }
    for form, value in forms.items():
        assert [node.op_type for node in ig.onnx.to_model(value).graph.node] == [form]
