"""Running the table of cases on an executor: every kernel, at several sizes, on memory full of NaN."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from unittest import SkipTest

import numpy as np

from ..comparing import tolerance_of
from ..compiler.protocol import Executor
from ..errors import ExecutorError, NumericalError
from ..function import Function, compile
from ..types import as_dtype
from .case import LOW, Case
from .derivatives import assert_close

Array = np.ndarray[Any, Any]

SIZES_TRIED = ({"n": 4, "m": 3}, {"n": 5, "m": 2}, {"n": 1, "m": 1}, {"n": 0, "m": 2})
"""What the names in the cases are bound to, in this order, by one function."""


def to_host(executor: Executor, results: Sequence[Any]) -> list[Array]:
    """Results as NumPy arrays, wherever they are."""
    return [each if isinstance(each, np.ndarray) else executor.to_host(each) for each in results]


def compiled(executor: Executor, outputs: Any, **keywords: Any) -> Function:
    """`irgraph.compile`; a missing kernel skips the check."""
    try:
        return compile(outputs, executor=executor, **keywords)
    except ExecutorError as error:
        raise SkipTest(str(error).partition(" in executor")[0].removeprefix("found ")) from None


def run_case(executor: Executor, case: Case, dtype: str, tolerances: Mapping[str, float]) -> None:
    """`check_case`; what the executor refuses when it prepares a plan, as a dtype, skips the check."""
    try:
        check_case(executor, case, dtype, tolerances)
    except ExecutorError as error:
        raise SkipTest(str(error).splitlines()[0].removeprefix("found ")) from None


def check_case(executor: Executor, case: Case, dtype: str, tolerances: Mapping[str, float]) -> None:
    """The case's values, of the inferred types, are those of its oracle at all sizes that it allows.

    Before each run the function is fed NaN for all floats, so that memory that it uses again holds NaN: a
    kernel that leaves an element as it finds it is found out. Raises AssertionError.
    """
    if dtype in LOW:
        _require_arrays(executor, dtype)
    graph = case.build_graph(dtype, named=bool(case.names))
    function = compiled(executor, list(graph.outputs))
    names = list(function.graph.inputs)
    tried = 0
    for sizes in SIZES_TRIED if case.names else SIZES_TRIED[:1]:
        arrays = case.sample(np.random.default_rng(zlib.crc32(str(case).encode())), dtype, sizes)
        expected = _answers(case, arrays)
        if expected is None or not _allowed(function, {**case.sizes, **sizes}):
            continue
        if not function.state:
            with suppress(NumericalError):  # an op may refuse NaN
                function(**{name: _poisoned(arrays[name]) for name in names})
        found = to_host(executor, function(**{name: arrays[name] for name in names}))
        for value, result, wanted in zip(graph.outputs, found, expected, strict=True):
            if result.dtype != value.dtype.numpy or result.shape != wanted.shape:
                was, needed = (
                    f"{a.dtype}{list(a.shape)}" for a in (result, wanted.astype(value.dtype.numpy))
                )
                raise AssertionError(f"at {sizes}: found {was}; needed {needed}")
            try:
                assert_close(result, wanted, tolerance_of(as_dtype(result.dtype), tolerances))
            except AssertionError as error:
                raise AssertionError(f"at {sizes} of {value!r}:{error}") from None
        tried += 1
    if not tried:
        raise SkipTest("no size that the case allows")


def _require_arrays(executor: Executor, dtype: str) -> None:
    """Skip where the device does not know a dtype at all."""
    try:
        executor.to_host(executor.to_device(np.zeros(1, as_dtype(dtype).numpy)))
    except Exception as error:  # whatever a device says
        raise SkipTest(f"no arrays of {dtype}") from error


def _answers(case: Case, arrays: Mapping[str, Array]) -> list[Array] | None:
    """What the oracle says; None where it refuses, e.g. the maximum of nothing."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            return case.expected(arrays)
        except (ValueError, IndexError):
            return None


def _allowed(function: Function, sizes: Mapping[str, int]) -> bool:
    return all(guard.holds(sizes) for guard in function.program.assumed)


def _poisoned(array: Array) -> Array:
    """NaN in place of all floats; integers stay, for they may be indices."""
    return array if array.dtype.kind in "biu" else np.full_like(array, np.nan)
