"""All that is asked of CuPy: memory, compiling, launching, cuBLAS, copies to and from the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from threading import RLock
from typing import Any

import numpy as np

from irgraph.errors import DeviceMemoryError, ExecutorError, explain
from irgraph.layout import Layout

from .source import OPTIONS, Array, Launch, Product, Routine, Source, module

Call = Callable[[], object]

INSTALL = (
    'Install CuPy for your driver: pip install "irgraph[cuda13]", or pip install "irgraph[cuda12]"; '
    '`irgraph doctor` shows the driver. Or run on "numpy".'
)


def import_cupy() -> Any:
    """The module cupy. Raises ExecutorError without it, or where it finds no device."""
    try:
        cupy = import_module("cupy")
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise _unusable(f"CuPy, whose import fails ({error})") from error
        raise _unusable("no package 'cupy'") from None
    except Exception as error:
        raise _unusable(f"CuPy, whose import fails ({type(error).__name__}: {error})") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise _unusable(f"CuPy {cupy.__version__}, but no device ({error})") from error
    if not count:
        raise _unusable(f"CuPy {cupy.__version__}, but no device")
    return cupy


def _unusable(found: str) -> ExecutorError:
    needed = "CuPy and an NVIDIA device for executor 'cupy'"
    return ExecutorError(explain(found, needed, do=INSTALL))


class Device:
    """One GPU, as CuPy drives it. Work is put on CuPy's current stream."""

    def __init__(self, cupy: Any, tf32: bool) -> None:
        self.cupy = cupy
        self.tf32 = tf32
        self.lock = RLock()  # one step at a time is put on a stream: cuBLAS has one handle for all
        self._functions: dict[str, Any] = {}
        self._factors: dict[str, tuple[Any, Any]] = {}

    # ---------------------------------------------------------------------------------- memory

    def available(self) -> int:
        """The bytes that can be allocated: those free on the device, and those the pool keeps."""
        free, _ = self.cupy.cuda.runtime.memGetInfo()
        return int(free) + int(self.cupy.get_default_memory_pool().free_bytes())

    def allocate(self, nbytes: int) -> Array:
        """Uninitialized bytes, aligned to 512."""
        return self.empty((nbytes,), "uint8")

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """A new array, not initialized."""
        with self._memory(f"{math.prod(shape) * np.dtype(dtype).itemsize:,} bytes"):
            return self.cupy.empty(shape, dtype)

    @contextmanager
    def _memory(self, needed: str) -> Iterator[None]:
        """Turn CuPy's error of memory into irgraph's."""
        try:
            yield
        except Exception as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            found = f"{self.available():,} bytes free on the device"
            raise DeviceMemoryError(explain(found, needed, do="Nothing was run.")) from error

    def view(self, memory: Array, layout: Layout, dtype: str, offset: int) -> Array:
        """An array over memory, from a byte offset on."""
        itemsize = np.dtype(dtype).itemsize
        strides = tuple(stride * itemsize for stride in layout.strides)
        start = memory.data + (offset + layout.offset * itemsize)
        return self.cupy.ndarray(layout.shape, dtype, start, strides)

    # --------------------------------------------------------------------------------- kernels

    def compile(self, sources: Iterable[Source]) -> None:
        """Compile the kernels that are not known yet, all in one module. CuPy keeps compiled code on disk.

        Raises ExecutorError with the compiler's log where it refuses one.
        """
        new = {source.name: source for source in sources if source.name not in self._functions}
        if not new:
            return
        built = self.cupy.RawModule(code=module(new.values()), options=OPTIONS)
        try:
            self._functions |= {name: built.get_function(name).kernel for name in new}
        except Exception as error:
            if type(error).__name__ != "CompileException":
                raise
            raise ExecutorError(
                explain(
                    f"kernels that NVRTC refuses: {', '.join(new)}",
                    "ones that compile",
                    do="Please report it, with the compiler's log above.",
                )
            ) from error

    def call(self, action: Launch | Product | Routine | Call) -> Call:
        """An action as one call, native but for routines. Its kernel must have been compiled."""
        if isinstance(action, Launch):
            function = self._functions[action.source.name]
            return partial(function, (action.blocks,), (action.threads,), action.arguments)
        if isinstance(action, Routine):
            return partial(self._routine, action.call)
        return self._product(action) if isinstance(action, Product) else action

    def _routine(self, call: Call) -> None:
        with self._memory("what a library takes for a factorization, beside the step's own memory"):
            call()

    def _product(self, action: Product) -> Call:
        cublas = import_module("cupy_backends.cuda.libs.cublas")
        kind, compute = self._types(cublas, action.arrays[2].dtype.name)
        one, zero = self._factor(action.arrays[2].dtype.name)
        rows, inner, columns = action.sizes
        (a, b, out), (lead_a, lead_b, lead_out) = self._pointers(action), action.leads
        step_a, step_b, step_out = action.steps
        turn = [cublas.CUBLAS_OP_T if turned else cublas.CUBLAS_OP_N for turned in action.turned]
        return partial(
            cublas.gemmStridedBatchedEx,
            *(self.cupy.cuda.get_cublas_handle(), turn[1], turn[0], columns, rows, inner, one.ctypes.data),
            *(b, kind, lead_b, step_b),
            *(a, kind, lead_a, step_a),
            zero.ctypes.data,
            *(out, kind, lead_out, step_out),
            *(action.count, compute, cublas.CUBLAS_GEMM_DEFAULT),
        )

    def _pointers(self, action: Product) -> list[int]:
        return [
            int(array.data.ptr) + offset * array.itemsize
            for array, offset in zip(action.arrays, action.offsets, strict=True)
        ]

    def _types(self, cublas: Any, dtype: str) -> tuple[int, int]:
        """The element type and the compute type: plain float32 unless TF32 was chosen."""
        runtime = self.cupy.cuda.runtime
        if dtype == "float64":
            return runtime.CUDA_R_64F, cublas.CUBLAS_COMPUTE_64F
        chosen = cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if self.tf32 else cublas.CUBLAS_COMPUTE_32F
        return runtime.CUDA_R_32F, chosen

    def _factor(self, dtype: str) -> tuple[Any, Any]:
        """1 and 0 in host memory that stays where it is."""
        if dtype not in self._factors:
            self._factors[dtype] = np.ones(1, dtype), np.zeros(1, dtype)
        return self._factors[dtype]

    # ---------------------------------------------------------------------------------- copies

    def to_device(self, array: Any) -> Array:
        """A contiguous copy on the device."""
        with self._memory(f"{getattr(array, 'nbytes', 0):,} bytes for a variable of the state"):
            return self.cupy.array(array, order="C")

    def to_host(self, array: Array) -> np.ndarray[Any, Any]:
        """A copy in host memory; waits for the device."""
        return np.asarray(self.cupy.asnumpy(array))

    def assign(self, target: Array, source: Array) -> None:
        """Copy elements, also into an array of NumPy."""
        if isinstance(target, np.ndarray):
            target[...] = self.to_host(source)
        else:
            target[...] = source

    def feeds(self, slots: Sequence[Array]) -> Feeds:
        """The way from what is fed to its places on the device."""
        return Feeds(self.cupy, slots)


