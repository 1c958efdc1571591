"""A double of the module cupy, on a CPU: what the executor uses of it, with CuPy's names and manners.

Device memory is host memory filled with 0xFF, which no NumPy function takes by itself: an array must be
fetched with `get`, as one of CuPy. Kernels are compiled by g++. What it cannot show: asynchrony, speed, and
what a real driver refuses.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import fake_solver
from .compiler import Function, compile_for_cpu
from .fake_solver import CUBLAS_HANDLE, CUSOLVER_HANDLE, columns, factors

__version__ = "14.0.0 (double)"
FREE = 1 << 30


class OutOfMemoryError(MemoryError):
    """As cupy.cuda.memory.OutOfMemoryError."""


class Pointer:
    """As MemoryPointer: an address that keeps its memory alive."""

    def __init__(self, memory: np.ndarray[Any, Any], offset: int) -> None:
        self._memory = memory
        self._offset = offset

    @property
    def ptr(self) -> int:
        return int(self._memory.__array_interface__["data"][0]) + self._offset

    def __add__(self, offset: int) -> Pointer:
        return Pointer(self._memory, self._offset + offset)

    def memset_async(self, value: int, size: int) -> None:
        ctypes.memset(self.ptr, value, size)


class ndarray:  # as CuPy calls it
    """As cupy.ndarray: an array that NumPy cannot look into."""

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any = float,
        memptr: Pointer | None = None,
        strides: tuple[int, ...] | None = None,
    ) -> None:
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if memptr is None:
            if nbytes > FREE:
                raise OutOfMemoryError(f"out of memory allocating {nbytes} bytes")
            memptr = Pointer(np.full(nbytes + 64, 0xFF, np.uint8), 0)
        self.data = memptr
        start = memptr.ptr - int(memptr._memory.__array_interface__["data"][0])
        self._array = np.ndarray(shape, dtype, memptr._memory, start, strides)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype", "strides", "itemsize", "nbytes", "size", "ndim"):
            return getattr(self._array, name)
        raise AttributeError(name)

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function is np.may_share_memory:
            return np.may_share_memory(*[each._array for each in arguments])
        return NotImplemented

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._array.__array_interface__, "version": 3}

    @property
    def flags(self) -> SimpleNamespace:
        """CuPy's flags say nothing of writing."""
        return SimpleNamespace(c_contiguous=self._array.flags.c_contiguous)

    def _view(self, array: np.ndarray[Any, Any]) -> ndarray:
        offset = int(array.__array_interface__["data"][0]) - self.data.ptr if array.size else 0
        return ndarray(array.shape, array.dtype, self.data + offset, array.strides)

    def __getitem__(self, index: Any) -> ndarray:
        return self._view(np.asarray(self._array[index]))

    def __setitem__(self, index: Any, content: Any) -> None:
        if isinstance(content, np.ndarray):
            raise TypeError(f"Unsupported type {type(content)}")
        self._array[index] = content._array if isinstance(content, ndarray) else content

    def reshape(self, *shape: Any) -> ndarray:
        return self._view(self._array.reshape(*shape))

    def swapaxes(self, one: int, other: int) -> ndarray:
        return self._view(self._array.swapaxes(one, other))

    def copy(self) -> ndarray:
        new = ndarray(self.shape, self.dtype)
        new[...] = self
        return new

    def get(self) -> np.ndarray[Any, Any]:
        return self._array.copy()

    def set(self, array: np.ndarray[Any, Any]) -> None:
        if array.dtype != self.dtype or array.shape != self.shape or not self.flags.c_contiguous:
            raise TypeError(
                f"{array.dtype}{array.shape} array cannot be set to {self.dtype}{self.shape} array"
            )
        self._array[...] = array

    def __float__(self) -> float:
        return float(self._array)


def empty(shape: Any, dtype: Any = float) -> ndarray:
    return ndarray(shape, dtype)


def array(content: Any, order: str = "K") -> ndarray:
    host = content.get() if isinstance(content, ndarray) else np.asarray(content)
    new = ndarray(host.shape, host.dtype)
    new.set(np.ascontiguousarray(host).reshape(host.shape))
    return new


def asarray(content: Any) -> ndarray:
    if isinstance(content, ndarray) or not hasattr(content, "__cuda_array_interface__"):
        return content if isinstance(content, ndarray) else array(content)
    facts = content.__cuda_array_interface__
    host = np.asarray(SimpleNamespace(__array_interface__=facts))
    return ndarray(host.shape, host.dtype, Pointer(host.reshape(-1).view(np.uint8), 0), host.strides)


