"""Jacobians of random well-typed graphs: every order, mode and format is one linear map, that of NumPy's
central differences. The programs are those of `test_random_graphs`; IRGRAPH_RANDOM_GRAPHS makes a long run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

import irgraph as ig
from tests.test_random_graphs import EXAMPLES, FEW, Array, Arrays, Program, fed, programs

FEWER = settings(FEW, max_examples=max(1, EXAMPLES // 3))


def reached_sources(ends: list[ig.Value], xs: list[ig.Value]) -> list[ig.Value]:
    found = []
    for x in xs:
        try:
            ig.plan_jacobian(ends, x, "reverse")
        except ig.errors.NotDifferentiableError:
            continue
        found.append(x)
    return found


def rows_by_reverse_mode(ends: list[ig.Value], xs: list[ig.Value]) -> list[list[ig.Value]]:
    """Each row of each Jacobian as a gradient of one element."""
    found: list[list[ig.Value]] = []
    for y in ends:
        flat = y.reshape(-1)
        rows = [ig.grad(flat[n], xs, "zero") for n in range(int(flat.shape[0]))]  # type: ignore[arg-type]
        found.append(
            [ig.stack([row[k] for row in rows]).reshape(*y.shape, *x.shape) for k, x in enumerate(xs)]
        )
    return found


def moved(arrays: list[Array], step: float, directions: list[Array]) -> list[Array]:
    return [array + step * t for array, t in zip(arrays, directions, strict=True)]


def assert_close(found: Any, wanted: Array, tolerance: float = 1e-10) -> None:
    scale = 1 + float(np.abs(wanted).max(initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


@FEWER
@given(programs())
def test_every_order_and_format_is_the_rows_of_reverse_mode(program: Program) -> None:
    inputs, arrays = program.inputs("float64"), program.arrays()
    ends = program.run(ig, inputs)
    xs = reached_sources(ends, inputs)
    if not xs:
        return
    rng = np.random.default_rng(program.seed)
    vertices = list(ig.plan_jacobian(ends, xs).vertices)
    shuffled = [int(v) for v in rng.permutation(vertices)]
    dense = [ig.jacobian(ends, xs, mode, "dense") for mode in ("forward", "reverse", shuffled)]
    kept = [ig.jacobian(ends, xs, shuffled, format) for format in ("structured", "factored", "sparse")]
    function = ig.compile([rows_by_reverse_mode(ends, xs), dense, kept], verify=True)
    wanted, whole, (structured, factored, sparse) = function(**fed(function, arrays))
    for n, row in enumerate(wanted):
        for k, J in enumerate(row):
            for each in whole:
                assert_close(each[n][k], J)
            y, x = structured[n][k]._shapes()
            u, v = rng.standard_normal(y), rng.standard_normal(x)
            for result in (structured[n][k], factored[n][k]):
                assert_close(result.todense(), J)
                assert_close(np.vdot(u, result @ v), np.vdot(u, np.tensordot(J, v, v.ndim)))
                assert_close(u @ result, np.tensordot(u, J, u.ndim))
                assert_close(result.tocsr().toarray().reshape(J.shape), J)
                if y == x:
                    assert_close(result.diagonal().ravel(), np.diag(J.reshape(u.size, u.size)))
            assert sparse[n][k].shape == (u.size, v.size)
            assert_close(sparse[n][k].toarray().reshape(J.shape), J)


@FEW
@given(programs())
def test_jacobians_are_central_differences_of_numpy(program: Program) -> None:
    inputs, arrays = program.inputs("float64"), program.arrays()
    ends = program.run(ig, inputs)
    xs = reached_sources(ends, inputs)
    if not xs:
        return
    function = ig.compile(ig.jacobian(ends, xs), verify=True)
    found = function(**fed(function, arrays))
    rng = np.random.default_rng(program.seed)
    directions = [
        rng.standard_normal(a.shape) if x in xs else 0 * a for a, x in zip(arrays, inputs, strict=True)
    ]
    ahead, behind = (
        program.run(Arrays, [a + h * t for a, t in zip(arrays, directions, strict=True)])
        for h in (1e-6, -1e-6)
    )
    moving = [t for t, x in zip(directions, inputs, strict=True) if x in xs]
    for row, after, before in zip(found, ahead, behind, strict=True):
        along = np.sum([J @ t for J, t in zip(row, moving, strict=True)], axis=0)
        assert_close(along, (after - before) / 2e-6, 1e-6)


@FEWER
@given(programs())
def test_hessians_are_symmetric_and_differences_of_gradients(program: Program) -> None:
    inputs, arrays = program.inputs("float64"), program.arrays()
    loss = program.loss(ig, inputs)
    H = ig.hessian(loss, inputs, disconnected="zero")
    vectors = [ig.input(f"x{len(inputs) + n}", x.shape, x.dtype) for n, x in enumerate(inputs)]
    products = ig.hvp(loss, inputs, vectors, "zero")
    diagonals = ig.hessian_diagonal(loss, inputs, "zero")
    function = ig.compile([H, products, diagonals], verify=True)
    rng = np.random.default_rng(program.seed)
    drawn = [np.asarray(rng.standard_normal(array.shape)) for array in arrays]
    blocks, times, along = function(**fed(function, [*arrays, *drawn]))
    for n, (row, product, diagonal) in enumerate(zip(blocks, times, along, strict=True)):
        assert_close(np.sum([J @ t for J, t in zip(row, drawn, strict=True)], axis=0), product)
        assert_close(diagonal, row[n].diagonal())
        for k, block in enumerate(row):
            other = blocks[k][n].T.todense()
            assert_close(block.todense(), other)
    slopes = ig.compile(ig.grad(loss, inputs, "zero"))
    ahead, behind = (slopes(**fed(slopes, moved(arrays, h, drawn))) for h in (1e-6, -1e-6))
    for product, after, before in zip(times, ahead, behind, strict=True):
        assert_close(product, (after - before) / 2e-6, 1e-5)