class Feeds:
    """Copies what is fed to its places on the device.

    Host arrays are cast and put in order in page-locked memory, from where the device fetches them while
    the host goes on. Arrays on the device, of CuPy or of whatever has `__cuda_array_interface__` or
    DLPack, are read where they are.
    """

    def __init__(self, cupy: Any, slots: Sequence[Array]) -> None:
        self._cupy = cupy
        self._slots = list(slots)
        self._fetched = cupy.cuda.Event(disable_timing=True)
        starts = [0]
        for slot in self._slots:
            starts.append(starts[-1] + -(-slot.nbytes // 64) * 64)
        self._pinned = cupy.cuda.alloc_pinned_memory(max(starts[-1], 1))
        memory = np.frombuffer(self._pinned, np.uint8, starts[-1])
        self._staged = [
            memory[start : start + slot.nbytes].view(slot.dtype).reshape(slot.shape)
            for slot, start in zip(self._slots, starts, strict=False)
        ]

    def write(self, fed: Sequence[Any]) -> None:
        """Put all feeds where the step reads them."""
        self._fetched.synchronize()  # the device may still fetch those of the step before
        for slot, staged, given in zip(self._slots, self._staged, fed, strict=True):
            if is_on_device(given):
                slot[...] = as_device(self._cupy, given)
            elif slot.size:
                staged[...] = given
                slot.set(staged)
        self._fetched.record()


DLPACK_CUDA = 2


def is_on_device(array: Any) -> bool:
    """Whether an array lies on a CUDA device, whoever made it."""
    if isinstance(array, np.ndarray):
        return False
    if hasattr(array, "__cuda_array_interface__"):
        return True
    return hasattr(array, "__dlpack_device__") and int(array.__dlpack_device__()[0]) == DLPACK_CUDA


def as_device(cupy: Any, array: Any) -> Array:
    """An array that lies on the device as one of CuPy, over the same memory."""
    if isinstance(array, cupy.ndarray):
        return array
    return cupy.asarray(array) if hasattr(array, "__cuda_array_interface__") else cupy.from_dlpack(array)
