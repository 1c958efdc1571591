"""cuBLAS and cuSOLVER on a CPU, by LAPACK: what the executor calls of them, at addresses, in columns.

As they do, they note what fails and go on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.linalg

CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
CUBLAS_SIDE_LEFT, CUBLAS_SIDE_RIGHT = 0, 1
CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER = 0, 1
CUBLAS_DIAG_NON_UNIT, CUBLAS_DIAG_UNIT = 0, 1
CUBLAS_HANDLE, CUSOLVER_HANDLE = 4711, 4712
WORK = 17
"""The elements that a routine asks for besides its matrix."""

called: list[str] = []
"""The names of all routines so far."""


def columns(address: int, shape: tuple[int, int], lead: int, dtype: Any) -> np.ndarray[Any, Any]:
    """A matrix in column-major order at an address."""
    itemsize = np.dtype(dtype).itemsize
    memory = (ctypes.c_char * (((shape[1] - 1) * lead + shape[0]) * itemsize)).from_address(address)
    return np.ndarray(shape, dtype, memoryview(memory), 0, (itemsize, lead * itemsize))


def vector(address: int, size: int, dtype: Any = "int32") -> np.ndarray[Any, Any]:
    return columns(address, (size, 1), max(size, 1), dtype)[:, 0]


def _each(table: int, count: int) -> Iterator[int]:
    assert table % 8 == 0
    yield from vector(table, count, "uint64").tolist()


def _routines(letter: str, dtype: str) -> dict[str, Any]:
    lapack = scipy.linalg.lapack
    getrf_, getrs_, potrf_ = (getattr(lapack, letter + name) for name in ("getrf", "getrs", "potrf"))
    trsm_ = getattr(scipy.linalg.blas, f"{letter}trsm")

    def eliminated(n: int, a: int, lda: int, pivots: int, info: int) -> None:
        matrix = columns(a, (n, n), lda, dtype)
        matrix[...], exchanges, vector(info, 1)[0] = getrf_(matrix)
        vector(pivots, n)[...] = exchanges + 1

    def solved(trans: int, n: int, sides: int, a: int, lda: int, pivots: int, b: int, ldb: int) -> None:
        assert lda >= n <= ldb
        right = columns(b, (n, sides), ldb, dtype)
        with np.errstate(all="ignore"):
            lu = columns(a, (n, n), lda, dtype)
            right[...] = getrs_(lu, vector(pivots, n) - 1, right, trans=trans)[0]

    def factored(uplo: int, n: int, a: int, lda: int, info: int) -> None:
        matrix = columns(a, (n, n), lda, dtype)
        lower = uplo == CUBLAS_FILL_MODE_LOWER
        matrix[...], vector(info, 1)[0] = potrf_(matrix, lower=lower, clean=0)

    def getrfBatched(handle: int, n: int, a: int, lda: int, pivots: int, info: int, count: int) -> None:
        assert handle == CUBLAS_HANDLE
        for i, each in enumerate(_each(a, count)):
            eliminated(n, each, lda, pivots + 4 * i * n, info + 4 * i)

    def getrsBatched(
        handle: int, trans: int, n: int, sides: int, a: int, lda: int, pivots: int, b: int, ldb: int,
        info: int, count: int,
    ) -> None:  # fmt: skip
        assert handle == CUBLAS_HANDLE
        vector(info, 1)[0] = 0
        for i, (each, right) in enumerate(zip(_each(a, count), _each(b, count), strict=True)):
            solved(trans, n, sides, each, lda, pivots + 4 * i * n, right, ldb)

    def trsm(
        handle: int, side: int, uplo: int, trans: int, diag: int, m: int, n: int, alpha: int,
        a: int, lda: int, b: int, ldb: int,
    ) -> None:  # fmt: skip
        assert handle == CUBLAS_HANDLE
        size = n if side == CUBLAS_SIDE_RIGHT else m
        assert lda >= size
        assert ldb >= m
        factor = float(vector(alpha, 1, dtype)[0])
        right, lower = columns(b, (m, n), ldb, dtype), int(uplo == CUBLAS_FILL_MODE_LOWER)
        matrix = columns(a, (size, size), lda, dtype)
        right[...] = trsm_(factor, matrix, right, side=side, lower=lower, trans_a=trans, diag=diag)

    def trsmBatched(
        handle: int, side: int, uplo: int, trans: int, diag: int, m: int, n: int, alpha: int,
        a: int, lda: int, b: int, ldb: int, count: int,
    ) -> None:  # fmt: skip
        for each, right in zip(_each(a, count), _each(b, count), strict=True):
            trsm(handle, side, uplo, trans, diag, m, n, alpha, each, lda, right, ldb)

    def getrf_bufferSize(handle: int, m: int, n: int, a: int, lda: int) -> int:
        return WORK

    def getrf(handle: int, m: int, n: int, a: int, lda: int, work: int, pivots: int, info: int) -> None:
        assert handle == CUSOLVER_HANDLE
        assert m == n
        vector(work, WORK, dtype)[...] = 0
        eliminated(n, a, lda, pivots, info)

    def getrs(
        handle: int, trans: int, n: int, sides: int, a: int, lda: int, pivots: int, b: int, ldb: int,
        info: int,
    ) -> None:  # fmt: skip
        assert handle == CUSOLVER_HANDLE
        vector(info, 1)[0] = 0
        solved(trans, n, sides, a, lda, pivots, b, ldb)

    def potrf_bufferSize(handle: int, uplo: int, n: int, a: int, lda: int) -> int:
        return WORK

    def potrf(handle: int, uplo: int, n: int, a: int, lda: int, work: int, size: int, info: int) -> None:
        assert handle == CUSOLVER_HANDLE
        vector(work, size, dtype)[...] = 0
        factored(uplo, n, a, lda, info)

    def potrfBatched(handle: int, uplo: int, n: int, a: int, lda: int, info: int, count: int) -> None:
        assert handle == CUSOLVER_HANDLE
        for i, each in enumerate(_each(a, count)):
            factored(uplo, n, each, lda, info + 4 * i)

    found = [getrfBatched, getrsBatched, trsm, trsmBatched, getrf_bufferSize, getrf, getrs]
    found += [potrf_bufferSize, potrf, potrfBatched]
    return {f"{letter}{each.__name__}": _noted(f"{letter}{each.__name__}", each) for each in found}


def _noted(name: str, routine: Any) -> Any:
    """CuPy's bindings take positions alone."""

    def run(*arguments: Any) -> Any:
        assert all(type(each) is int for each in arguments), (name, arguments)
        called.append(name)
        return routine(*arguments)

    return run


ROUTINES = {**_routines("s", "float32"), **_routines("d", "float64")}


def __getattr__(name: str) -> Any:
    try:
        return ROUTINES[name]
    except KeyError:
        raise AttributeError(name) from None


# ------------------------------------------------------------------------------------ cupy.linalg


def factors(function: Any, array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """What NumPy computes for each matrix, and NaN where it raises."""
    try:
        return tuple(function(array))
    except np.linalg.LinAlgError:
        if array.ndim == 2:
            return tuple(np.full_like(each, np.nan) for each in function(np.ones_like(array)))
        parts = [factors(function, each) for each in array]
        return tuple(np.stack(each) for each in zip(*parts, strict=True))
