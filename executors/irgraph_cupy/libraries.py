"""Elimination, Cholesky and substitution by cuBLAS and cuSOLVER, on stacks of matrices at fixed addresses.

Both take matrices in column-major order: what they see is the transpose of a row-major matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from irgraph.errors import ExecutorError, explain

from .reductions import Empty
from .source import Array, Routine

ONE = {dtype: np.ones(1, dtype) for dtype in ("float32", "float64")}
"""The factor 1 in host memory."""
INFO = np.zeros(1, "int32")
"""Where a library notes that the arguments of a call were wrong; nothing is read from here."""


def library(name: str) -> Any:
    """CuPy's bindings of cuBLAS or cuSOLVER. Raises ExecutorError where the library can't be loaded."""
    try:
        return import_module(f"cupy_backends.cuda.libs.{name}")
    except ImportError as error:
        raise ExecutorError(
            explain(
                f"{name}, which can't be loaded ({error})",
                "it, for factorizations and solvers on the GPU",
                do='Install CuPy with its libraries: pip install "irgraph[cuda13]", or "irgraph[cuda12]".',
            )
        ) from error


def address_of(array: Array, element: int = 0) -> int:
    """Where an element of a contiguous array lies."""
    return int(array.data.ptr) + element * int(array.itemsize)


class Stack:
    """Contiguous matrices of one size."""

    def __init__(self, array: Array, empty: Empty) -> None:
        assert array.flags.c_contiguous
        self.array = array
        self.count = prod(array.shape[:-2])
        self.rows, self.columns = array.shape[-2:]
        self._empty = empty

    @property
    def are_large(self) -> bool:
        """Whether they are computed one after another: few large ones fill a GPU each by itself."""
        return bool(self.count * 65536 < self.rows * self.columns)

    @property
    def letter(self) -> str:
        """The letter of the dtype in names of routines."""
        return "s" if self.array.dtype.name == "float32" else "d"

    def addresses(self) -> list[int]:
        """Where each matrix begins."""
        step = self.rows * self.columns * self.array.itemsize
        return [address_of(self.array) + i * step for i in range(self.count)]

    def table(self) -> int:
        """The address of a table of these addresses, on the device."""
        table = self._empty((self.count,), "uint64")
        table.set(np.array(self.addresses(), "uint64"))
        return address_of(table)


def eliminate(xp: Any, matrices: Stack, empty: Empty) -> tuple[Array, Iterator[Routine]]:
    """PA = LU in place, of column-major matrices; the row exchanges, counted from 1."""
    n, count, letter = matrices.rows, matrices.count, matrices.letter
    pivots, info = empty((count, n), "int32"), empty((count,), "int32")

    def at_once() -> Iterator[Routine]:
        handle, routine = xp.cuda.get_cublas_handle(), getattr(library("cublas"), f"{letter}getrfBatched")
        arguments = (matrices.table(), n, address_of(pivots), address_of(info), count)
        yield Routine(partial(routine, handle, n, *arguments))

    def one_by_one() -> Iterator[Routine]:
        handle, solver = xp.cuda.device.get_cusolver_handle(), library("cusolver")
        addresses = matrices.addresses()
        size = getattr(solver, f"{letter}getrf_bufferSize")(handle, n, n, addresses[0], n)
        work = address_of(empty((max(size, 1),), matrices.array.dtype.name))
        for i, address in enumerate(addresses):
            arguments = (address, n, work, address_of(pivots, i * n), address_of(info, i))
            yield Routine(partial(getattr(solver, f"{letter}getrf"), handle, n, n, *arguments))

    return pivots, one_by_one() if matrices.are_large else at_once()


def solve_eliminated(xp: Any, matrices: Stack, pivots: Array, rhs: Stack, empty: Empty) -> Iterator[Routine]:
    """Solve in place, with what `eliminate` has left. The rows of `rhs` are the right sides."""
    n, count, letter, sides = matrices.rows, matrices.count, matrices.letter, rhs.rows
    if not sides:
        return
    if not matrices.are_large:
        cublas = library("cublas")
        routine = partial(getattr(cublas, f"{letter}getrsBatched"), xp.cuda.get_cublas_handle())
        arguments = (matrices.table(), n, address_of(pivots), rhs.table(), n, INFO.ctypes.data, count)
        yield Routine(partial(routine, cublas.CUBLAS_OP_N, n, sides, *arguments))
        return
    handle, normal = xp.cuda.device.get_cusolver_handle(), library("cublas").CUBLAS_OP_N
    solve, noted = getattr(library("cusolver"), f"{letter}getrs"), address_of(empty((1,), "int32"))
    for i, (address, side) in enumerate(zip(matrices.addresses(), rhs.addresses(), strict=True)):
        where = (address, n, address_of(pivots, i * n), side, n, noted)
        yield Routine(partial(solve, handle, normal, n, sides, *where))


def factor_symmetric(xp: Any, matrices: Stack, info: Array, empty: Empty) -> Iterator[Routine]:
    """A = LLᵀ in place, the row-major L in the lower triangle; in `info`, not 0 where it has failed."""
    n, count, letter = matrices.rows, matrices.count, matrices.letter
    handle, solver = xp.cuda.device.get_cusolver_handle(), library("cusolver")
    upper = library("cublas").CUBLAS_FILL_MODE_UPPER  # in column-major order
    if not matrices.are_large:
        routine = getattr(solver, f"{letter}potrfBatched")
        arguments = (matrices.table(), n, address_of(info), count)
        yield Routine(partial(routine, handle, upper, n, *arguments))
        return
    addresses = matrices.addresses()
    size = getattr(solver, f"{letter}potrf_bufferSize")(handle, upper, n, addresses[0], n)
    work = address_of(empty((max(size, 1),), matrices.array.dtype.name))
    for i, address in enumerate(addresses):
        where = (address, n, work, size, address_of(info, i))
        yield Routine(partial(getattr(solver, f"{letter}potrf"), handle, upper, n, *where))


def substitute(
    xp: Any, matrices: Stack, rhs: Stack, lower: bool, transposed: bool, unit: bool
) -> Iterator[Routine]:
    """Solve with triangles in place; all is row-major, so that it is solved from the right: xᵀ Aᵀ = bᵀ."""
    cublas, letter, count = library("cublas"), matrices.letter, matrices.count
    how = (
        cublas.CUBLAS_SIDE_RIGHT,
        cublas.CUBLAS_FILL_MODE_UPPER if lower else cublas.CUBLAS_FILL_MODE_LOWER,
        cublas.CUBLAS_OP_T if transposed else cublas.CUBLAS_OP_N,
        cublas.CUBLAS_DIAG_UNIT if unit else cublas.CUBLAS_DIAG_NON_UNIT,
        *(rhs.columns, rhs.rows, ONE[matrices.array.dtype.name].ctypes.data),
    )
    handle, n, sides = xp.cuda.get_cublas_handle(), rhs.rows, rhs.columns
    if not matrices.are_large:
        routine = getattr(cublas, f"{letter}trsmBatched")
        yield Routine(partial(routine, handle, *how, matrices.table(), n, rhs.table(), sides, count))
        return
    for address, side in zip(matrices.addresses(), rhs.addresses(), strict=True):
        yield Routine(partial(getattr(cublas, f"{letter}trsm"), handle, *how, address, n, side, sides))
