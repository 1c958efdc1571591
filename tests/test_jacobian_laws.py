"""The laws of Jacobians, for every case of every differentiable op: every mode and format is one linear
map.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.dims import bind
from irgraph.errors import NotDifferentiableError
from irgraph.graph import topological_order
from irgraph.testing import CASES, Case

REAL = [
    case
    for case in CASES
    if case.differentiable
    and "float64" in case.dtypes
    and not any(arg.dtype == "complex128" for arg in case.inputs.values())
    and any(y.dtype.is_float for y in case.results(case.values("float64")))
]


def problem(case: Case) -> tuple[list[ig.Value], list[ig.Value], dict[str, Any]]:
    """The float results, what they are differentiated towards, and feeds."""
    values = case.values("float64")
    ends = [y for y in case.results(values) if y.dtype.is_float]
    arrays = case.sample(np.random.default_rng(zlib.crc32(str(case).encode())), "float64")
    return ends, [values[name] for name in case.differentiable], arrays


def reached(ends: list[ig.Value], source: ig.Value) -> bool:
    try:
        ig.jacobian(ends, source, "reverse")
    except NotDifferentiableError as error:
        return "has no derivative" not in str(error)
    return True


def fed(function: ig.Function, arrays: dict[str, Any]) -> list[Any]:
    results: list[Any] = function(**{name: arrays[name] for name in function.graph.inputs})
    return results


@pytest.mark.parametrize("case", REAL, ids=str)
def test_every_mode_and_format_is_the_directional_derivative(case: Case) -> None:
    ends, sources, arrays = problem(case)
    sources = [x for x in sources if reached(ends, x)]
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal([int(n) for n in x.shape]) for x in sources]  # type: ignore[arg-type]
    tangents = [ig.constant(direction) for direction in directions]
    if not sources:
        pytest.skip("no derivative")
    try:
        wanted = fed(ig.compile(list(ig.jvp(ends, sources, tangents)), verify=True), arrays)
        dense = {m: ig.jacobian(ends, sources, m, "dense") for m in ("forward", "reverse")}
    except NotDifferentiableError:
        pytest.skip("no derivative")
    sparse = ig.jacobian(ends, sources, format="sparse")
    structured = ig.jacobian(ends, sources)
    products = [sum_of([J @ t for J, t in zip(row, tangents, strict=True)]) for row in structured]
    function = ig.compile([*dense.values(), products, sparse], verify=True)
    *modes, multiplied, matrices = fed(function, arrays)
    scale = 1 + max((float(np.abs(each).max(initial=0.0)) for each in wanted), default=0.0)
    for rows in modes:
        for row, expected in zip(rows, wanted, strict=True):
            found = sum(np.tensordot(J, t, t.ndim) for J, t in zip(row, directions, strict=True))
            np.testing.assert_allclose(found, expected, atol=1e-12 * scale, rtol=1e-10)
    for found, row, expected in zip(multiplied, matrices, wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12 * scale, rtol=1e-10)
        flat = sum(J @ t.ravel() for J, t in zip(row, directions, strict=True))
        np.testing.assert_allclose(flat, expected.ravel(), atol=1e-12 * scale, rtol=1e-10)


def sum_of(values: list[ig.Value]) -> ig.Value:
    total, *rest = values
    for value in rest:
        total = total + value
    return total


def test_factors_that_all_terms_have_are_taken_out_as_often_as_all_have_them() -> None:
    """e² has the factor e twice where another term has it once."""
    x = ig.input("x", (4,), "float64")
    e = ig.exp(x)
    found = ig.evaluate(ig.jacobian(ig.sum(e * e) + ig.sum(ig.sin(e)), x, format="dense"), x=POINT)
    wanted = np.exp(POINT) * (2 * np.exp(POINT) + np.cos(np.exp(POINT)))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


POINT = np.array([0.3, -0.7, 1.1, 0.2])


def test_a_sum_over_pairs_has_blocks_and_no_matrix_over_pairs() -> None:
    """The second derivatives of a potential: a block for each pair, added at four places."""
    count = 9
    first, second = np.triu_indices(count, 1)
    x = ig.input("x", (count, 2), "float64")
    apart = x[first] - x[second]
    hessian = ig.hessian(ig.sum(ig.exp(-ig.sum(apart * apart, 1))), x, format="dense")
    made = [value.shape for node in topological_order([hessian]) for value in node.outputs]
    assert max(math.prod(bind(size, {}) for size in shape) for shape in made) == (2 * count) ** 2
    at = np.random.default_rng(0).standard_normal((count, 2))
    wanted = np.zeros((count, 2, count, 2))
    for i, j in zip(first, second, strict=True):
        d = at[i] - at[j]
        block = np.exp(-d @ d) * (4 * np.outer(d, d) - 2 * np.eye(2))
        for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            wanted[a, :, b] += sign * block
    np.testing.assert_allclose(ig.evaluate(hessian, x=at), wanted, rtol=1e-12, atol=1e-14)