def asnumpy(content: Any) -> np.ndarray[Any, Any]:
    return content.get() if isinstance(content, ndarray) else np.asarray(content)


class RawModule:
    """Compiled when the first unknown function is asked for, by g++. Names tell texts apart."""

    def __init__(self, *, code: str, options: tuple[str, ...] = ()) -> None:
        self._code = code

    def get_function(self, name: str) -> SimpleNamespace:
        if name not in functions:
            functions.update(compile_for_cpu(self._code))
        return SimpleNamespace(kernel=functions[name])


functions: dict[str, Function] = {}
"""All that was compiled so far."""


def preload(code: str) -> None:
    """Compile a module before it is asked for."""
    functions.update(compile_for_cpu(code))


class Event:
    """An event of a device that is always done."""

    def __init__(self, disable_timing: bool = False) -> None:
        self.recorded = 0

    def record(self) -> None:
        self.recorded += 1

    def synchronize(self) -> None:
        pass


def get_default_memory_pool() -> SimpleNamespace:
    return SimpleNamespace(free_bytes=lambda: 0)


cuda = SimpleNamespace(
    Event=Event,
    alloc_pinned_memory=bytearray,
    get_cublas_handle=lambda: CUBLAS_HANDLE,
    device=SimpleNamespace(get_cusolver_handle=lambda: CUSOLVER_HANDLE),
    runtime=SimpleNamespace(
        getDeviceCount=lambda: 1, memGetInfo=lambda: (FREE, FREE), CUDA_R_32F=0, CUDA_R_64F=1
    ),
)


# -------------------------------------------------------------------------------------------- cuBLAS

CUBLAS_GEMM_DEFAULT = -1
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F = 68, 77, 70
computed: list[int] = []
"""The compute types of all products so far."""


def gemmStridedBatchedEx(
    handle: int, turn_a: int, turn_b: int, m: int, n: int, k: int, alpha: int,
    a: int, kind_a: int, lead_a: int, step_a: int,
    b: int, kind_b: int, lead_b: int, step_b: int,
    beta: int, c: int, kind_c: int, lead_c: int, step_c: int,
    count: int, compute: int, algorithm: int,
) -> None:  # fmt: skip
    """C[i] = op(A[i]) op(B[i]) in column-major order, as cuBLAS documents it."""
    assert handle == cuda.get_cublas_handle()
    assert kind_a == kind_b == kind_c
    dtype = np.dtype("float32" if kind_c == cuda.runtime.CUDA_R_32F else "float64")
    assert compute in ((68, 77) if dtype == "float32" else (70,))
    assert lead_a >= max(1, k if turn_a else m)
    assert lead_b >= max(1, n if turn_b else k)
    assert lead_c >= max(1, m)
    assert (_read(alpha, dtype), _read(beta, dtype)) == (1, 0)
    computed.append(compute)
    for i in range(count):
        left = columns(a + i * step_a * dtype.itemsize, (k, m) if turn_a else (m, k), lead_a, dtype)
        right = columns(b + i * step_b * dtype.itemsize, (n, k) if turn_b else (k, n), lead_b, dtype)
        out = columns(c + i * step_c * dtype.itemsize, (m, n), lead_c, dtype)
        out[...] = (left.T if turn_a else left) @ (right.T if turn_b else right)


def _read(address: int, dtype: np.dtype[Any]) -> float:
    return float(columns(address, (1, 1), 1, dtype)[0, 0])


def __getattr__(name: str) -> Any:
    """The rest of cuBLAS."""
    return getattr(fake_solver, name)


# ------------------------------------------------------------------------------------------ linalg


def _factors(function: Any, a: ndarray) -> tuple[ndarray, ...]:
    return tuple(array(each) for each in factors(function, a.get()))


def _svd(a: ndarray, full_matrices: bool = True) -> tuple[ndarray, ...]:
    return _factors(lambda host: np.linalg.svd(host, full_matrices=full_matrices), a)


linalg = SimpleNamespace(
    qr=lambda a: _factors(np.linalg.qr, a), eigh=lambda a: _factors(np.linalg.eigh, a), svd=_svd
)
"""CuPy's functions for stacks of matrices raise nothing."""
