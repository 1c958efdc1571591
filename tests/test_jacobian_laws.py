"""The laws of Jacobians, for every case of every differentiable op: every mode and format is one linear
map.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import NotDifferentiableError
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


def fed(function: ig.Function, arrays: dict[str, Any]) -> list[Any]:
    results: list[Any] = function(**{name: arrays[name] for name in function.graph.inputs})
    return results


@pytest.mark.parametrize("case", REAL, ids=str)
def test_every_mode_and_format_is_the_directional_derivative(case: Case) -> None:
    ends, sources, arrays = problem(case)
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal([int(n) for n in x.shape]) for x in sources]  # type: ignore[arg-type]
    tangents = [ig.constant(direction) for direction in directions]
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
