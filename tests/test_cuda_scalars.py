"""Scalar operations in C are those of NumPy, for NaN, inf, division by zero and the limits of integers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from irgraph.op import Op
from irgraph.types import DTYPES, DType, as_dtype
from irgraph_array.table import UFUNCS
from irgraph_cupy.elementwise import launch_op
from irgraph_cupy.scalars import C_TYPES, EXPRESSIONS
from irgraph_cupy.source import module
from tests.cuda_shim import compiler, fake_cupy
from tests.cuda_shim.running import blank, device, run_all

needs_gxx = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")

SPECIAL = {
    "f": [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        3.7,
        -3.7,
        np.inf,
        -np.inf,
        np.nan,
        1e30,
        1e-30,
        6.0,
    ],
    "i": [0, 1, -1, 2, -2, 3, -3, 7, -7, 100, -100],
    "u": [0, 1, 2, 3, 7, 100, 200],
    "b": [False, True],
}


def scalar_cases() -> Iterator[Any]:
    """Every op that NumPy has as one function, in every dtype that it takes."""
    for op, name in UFUNCS.items():
        if op not in EXPRESSIONS:  # which is then expanded, and a test says so
            continue
        function = getattr(np, name)
        for dtype in (each for each in DTYPES.values() if each.name in C_TYPES and not each.is_low):
            bools = op.__module__.endswith("logic") or name in ("equal", "not_equal", "logical_not")
            if (dtype.kind == "bool") != bools and not (bools and name.endswith("equal")):
                continue
            if getattr(op, "float_only", False) and not dtype.is_float:
                continue
            if name == "divide" and not dtype.is_float:
                continue
            yield pytest.param(op, function, dtype, id=f"{op.name}-{dtype}")


def special(dtype: DType) -> np.ndarray[Any, Any]:
    """Values where C and NumPy could differ, the limits of the integers among them."""
    values = np.array(SPECIAL[dtype.numpy.kind], dtype.numpy)
    if dtype.is_integer:
        limits = np.iinfo(dtype.numpy)
        values = np.concatenate([values, np.array([limits.min, limits.max], dtype.numpy)])
    return values


@cache
def scalar_kernels() -> None:
    """Compile them all in one go."""
    found = []
    for op, function, dtype in (case.values for case in scalar_cases()):
        x = np.zeros(2, dtype.numpy)
        with np.errstate(all="ignore"):
            out = blank((2,), function(*[x] * function.nin).dtype.name)
        found += [each.source for each in launch_op(op, [device(x)] * function.nin, out)]
    fake_cupy.preload(module(found))


@needs_gxx
@pytest.mark.parametrize(("op", "function", "dtype"), list(scalar_cases()))
def test_scalar_operations_are_those_of_numpy(op: type[Op], function: Any, dtype: DType) -> None:
    values = special(dtype)
    grid = np.meshgrid(values, values) if function.nin == 2 else [values]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        wanted = function(*grid)
    scalar_kernels()
    out = blank(grid[0].shape, wanted.dtype.name)
    run_all(launch_op(op, [device(each) for each in grid], out))
    assert as_dtype(wanted.dtype) is (dtype if wanted.dtype.kind != "b" else DTYPES["bool"])
    if dtype.is_float and wanted.dtype.kind == "f":
        tolerance = 4 * np.finfo(dtype.numpy).eps
        np.testing.assert_allclose(out.get(), wanted, rtol=tolerance, atol=tolerance)
        exact = (wanted == 0) & (function not in (np.maximum, np.minimum))  # of -0 and 0 either will do
        np.testing.assert_array_equal(np.signbit(out.get()[exact]), np.signbit(wanted[exact]))
    else:
        np.testing.assert_array_equal(out.get(), wanted)
