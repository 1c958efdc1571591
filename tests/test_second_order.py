"""Hessians, their diagonals and products: closed forms, central differences of gradients, and how many matrix
products the compiled graphs have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import GraphError, NotDifferentiableError, ShapeError
from tests.marked_lines import must_say

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng


def real(name: str, *shape: Any) -> ig.Value:
    return ig.input(name, shape, "float64")


def run(outputs: Any, **arrays: Any) -> Any:
    function = ig.compile(outputs, verify=True)
    return function(**{name: arrays[name] for name in function.graph.inputs})


def matmuls(outputs: Any) -> int:
    """The matrix products that a compiled graph runs."""
    return sum(node.op.name == "matmul" for node in ig.compile(outputs).program.graph.nodes)


def logistic() -> tuple[ig.Value, ig.Value]:
    """A loss on named rows, and its weights."""
    X, y, w = real("X", "n", 5), real("y", "n"), real("w", 5)
    z = X @ w
    return (ig.softplus(z) - y * z).mean(), w


def logistic_arrays(n: int) -> dict[str, Array]:
    rng = RNG(n)
    return {"X": rng.standard_normal((n, 5)), "y": rng.integers(0, 2, n) * 1.0, "w": rng.standard_normal(5)}


def logistic_hessian(X: Array, w: Array, **_: Array) -> Array:
    p = 1 / (1 + np.exp(-X @ w))
    return np.asarray(X.T @ ((p * (1 - p) / len(X))[:, None] * X))


@pytest.mark.parametrize("format", ["auto", "dense", "structured", "factored", "sparse"])
def test_logistic_regression_is_one_product_beside_the_logits(format: Any) -> None:
    loss, w = logistic()
    H = ig.hessian(loss, w, format=format)
    assert matmuls(H.todense() if isinstance(H, ig.Jacobian) else H) == 2
    for n in (7, 3):
        arrays = logistic_arrays(n)
        found = run(H, **arrays)
        dense = found.toarray() if format == "sparse" else np.asarray(found)
        np.testing.assert_allclose(dense, logistic_hessian(**arrays), rtol=1e-12)


@pytest.mark.parametrize("format", ["auto", "factored"])
def test_a_hessian_of_low_rank_stays_factored(format: Any) -> None:
    X, w = real("X", 3, 50), real("w", 50)
    H = ig.hessian(ig.softplus(X @ w).sum(), w, format=format)
    assert "the last product apart" in str(H.plan)
    assert H.nbytes == 8 * (2 * 3 * 50 + 2 * 3)
    assert H.structure() == "factored"
    rng = RNG(1)
    arrays = {"X": rng.standard_normal((3, 50)), "w": rng.standard_normal(50) / 7}
    found = run(H, **arrays)
    np.testing.assert_allclose(found.todense(), 3 * logistic_hessian(**arrays), rtol=1e-10, atol=1e-13)
    v = rng.standard_normal(50)
    np.testing.assert_allclose(found @ v, 3 * logistic_hessian(**arrays) @ v, rtol=1e-10)


def test_a_quadratic_form_needs_no_x_and_no_product() -> None:
    A, x = real("A", 4, 4), real("x", 4)
    H = ig.hessian(x @ (A @ x), x, format="dense")
    function = ig.compile(H)
    assert list(function.graph.inputs) == ["A"]
    assert not matmuls(H)
    array = RNG(2).standard_normal((4, 4))
    np.testing.assert_array_equal(function(A=array), array + array.T)


def network(sizes: Sequence[int], rows: Any = 6) -> tuple[ig.Value, dict[str, ig.Value]]:
    """A regression by layers with tanh between, and its parameters."""
    h, weights = real("x", rows, sizes[0]), {}
    for n, (near, far) in enumerate(pairwise(sizes)):
        weights[f"w{n}"], weights[f"b{n}"] = real(f"w{n}", near, far), real(f"b{n}", far)
        h = (ig.tanh(h) if n else h) @ weights[f"w{n}"] + weights[f"b{n}"]
    return ((h - real("t", rows, sizes[-1])) ** 2).mean(), weights


def network_arrays(sizes: Sequence[int], rows: int = 6) -> dict[str, Array]:
    rng = RNG(rows)
    arrays = {"x": rng.standard_normal((rows, sizes[0])), "t": rng.standard_normal((rows, sizes[-1]))}
    for n, (near, far) in enumerate(pairwise(sizes)):
        arrays[f"w{n}"], arrays[f"b{n}"] = rng.standard_normal((near, far)), rng.standard_normal(far)
    return arrays


def differences(loss: ig.Value, wrt: dict[str, ig.Value], arrays: dict[str, Array]) -> dict[str, Any]:
    """The Hessian by central differences of the gradient, as nested dicts."""
    slopes = ig.compile(ig.grad(loss, wrt, "zero"))
    feeds = {name: array for name, array in arrays.items() if name in slopes.graph.inputs}
    found: dict[str, Any] = {row: {} for row in wrt}
    for column in wrt:
        if column not in feeds:
            columns = [{row: np.zeros(arrays[row].shape) for row in wrt}] * arrays[column].size
        else:
            columns = []
            for place in np.ndindex(arrays[column].shape):
                step = np.zeros(arrays[column].shape)
                step[place] = 1e-5
                ahead, behind = (slopes(**feeds | {column: feeds[column] + s * step}) for s in (1, -1))
                columns.append({row: (ahead[row] - behind[row]) / 2e-5 for row in wrt})
        for row in wrt:
            stacked = np.stack([each[row] for each in columns], -1)
            found[row][column] = stacked.reshape(stacked.shape[:-1] + arrays[column].shape)
    return found


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_hessian_of_a_network_in_nested_dicts(mode: Any) -> None:
    loss, weights = network((3, 4, 2))
    arrays = network_arrays((3, 4, 2))
    found = run(ig.hessian(loss, weights, mode, "dense"), **arrays)
    wanted = differences(loss, weights, arrays)
    for row in weights:
        for column in weights:
            np.testing.assert_allclose(found[row][column], wanted[row][column], atol=1e-8)
            swapped = np.moveaxis(
                found[column][row], range(arrays[column].ndim), range(-arrays[column].ndim, 0)
            )
            np.testing.assert_allclose(found[row][column], swapped, atol=1e-12)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_hessian_of_convolution_and_pooling(mode: Any) -> None:
    x, w = real("x", 2, 1, 5, 4), real("w", 2, 1, 2, 2)
    h = ig.tanh(ig.max_pool(ig.conv(x, w, padding=1), 2)) * ig.constant(RNG(13).standard_normal((2, 2, 3, 2)))
    loss, wrt = (h * h + h).sum(), {"x": x, "w": w}
    arrays = {"x": RNG(14).standard_normal((2, 1, 5, 4)), "w": RNG(15).standard_normal((2, 1, 2, 2))}
    H, diagonal = run([ig.hessian(loss, wrt, mode), ig.hessian_diagonal(loss, wrt)], **arrays)
    wanted = differences(loss, wrt, arrays)
    for row in wrt:
        for column in wrt:
            np.testing.assert_allclose(H[row][column].todense(), wanted[row][column], atol=1e-7)
        np.testing.assert_allclose(H[row][row].diagonal(), diagonal[row], atol=1e-12)


def test_lists_nest_in_lists() -> None:
    loss, weights = network((3, 2))
    arrays = network_arrays((3, 2))
    by_list = run(ig.hessian(loss, list(weights.values())), **arrays)
    by_name = run(ig.hessian(loss, weights), **arrays)
    for row, other in zip(by_list, by_name.values(), strict=True):
        for one, two in zip(row, other.values(), strict=True):
            np.testing.assert_array_equal(one, two)


def test_second_derivatives_that_are_zero_are_zeros() -> None:
    a, b = real("a", 2), real("b", 3)
    H = ig.hessian((a**2).sum() + b.sum(), {"a": a, "b": b})
    assert str(H["b"]["b"].structure()) == str(H["a"]["b"].structure()) == "zero"
    found = run(H, a=np.ones(2))
    np.testing.assert_array_equal(found["a"]["a"].todense(), 2 * np.eye(2))
    np.testing.assert_array_equal(found["b"]["b"].todense(), np.zeros((3, 3)))
    np.testing.assert_array_equal(found["a"]["b"].todense(), np.zeros((2, 3)))


# ----------------------------------------------------------------------------- diagonals, traces

LOSSES: dict[str, Callable[[ig.Value], ig.Value]] = {
    "separable": lambda x: (ig.sin(x) * x).sum(),
    "product": lambda x: ig.exp(0.3 * x.sum()) + (x**3).sum(),
    "matrix": lambda x: ig.softplus(x @ ig.constant(RNG(3).standard_normal((4, 6)))).sum(),
    "two layers": lambda x: (
        ig.tanh(ig.tanh(x @ ig.constant(RNG(4).standard_normal((4, 5)))) @ RNG(5).standard_normal((5, 3)))
    ).sum(),
    "softmax": lambda x: (ig.softmax(x) * ig.constant(RNG(6).standard_normal((3, 4)))).sum(),
    "slices": lambda x: (x[1:] * x[:-1] * x[:, ::-1][1:]).sum() + (x * x[::-1]).sum(),
    "gather": lambda x: (ig.gather(x, [0, 2, 0]) * ig.sin(x)).sum(),
    "linear": lambda x: x.sum() * 2.0,
    "reshape": lambda x: (x.reshape(2, 6) @ ig.cos(x).reshape(6, 2)).sum(),
    "cumsum": lambda x: (ig.cumsum(x, 1) ** 3).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_diagonal_and_trace_are_those_of_the_hessian(name: str) -> None:
    x = real("x", 3, 4)
    loss = LOSSES[name](x)
    array = RNG(7).standard_normal((3, 4))
    function = ig.compile([ig.hessian_diagonal(loss, x), ig.laplacian(loss, x)], inputs=[x])
    diagonal, trace = function(x=array)
    wanted = differences(loss, {"x": x}, {"x": array})["x"]["x"].reshape(12, 12)
    np.testing.assert_allclose(diagonal.ravel(), np.diag(wanted), atol=1e-8)
    np.testing.assert_allclose(trace, np.trace(wanted), atol=1e-7)
    H = ig.compile(ig.hessian(loss, x), inputs=[x])(x=array)
    np.testing.assert_allclose(H.diagonal(), diagonal, atol=1e-12)


def test_the_diagonal_does_not_form_the_hessian() -> None:
    loss, w = logistic()
    function = ig.compile(ig.hessian_diagonal(loss, w))
    assert all(node.outputs[0].shape != (5, 5) for node in function.program.graph.nodes)
    arrays = logistic_arrays(6)
    found = function(X=arrays["X"], w=arrays["w"])
    np.testing.assert_allclose(found, np.diag(logistic_hessian(**arrays)), rtol=1e-12)
    big, v = real("big", 2, 3000), real("v", 3000)
    memory = ig.compile(ig.laplacian(ig.softplus(big @ v).sum(), v)).plan().arena_nbytes
    assert memory < 3000 * 3000  # a Hessian is eight times as large


def test_the_laplacian_of_each_row() -> None:
    x = real("x", "n", 3)
    w = RNG(8).standard_normal((3, 4))
    rows = ig.hessian_diagonal(ig.sin(x @ ig.constant(w)).sum(), x).sum(axis=-1)
    for n in (5, 2):
        array = RNG(n).standard_normal((n, 3))
        wanted = (-np.sin(array @ w) * (w**2).sum(0)).sum(1)
        np.testing.assert_allclose(run(rows, x=array), wanted, rtol=1e-12)


def test_diagonals_in_the_structure_of_wrt() -> None:
    loss, weights = network((3, 4, 2))
    arrays = network_arrays((3, 4, 2))
    found = run(ig.hessian_diagonal(loss, weights), **arrays)
    wanted = differences(loss, weights, arrays)
    for name, array in found.items():
        square = wanted[name][name].reshape(array.size, array.size)
        np.testing.assert_allclose(array.ravel(), np.diag(square), atol=1e-8)
    total = run(ig.laplacian(loss, weights), **arrays)
    np.testing.assert_allclose(total, sum(array.sum() for array in found.values()), rtol=1e-12)


def test_a_factor_that_one_term_has_twice_and_another_once() -> None:
    """f'' of sin(exp(t)) has exp(t) once beside the cosine and twice beside the sine."""
    x = real("x", 3)
    array = RNG(12).standard_normal(3)
    e = np.exp(array)
    found = run(ig.hessian(ig.sin(ig.exp(x)).sum(), x), x=array).diagonal()
    np.testing.assert_allclose(found, np.cos(e) * e - np.sin(e) * e * e, rtol=1e-12)


# ------------------------------------------------------------------------------------- products


def test_hvp_is_the_hessian_times_the_vector() -> None:
    loss, weights = network((3, 4, 2), "n")
    vs = {name: real(f"v_{name}", *x.shape) for name, x in weights.items()}
    function = ig.compile(ig.hvp(loss, weights, vs))
    dense = ig.compile(ig.hessian(loss, weights, format="dense"))
    for rows in (5, 2):
        arrays = network_arrays((3, 4, 2), rows)
        rng = RNG(rows)
        drawn: dict[str, Array] = {
            name: np.asarray(rng.standard_normal(arrays[name].shape)) for name in weights
        }
        found = function(**arrays, **{f"v_{name}": v for name, v in drawn.items()})
        H = dense(**arrays)
        for row in weights:
            parts = [np.tensordot(H[row][name], v, v.ndim) for name, v in drawn.items()]
            np.testing.assert_allclose(found[row], np.sum(parts, axis=0), atol=1e-11)


def test_gauss_newton_is_j_transposed_h_j() -> None:
    x, target, v = real("x", 4), real("target", 3), real("v", 4)
    w = RNG(9).standard_normal((4, 3))
    y = ig.tanh(x) @ ig.constant(w)
    loss = ig.logsumexp(y) + (y * y * target).sum()
    H = ig.hessian(loss, y)
    products = [
        ig.gauss_newton_product(y, x, v, loss),
        ig.gauss_newton_product(y, x, v, hessian=H),
        ig.gauss_newton_product(y, x, v, hessian=H.todense()),
        ig.gauss_newton_product([y], [x], [v], hessian=[[H]])[0],
        ig.gauss_newton_product(y, x, v),
    ]
    rng = RNG(10)
    arrays = {"x": rng.standard_normal(4), "target": rng.standard_normal(3), "v": rng.standard_normal(4)}
    *found, plain = run(products, **arrays)
    J = ((1 - np.tanh(arrays["x"]) ** 2)[:, None] * w).T
    z = np.tanh(arrays["x"]) @ w
    p = np.exp(z) / np.exp(z).sum()
    middle = np.diag(p) - np.outer(p, p) + 2 * np.diag(arrays["target"])
    for each in found:
        np.testing.assert_allclose(each, J.T @ middle @ J @ arrays["v"], rtol=1e-11)
    np.testing.assert_allclose(plain, J.T @ J @ arrays["v"], rtol=1e-11)


def test_gauss_newton_of_several_outputs() -> None:
    x, v = real("x", 3), real("v", 3)
    outputs = {"a": ig.sin(x), "b": (x * x)[:2]}
    loss = (outputs["a"] ** 2).sum() * outputs["b"].sum()
    by_loss = ig.gauss_newton_product(outputs, x, v, loss)
    by_hessian = ig.gauss_newton_product(outputs, x, v, hessian=ig.hessian(loss, outputs))
    rng = RNG(11)
    arrays = {"x": rng.standard_normal(3), "v": rng.standard_normal(3)}
    found, other = run([by_loss, by_hessian], **arrays)
    J = np.concatenate([np.diag(np.cos(arrays["x"])), np.diag(2 * arrays["x"])[:2]])
    a, b = np.sin(arrays["x"]), (arrays["x"] ** 2)[:2]
    cross = np.outer(2 * a, np.ones(2))
    middle = np.block([[2 * np.eye(3) * b.sum(), cross], [cross.T, np.zeros((2, 2))]])
    np.testing.assert_allclose(found, J.T @ middle @ J @ arrays["v"], rtol=1e-11)
    np.testing.assert_allclose(other, found, rtol=1e-11)


# ------------------------------------------------------------------------------------- refusals


def _vector_loss() -> None:
    x = real("x", 3)
    ig.hessian(x * x, x)  # here


def _vector_trace() -> None:
    x = real("x", 3)
    ig.laplacian(x * x, x)  # here


def _integer() -> None:
    n = ig.input("n", (3,), "int64")  # here
    ig.hessian((n * 2).sum().astype("float64"), n)


def _unreached() -> None:
    x, y = real("x", 3), ig.input("y", (3,))  # here
    ig.hessian((x * x).sum(), [x, y])


def _complex() -> None:
    z = ig.input("z", (3,), "complex128")
    ig.hessian(abs(z).sum(), z)  # here


def _vector_of_another_shape() -> None:
    x = real("x", 3)
    ig.hvp((x * x).sum(), x, real("v", 4))  # here


def _loss_and_hessian() -> None:
    x, v = real("x", 3), real("v", 3)
    y = ig.sin(x)
    ig.gauss_newton_product(y, x, v, y.sum(), ig.hessian(y.sum(), y))  # here


def _hessian_of_another_shape() -> None:
    x, v = real("x", 3), real("v", 3)
    ig.gauss_newton_product(ig.sin(x), x, v, hessian=real("H", 2, 2))  # here


def _too_many_blocks() -> None:
    x, v = real("x", 3), real("v", 3)
    ig.gauss_newton_product(ig.sin(x), x, v, hessian=[real("H", 3, 3)] * 2)  # here


BAD: dict[Callable[[], None], tuple[type[Exception], tuple[str, ...]]] = {
    _vector_loss: (ShapeError, ("second derivatives of <a result of multiply", "a scalar", ".sum()")),
    _vector_trace: (ShapeError, ("second derivatives of <a result of multiply", "a scalar")),
    _integer: (NotDifferentiableError, ("wrt <n : int64[3]>", "a float dtype")),
    _unreached: (NotDifferentiableError, ("wrt <y : float32[3]>", "does not depend", 'disconnected="zero"')),
    _complex: (NotDifferentiableError, ("complex128[3]", "a float dtype", "real and imag")),
    _vector_of_another_shape: (ShapeError, ("the vector <v : float64[4]>", "<x : float64[3]>")),
    _loss_and_hessian: (GraphError, ("a loss and a Hessian", "one of them")),
    _hessian_of_another_shape: (ShapeError, ("<H : float64[2, 2]> in a Hessian", "(3, 3)")),
    _too_many_blocks: (ShapeError, ("a Hessian of 2 blocks for 1 outputs", "1 blocks")),
}


@pytest.mark.parametrize("build", BAD, ids=lambda build: build.__name__.strip("_"))
def test_refused_with_the_users_line(build: Callable[[], None]) -> None:
    error, says = BAD[build]
    with pytest.raises(error) as caught:
        build()
    must_say(caught.value, build, __file__, says)


def test_unreached_gives_zeros_where_asked() -> None:
    x, y = real("x", 2), real("y", 3)
    H = ig.hessian((x**3).sum(), [x, y], disconnected="zero")
    found = run(H, x=np.ones(2))
    np.testing.assert_array_equal(found[0][0].todense(), 6 * np.eye(2))
    np.testing.assert_array_equal(found[1][1].todense(), np.zeros((3, 3)))
    found = run(ig.hvp((x**3).sum(), [x, y], [x, y], "zero"), x=np.ones(2))
    np.testing.assert_array_equal(found[1], np.zeros(3))
