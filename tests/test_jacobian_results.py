"""What a Jacobian is to its user: nested results, named dims, products, SciPy's forms, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import gmres, svds

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, GraphError, NotDifferentiableError, ShapeError
from tests.marked_lines import must_say

Array = np.ndarray[Any, Any]
W = np.random.default_rng(0).standard_normal((4, 3))


def real(name: str, *shape: Any) -> ig.Value:
    return ig.input(name, shape, "float64")


def layer() -> tuple[ig.Value, ig.Value, ig.Value]:
    """A result, and what it depends on: rows of a named batch, and weights."""
    x, w = real("x", "n", 4), real("w", 4, 3)
    return ig.tanh(x @ w), x, w


def arrays_of(n: int) -> dict[str, Array]:
    return {"x": np.random.default_rng(n).standard_normal((n, 4)), "w": W}


def by_hand(x: Array, w: Array) -> tuple[Array, Array]:
    """The Jacobians of the layer towards x and w."""
    slope = 1 - np.tanh(x @ w) ** 2
    towards_x = np.einsum("bo,io,bc->boci", slope, w, np.eye(len(x)))
    towards_w = np.einsum("bo,bi,op->boip", slope, x, np.eye(w.shape[1]))
    return towards_x, towards_w


@pytest.mark.parametrize("format", ["auto", "structured", "factored", "dense", "sparse"])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_a_named_batch_at_several_sizes(mode: Any, format: Any) -> None:
    y, x, w = layer()
    function = ig.compile(ig.jacobian(y, [x, w], mode, format), verify=True)
    for n in (5, 2, 1):
        arrays = arrays_of(n)
        for found, wanted in zip(function(**arrays), by_hand(**arrays), strict=True):
            if format == "sparse":
                assert isinstance(found, csr_matrix)
                found = found.toarray().reshape(wanted.shape)
            np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-12)


def test_dicts_and_lists_nest() -> None:
    y, x, w = layer()
    J = ig.jacobian({"y": y, "rest": [y.sum(), y.sum(axis=0)]}, {"x": x, "both": (x, w)})
    found = ig.compile(J)(**arrays_of(3))
    towards_x, towards_w = by_hand(**arrays_of(3))
    assert list(found) == ["y", "rest"]
    assert list(found["y"]) == ["x", "both"]
    np.testing.assert_allclose(found["y"]["both"][1], towards_w, atol=1e-12)
    np.testing.assert_allclose(found["rest"][0]["x"], towards_x.sum((0, 1)), atol=1e-12)
    np.testing.assert_allclose(found["rest"][1]["both"][1], towards_w.sum(0), atol=1e-12)


def test_jacobians_among_other_outputs() -> None:
    y, x, w = layer()
    by_x, by_w = ig.jacobian(y, x), ig.jacobian(y, w, format="sparse")
    first, rest, again = ig.compile([by_x, {"a": by_w, "y": y}, by_x @ x])(**arrays_of(3))
    towards_x, towards_w = by_hand(**arrays_of(3))
    np.testing.assert_allclose(first.todense(), towards_x, atol=1e-12)
    np.testing.assert_allclose(rest["a"].toarray(), towards_w.reshape(9, 12), atol=1e-12)
    np.testing.assert_allclose(rest["y"], np.tanh(arrays_of(3)["x"] @ W))
    np.testing.assert_allclose(again, np.tensordot(towards_x, arrays_of(3)["x"], 2), atol=1e-12)


@pytest.mark.parametrize("format", ["auto", "structured", "factored"])
def test_products_transposes_and_conversions(format: Any) -> None:
    y, x, _ = layer()
    result = ig.compile(ig.jacobian(y, x, format=format))(**arrays_of(3))
    dense, _ = by_hand(**arrays_of(3))
    rng = np.random.default_rng(1)
    v, c = rng.standard_normal((3, 4)), rng.standard_normal((3, 3))
    assert result.shape == dense.shape == (3, 3, 3, 4)
    assert result.dtype == np.float64
    assert result.nbytes <= 8 * (3 * 3 * 4)
    np.testing.assert_allclose(result @ v, np.tensordot(dense, v, 2), atol=1e-12)
    np.testing.assert_allclose(c @ result, np.tensordot(c, dense, 2), atol=1e-12)
    np.testing.assert_allclose(result.T @ c, np.tensordot(c, dense, 2), atol=1e-12)
    np.testing.assert_allclose(result.T.T.todense(), dense, atol=1e-12)
    np.testing.assert_allclose(result.T.todense(), dense.transpose(2, 3, 0, 1), atol=1e-12)
    assert np.asarray(result).dtype == np.float64
    assert np.asarray(result, "float32").dtype == np.float32
    np.testing.assert_allclose(result.tocsr().toarray(), dense.reshape(9, 12), atol=1e-12)
    assert result.tocsr().nnz == 36


def test_scipy_solves_with_it() -> None:
    x = real("x", 6)
    y = x + 0.1 * ig.tanh(ig.constant(np.random.default_rng(2).standard_normal((6, 6))) @ x)
    result = ig.compile(ig.jacobian(y, x))(x=np.linspace(-1, 1, 6))
    operator, dense = result.aslinearoperator(), result.todense()
    right = np.arange(6.0)
    solution, info = gmres(operator, right, rtol=1e-12)
    assert not info
    np.testing.assert_allclose(solution, np.linalg.solve(dense, right), rtol=1e-8)
    largest = svds(operator, k=2, return_singular_vectors=False, random_state=0)
    np.testing.assert_allclose(sorted(largest)[::-1], np.linalg.svd(dense)[1][:2], rtol=1e-8)
    np.testing.assert_allclose(operator.rmatvec(right), dense.T @ right, rtol=1e-12)
    np.testing.assert_allclose(result.diagonal(), np.diag(dense), rtol=1e-12)


def test_products_of_jacobians_in_the_graph() -> None:
    x = real("x", 4)
    h = ig.sin(x)
    y = h @ ig.constant(W)
    outer, inner = ig.jacobian(y, h), ig.jacobian(h, x)
    whole, chained, transposed = ig.compile([ig.jacobian(y, x), outer @ inner, inner.T @ outer.T])(
        x=np.ones(4)
    )
    np.testing.assert_allclose(chained.todense(), whole.todense(), rtol=1e-12)
    np.testing.assert_allclose(transposed.todense(), whole.todense().T, rtol=1e-12)


def test_products_with_arrays_and_from_the_left() -> None:
    x, c = real("x", 4), real("c", 3)
    J = ig.jacobian(ig.sin(x) @ ig.constant(W), x)
    at, v, k = np.linspace(0, 1, 4), np.arange(4.0), np.array([1.0, -2.0, 3.0])
    dense = (np.cos(at)[:, None] * W).T
    found = ig.compile([J @ v, J @ list(v), k @ J, c @ J])(x=at, c=k)
    for each, wanted in zip(found, [dense @ v, dense @ v, k @ dense, k @ dense], strict=True):
        np.testing.assert_allclose(each, wanted, rtol=1e-6)


def test_every_order_of_the_vertices_gives_one_jacobian() -> None:
    x = real("x", 3)
    h = ig.tanh(x @ ig.constant(W[:3]))
    h = ig.sin(h @ ig.constant(W[:3])) * h
    y = (h @ ig.constant(W[1:])) * x
    vertices = list(ig.plan_jacobian(y, x).vertices)
    assert len(vertices) > 1
    orders = [vertices, vertices[::-1], [*vertices[1:], vertices[0]]]
    found = ig.compile([ig.jacobian(y, x, order, "dense") for order in orders])(x=np.ones(3))
    for each in found[1:]:
        np.testing.assert_allclose(each, found[0], rtol=1e-12)


# ------------------------------------------------------------------------------------- refusals


def _mode() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x, "sideways")  # type: ignore[arg-type]  # here


def _format() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x, format="csc")  # type: ignore[arg-type]  # here


def _no_permutation() -> None:
    x = real("x", 3)
    ig.jacobian(ig.tanh(x @ ig.constant(W[:3])) @ W[:3], x, [0, 0])  # here


def _an_order_where_none_is_due() -> None:
    x = real("x", 3)
    ig.jacobian(ig.tanh(x), x, [4])  # here


def _a_format_as_the_mode() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x, "dense")  # type: ignore[arg-type]  # here


def _a_number_as_the_mode() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x, 3)  # type: ignore[arg-type]  # here


def _a_list_of_hints() -> None:
    ig.PlanOptions(hints=[("n", 3)])  # type: ignore[arg-type]  # here


def _a_name_for_a_value() -> None:
    y, _, _ = layer()
    ig.jacobian(y, "x")  # here


def _arithmetic() -> None:
    y, x, _ = layer()
    2.0 * ig.jacobian(y, x)  # here


def _arithmetic_of_an_array() -> None:
    y, x, _ = layer()
    np.ones(3) - ig.jacobian(y, x)  # here


def _elements() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x)[0]  # here


def _length() -> None:
    y, x, _ = layer()
    len(ig.jacobian(y, x))  # here


def _to_numpy() -> None:
    y, x, _ = layer()
    np.asarray(ig.jacobian(y, x))  # here


def _product_with_an_array_of_another_shape() -> None:
    x = real("x", 3)
    ig.jacobian(ig.tanh(x), x) @ np.ones(4)  # here


def _product_with_text() -> None:
    x = real("x", 3)
    ig.jacobian(ig.tanh(x), x) @ "abc"  # here


def _not_reached() -> None:
    y, x, _ = layer()
    other = ig.input("other", (2,))  # here
    ig.jacobian(y, [x, other])


def _integer() -> None:
    n = ig.input("n", (3,), "int64")
    ig.jacobian(n * 2, n)  # here


def _integer_result() -> None:
    x = real("x", 3)
    y = (x > 0).astype("int64")  # here
    ig.jacobian(y, x)


def _complex() -> None:
    z = ig.input("z", (3,), "complex64")
    ig.jacobian(z * z, z)  # here


def _nothing() -> None:
    _, x, _ = layer()
    ig.jacobian([], x)  # here


def _product_of_another_shape() -> None:
    y, x, w = layer()
    ig.jacobian(y, x) @ w  # here


def _chain_that_does_not_meet() -> None:
    y, x, w = layer()
    ig.jacobian(y, x) @ ig.jacobian(y, w)  # here


def _no_diagonal() -> None:
    y, x, _ = layer()
    ig.jacobian(y, x).diagonal()  # here


def _no_wrt() -> None:
    x = real("x", 3)
    ig.laplacian((x * x).sum(), [])  # here


def _a_number_as_the_loss() -> None:
    ig.hessian(3.0, real("x", 3))  # type: ignore[arg-type]  # here


def _an_array_as_the_hessian() -> None:
    x, v = real("x", 3), real("v", 3)
    ig.gauss_newton_product(ig.sin(x), x, v, hessian=np.eye(3))  # here


def _a_loss_of_something_else() -> None:
    x, v = real("x", 3), real("v", 3)
    ig.gauss_newton_product(ig.sin(x), x, v, (x * x).sum())  # here


BAD: dict[Callable[[], None], tuple[type[Exception], tuple[str, ...]]] = {
    _mode: (GraphError, ("mode='sideways'", "one of auto, forward, reverse, or an order")),
    _format: (GraphError, ("format='csc'", "one of auto, dense, structured, factored, sparse")),
    _no_permutation: (GraphError, ("the order [0, 0]", "each of the vertices", "once", ".vertices")),
    _an_order_where_none_is_due: (GraphError, ("the order [4]", "no vertex is left to order")),
    _a_format_as_the_mode: (GraphError, ("mode='dense'", "Pass format='dense'")),
    _a_number_as_the_mode: (GraphError, ("mode=3", "an order: the plan's vertices in a row")),
    _a_list_of_hints: (GraphError, ("hints=[('n', 3)]", "a dict of sizes")),
    _a_name_for_a_value: (DTypeError, ("'x' in wrt", "graph values", "irgraph.input")),
    _arithmetic: (DTypeError, ("in arithmetic", "products", ".todense()")),
    _arithmetic_of_an_array: (DTypeError, ("in arithmetic", "products", ".todense()")),
    _elements: (DTypeError, ("with an index", ".todense()[...]")),
    _length: (DTypeError, ("in len()", ".todense()")),
    _to_numpy: (DTypeError, ("as a NumPy array", "Compile and call it first")),
    _product_with_an_array_of_another_shape: (ShapeError, ("the right operand of shape (4,)", "(3,)")),
    _product_with_text: (DTypeError, ("dtype",)),
    _no_wrt: (GraphError, ("an empty wrt", "one value at least")),
    _a_number_as_the_loss: (DTypeError, ("3.0 as the loss", "a scalar")),
    _an_array_as_the_hessian: (DTypeError, ("in a Hessian", "graph values", "irgraph.constant")),
    _a_loss_of_something_else: (NotDifferentiableError, ("as the loss", "one that is computed from them")),
    _not_reached: (NotDifferentiableError, ("wrt <other : float32[2]>", "has no derivative", "Leave it out")),
    _integer: (NotDifferentiableError, ("int64[3]", "a float dtype")),
    _integer_result: (NotDifferentiableError, ("int64[3]", "a float dtype")),
    _complex: (NotDifferentiableError, ("complex64[3]", "a float dtype", "real and imag apart")),
    _nothing: (GraphError, ("an empty y or wrt", "one value at least in each")),
    _product_of_another_shape: (ShapeError, ("the right operand of shape (4, 3)", "(n, 4)")),
    _chain_that_does_not_meet: (ShapeError, ("the output of the right Jacobian", "(n, 4)")),
    _no_diagonal: (ShapeError, ("an input of shape (n, 4)", "(n, 3)")),
}


@pytest.mark.parametrize("build", BAD, ids=lambda build: build.__name__.strip("_"))
def test_refused_with_the_users_line(build: Callable[[], None]) -> None:
    error, says = BAD[build]
    with pytest.raises(error) as caught:
        build()
    must_say(caught.value, build, __file__, says)


def test_arrays_of_another_shape_are_refused() -> None:
    y, x, _ = layer()
    result = ig.compile(ig.jacobian(y, x))(**arrays_of(3))
    with pytest.raises(FeedError, match=r"an operand of shape \(4,\) beside.*needed shape \(n, 4\)"):
        result @ np.ones(4)
    with pytest.raises(FeedError, match="operand"):
        result @ np.ones((2, 4))
    with pytest.raises(ShapeError, match=r"an input of shape"):
        result.diagonal()
    np.testing.assert_allclose(result @ np.zeros((3, 4)), np.zeros((3, 3)))


def test_a_hint_for_no_dim_is_refused() -> None:
    x = ig.input("x", ("batch", 3))
    with pytest.raises(ig.errors.GraphError, match=r"hints for bach; needed dims of the graph: batch"):
        ig.jacobian(ig.tanh(x), x, options=ig.PlanOptions(hints={"bach": 3}))


def test_a_plan_is_short_in_a_message() -> None:
    x = ig.input("x", (3,))
    assert repr(ig.plan_jacobian(ig.tanh(x), x)).startswith("<JacobianPlan: ")


def test_a_small_one_as_lists() -> None:
    x = ig.input("x", (2,))
    assert ig.compile(ig.jacobian(x * x, x))(x=[1.0, 2.0]).tolist() == [[2.0, 0.0], [0.0, 4.0]]
