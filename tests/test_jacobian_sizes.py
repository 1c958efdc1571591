"""Jacobians at sizes that only a call knows, stencils of differential equations, and limits of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, GraphError

Array = np.ndarray[Any, Any]


def central(function: Any, at: Array, step: float = 1e-6) -> Array:
    """Central differences, as a matrix."""
    columns = []
    for n in np.ndindex(at.shape):
        shift = np.zeros_like(at)
        shift[n] = step
        columns.append((function(u=at + shift) - function(u=at - shift)).ravel() / (2 * step))
    return np.stack(columns, axis=1)


# ----------------------------------------------------------------------------------- named dims


def _slopes() -> dict[str, ig.Value]:
    x = ig.input("x", ("n", 3), "float64")
    return {"identity": x + 1.0, "scaled": 2.0 * x, "sliced": x[:, 1:] * 2.0, "reversed": x[:, ::-1]}


@pytest.mark.parametrize("case", _slopes())
@pytest.mark.parametrize("format", ["auto", "sparse"])
def test_sizes_that_no_array_of_the_result_has(case: str, format: Any) -> None:
    y = _slopes()[case]
    (x,) = ig.Graph({"y": y}).inputs.values()
    wanted = {
        "identity": np.eye(3),
        "scaled": 2 * np.eye(3),
        "sliced": 2 * np.eye(3)[1:],
        "reversed": np.eye(3)[::-1],
    }[case]
    function = ig.compile(ig.jacobian(y, x, format=format), inputs=[x])
    for n in (2, 4):
        found = function(x=np.zeros((n, 3)))
        whole = np.einsum("bc,oi->boci", np.eye(n), wanted)
        if format == "sparse":
            np.testing.assert_array_equal(found.toarray(), whole.reshape(found.shape))
            continue
        v = np.random.default_rng(n).standard_normal((n, 3))
        assert found.shape == whole.shape
        assert str(found.shape)[1:-1] in repr(found)
        np.testing.assert_array_equal(found.todense(), whole)
        np.testing.assert_allclose(found @ v, v @ wanted.T)
        np.testing.assert_array_equal(found.T.tocsr().toarray(), whole.reshape(n * len(wanted), -1).T)


def test_a_parameter_that_enters_linearly() -> None:
    t, c = ig.input("t", ("n",), "float64"), ig.input("c", (), "float64")
    found = ig.compile({"y": ig.exp(t) + c, "J": ig.jacobian(ig.exp(t) + c, c)})(t=np.zeros(4), c=1.0)
    np.testing.assert_array_equal(found["J"].todense(), np.ones(4))
    np.testing.assert_array_equal(found["J"] @ 3.0, np.full(4, 3.0))


def test_sparse_results_of_one_shape_and_other_sizes() -> None:
    x = ig.input("x", ("n", "m"), "float64")
    total = ig.exp(x).sum(axis=1, keepdims=True) + ig.zeros(x.shape, "float64")
    function = ig.compile(ig.jacobian(total, x, format="sparse"))
    for n, m in ((2, 6), (3, 4), (4, 3), (2, 6)):
        found = function(x=np.zeros((n, m)))
        np.testing.assert_array_equal(found.toarray(), np.kron(np.eye(n), np.ones((m, m))))


def test_a_result_of_no_feed_asks_for_one() -> None:
    x = ig.input("x", ("n",), "float64")
    found = ig.compile(ig.jacobian(x + 1.0, x))()
    assert "float64[n, n]" in repr(found)
    np.testing.assert_array_equal(found @ np.arange(3.0), np.arange(3.0))
    with pytest.raises(FeedError, match=r"named dims n.*\n.*inputs=\[x\]"):
        found.todense()
    with pytest.raises(FeedError, match=r"'x', which is no input of this graph.*\n.*inputs="):
        ig.compile(ig.jacobian(x + 1.0, x))(x=np.ones(3))


def test_the_arrays_of_a_jacobian_have_its_name() -> None:
    x = ig.input("x", (3,))
    two = ig.jacobian(ig.tanh(x) * x.sum(), x)
    outputs = {"y": x * x, "J": two, "D": ig.jacobian(ig.tanh(x), x), "more": [x + 1.0, {"deep": x + 2.0}]}
    function = ig.compile(outputs)
    names = list(function.graph.output_names)
    assert names == ["y", "J.0", "J.1", "D", "more.0", "more.1.deep"]
    again = ig.parse(str(function.graph))
    assert list(again.output_names) == names


# ------------------------------------------------------------------------------------- stencils


def _advection(n: int) -> tuple[ig.Value, ig.Value, int]:
    u = ig.input("u", (n,), "float64")
    left, right = ig.roll(u, 1), ig.roll(u, -1)
    return -u * (right - left) / 2.0 + 0.1 * (right - 2.0 * u + left), u, 3 * n


def _nine_points(n: int) -> tuple[ig.Value, ig.Value, int]:
    u = ig.input("u", (n, n), "float64")
    shifts = [ig.roll(ig.roll(u, i, 0), j, 1) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    total = shifts[0]
    for each in shifts[1:]:
        total = total + each
    return u * total, u, 9 * n * n


def _five_points(n: int) -> tuple[ig.Value, ig.Value, int]:
    u = ig.input("u", (n, n), "float64")
    p = ig.pad(u, ((1, 1), (1, 1)))
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4.0 * u + u**3.0, u, 5 * n * n - 4 * n


@pytest.mark.parametrize("stencil", [_advection, _nine_points, _five_points])
@pytest.mark.parametrize("n", [8, 12])
def test_a_sparse_stencil_holds_its_neighbours_alone(stencil: Any, n: int) -> None:
    f, u, neighbours = stencil(n)
    found = ig.compile(ig.jacobian(f, u, format="sparse"))
    at = np.random.default_rng(n).standard_normal(u.shape)
    matrix = found(u=at)
    assert matrix.nnz == neighbours
    np.testing.assert_allclose(matrix.toarray(), central(ig.compile(f), at), atol=1e-7)


def test_a_large_stencil_is_never_written_out() -> None:
    f, u, _ = _nine_points(200)
    jacobian = ig.jacobian(f, u)
    assert jacobian.nbytes <= 8 * 36 * 200 * 200


def test_a_plan_tells_where_neighbours_are() -> None:
    u = ig.input("u", (30,), "float64")
    text = ig.plan_jacobian(u * ig.roll(u, 1), u).explain()
    assert "axis 0 of y from 1 on meets axis 0 of u from 0 on, 29 positions" in text
    assert "axis 0 of y from 0 on meets axis 0 of u from 29 on, 1 position" in text
    p = ig.pad(u, ((1, 1),))
    text = ig.plan_jacobian(u * p[2:] + p[:-2], u).explain()
    assert "axis 0 of y at i meets axis 0 of u at i + 1" in text
    assert "axis 0 of y at i meets axis 0 of u at i - 1" in text
    assert "terms more" in ig.plan_jacobian(*_nine_points(60)[:2]).explain()


# --------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("width", [64, 600])
def test_a_limit_holds_for_large_results_too(width: int) -> None:
    x = ig.input("x", (width,))
    w = ig.parameter("w", (width, 16))
    y = ig.tanh(x @ w) @ ig.parameter("v", (16, width))
    free = ig.compile(ig.jacobian(y, x, format="dense")).plan()
    least = width * width * 4
    needed = free.arena_nbytes + free.results_nbytes
    limit = (least + needed) // 2
    plan = ig.plan_jacobian(y, x, format="dense", memory=limit)
    bound = ig.compile(plan.chosen.results).plan()
    assert least <= bound.arena_nbytes + bound.results_nbytes <= limit < needed
    with pytest.raises(ig.errors.GraphError, match=f"a limit of {least // 2} bytes"):
        ig.plan_jacobian(y, x, format="dense", memory=least // 2)


def test_a_limit_below_a_jacobian_of_zeros_is_refused() -> None:
    x = ig.input("x", (40,))
    with pytest.raises(GraphError, match="a limit of 100 bytes; needed at least"):
        ig.hessian(x.sum(), x, format="dense", memory=100)
