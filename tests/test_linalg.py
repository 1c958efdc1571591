"""Linear algebra beyond the laws: large systems, identities, and matrices without a result."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import irgraph as ig
from irgraph.errors import ExportError, NumericalError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_blocks_solve_as_lapack_does(n: int, lower: bool, transposed: bool, unit: bool) -> None:
    """Against SciPy's trtrs; the other triangle, and a unit diagonal, are not read."""
    a = RNG.standard_normal((n, n)) / n**0.5 + 2 * np.eye(n)
    hidden = np.triu(np.ones((n, n), bool), 0 if unit else 1)
    a[hidden if lower else hidden.T] = np.nan
    b = RNG.standard_normal((n, 3))
    filled = np.where(np.isnan(a), 0, a)
    wanted = scipy.linalg.solve_triangular(filled, b, trans=int(transposed), lower=lower, unit_diagonal=unit)
    found = ig.evaluate(ig.linalg.triangular_solve(ig.constant(a), ig.constant(b), lower, transposed, unit))
    assert np.allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_many_small_systems_are_solved_as_one_by_one(lower: bool, unit: bool) -> None:
    a = RNG.standard_normal((10, 8, 7, 7)) / 3 + 2 * np.eye(7)
    b = RNG.standard_normal((10, 8, 7, 2))
    x = ig.input("a", a.shape, "float64")
    solution = ig.linalg.triangular_solve(x, ig.constant(b), lower, unit_diagonal=unit)
    found = ig.evaluate(solution, a=a)
    for at in np.ndindex(10, 8):
        wanted = scipy.linalg.solve_triangular(a[at], b[at], lower=lower, unit_diagonal=unit)
        assert np.allclose(found[at], wanted, rtol=1e-12, atol=1e-12)
    a[3, 5, 2, 2] = 0
    if not unit:
        with pytest.raises(NumericalError, match=re.escape("a 0 on its diagonal at [3, 5] of a")):
            ig.evaluate(solution, a=a)


def test_factors_multiply_to_what_was_factored() -> None:
    a = RNG.standard_normal((2, 4, 6, 5))
    x = ig.constant(a)
    q, r = ig.linalg.qr(x)
    u, s, vh = ig.linalg.svd(x)
    square = a.swapaxes(-1, -2) @ a
    w, v = ig.linalg.eigh(ig.constant(square))
    low = ig.linalg.cholesky(ig.constant(square))
    vt, lt = (ig.transpose(m, (0, 1, 3, 2)) for m in (v, low))
    results = [q @ r, (u * s[..., None, :]) @ vh, (v * w[..., None, :]) @ vt, low @ lt]
    for found, wanted in zip(ig.evaluate(results), [a, a, square, square], strict=True):
        assert np.allclose(found, wanted, atol=1e-12)


def test_the_gradient_of_a_log_determinant_is_the_inverse() -> None:
    a = RNG.standard_normal((3, 4, 4)) + 3 * np.eye(4)
    x = ig.input("x", a.shape, "float64")
    found = ig.evaluate(ig.grad(ig.linalg.slogdet(x).logabsdet.sum(), x), x=a)
    assert np.allclose(found, np.linalg.inv(a).swapaxes(-1, -2), atol=1e-13)


def test_the_gradient_through_cholesky_is_symmetric() -> None:
    a = RNG.standard_normal((4, 4))
    x = ig.input("x", (4, 4), "float64")
    found = ig.evaluate(ig.grad((ig.linalg.cholesky(x) ** 3).sum(), x), x=a @ a.T + np.eye(4))
    assert np.allclose(found, found.T, atol=1e-13)


def test_values_that_coincide_have_a_derivative_and_their_vectors_have_none() -> None:
    x = ig.input("x", (3, 3), "float64")
    w, v = ig.linalg.eigh(x)
    trace, one = ig.evaluate([ig.grad(w.sum(), x), ig.grad((v * v)[0, 0], x)], x=np.eye(3))
    assert np.allclose(trace, np.eye(3))
    assert not np.isfinite(one).all()


def test_rank_deficient_least_squares_has_least_norm() -> None:
    a = RNG.standard_normal((5, 2)) @ RNG.standard_normal((2, 4))
    b = RNG.standard_normal(5)
    found = ig.evaluate(ig.linalg.lstsq(ig.constant(a), ig.constant(b), rcond=1e-10))
    assert np.allclose(found, np.linalg.lstsq(a, b, rcond=1e-10)[0], atol=1e-10)


Build = Callable[[ig.Value], Any]
SINGULAR = np.array([np.eye(2), [[1.0, 2.0], [2.0, 4.0]]])
REFUSED: dict[str, tuple[Build, np.ndarray[Any, Any], str, str]] = {
    "solve": (lambda a: ig.linalg.solve(a, np.ones((2, 1))), SINGULAR, "singular matrix at [1]", "inverted"),
    "inv": (ig.linalg.inv, SINGULAR, "singular matrix at [1]", "inverted"),
    "det": (lambda a: ig.grad(ig.linalg.det(a).sum(), a), SINGULAR, "singular matrix at [1]", "inverted"),
    "cholesky": (ig.linalg.cholesky, -SINGULAR, "not positive definite at [0]", "positive definite"),
    "svd of NaN": (lambda a: ig.linalg.svd(a).S, SINGULAR + np.nan, "with NaN or infinity at [0]", "finite"),
    "triangle": (
        lambda a: ig.linalg.triangular_solve(a, np.ones((2, 1))),
        SINGULAR * [1.0, 0.0],
        "a 0 on its diagonal at [0]",
        "without zeros",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_matrix_without_a_result_is_named_and_changes_nothing(name: str) -> None:
    build, array, found, needed = REFUSED[name]
    a = ig.input("a", (2, 2, 2), "float64")
    count = ig.state("count", (), "float64", init=ig.init.zeros())
    result = build(a)
    step = ig.compile(result, updates=[(count, count + result.sum())])
    with pytest.raises(NumericalError, match=re.escape(found)) as caught:
        step(a=array)
    assert needed in str(caught.value)
    assert "test_linalg.py:" in str(caught.value)
    assert step.state["count"] == 0


def test_what_onnx_lacks_is_refused_with_the_reason() -> None:
    with pytest.raises(ExportError, match="no factorizations and solvers of matrices"):
        ig.onnx.to_model({"y": ig.linalg.cholesky(ig.input("a", (3, 3)))})


def test_logdet_is_nan_where_the_determinant_is_negative() -> None:
    a = np.stack([2.0 * np.eye(3), np.diag([1.0, -1.0, 1.0])])
    x = ig.input("x", ("n", 3, 3), "float64")
    found, slope = ig.evaluate([ig.linalg.logdet(x), ig.grad(ig.linalg.logdet(x)[:1].sum(), x)], x=a)
    np.testing.assert_allclose(found, [3 * np.log(2.0), np.nan])
    np.testing.assert_allclose(slope[0], np.eye(3) / 2)
