"""The GPU executor: generated CUDA kernels, cuBLAS, and CuPy's memory and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from irgraph.compiler.plan import Plan
from irgraph.op import Op

from . import conv, linear_algebra  # noqa: F401  # enter their kernels into the table
from .device import Device, as_device, import_cupy, is_on_device
from .prepared import CupyPrepared
from .source import Array, Source
from .table import KERNELS, NOT_YET, kernel

__all__ = ["KERNELS", "NOT_YET", "CupyExecutor", "CupyPrepared", "kernel"]


class CupyExecutor:
    """Runs plans on an NVIDIA GPU. Results are CuPy arrays: `result.get()` fetches one.

    float32 products are computed in float32; `tf32=True` allows the tensor cores' ten bits of mantissa.
    Raises ExecutorError, with the command that installs it, without CuPy or without a device.
    """

    name = "cupy"

    def __init__(self, tf32: bool = False) -> None:
        self._device = Device(import_cupy(), tf32)

    def has_kernel(self, op: type[Op]) -> bool:
        """Whether an op needs no expansion."""
        return op in KERNELS

    def is_single_pass(self, op: type[Op]) -> bool:
        """Whether an op's kernel can't fail and may write over an input."""
        found = KERNELS.get(op)
        return found is not None and found.single_pass

    def prepare(self, plan: Plan, state: Mapping[str, Array], check: bool = False) -> CupyPrepared:
        """Bind a plan to device memory. Raises DeviceMemoryError where its arena does not fit."""
        with self._device.lock:
            return CupyPrepared(self._device, plan, state, check)

    def precompile(self, sources: Iterable[Source]) -> None:
        """Compile kernels, all in one module, before a plan needs them."""
        self._device.compile(sources)

    def to_device(self, array: Any) -> Array:
        """A contiguous copy on the device."""
        return self._device.to_device(array)

    def to_host(self, array: Array) -> Any:
        """A copy as a NumPy array; waits for the device."""
        return self._device.to_host(array)

    def as_feed(self, array: Any) -> Array | None:
        """An array that lies on the device, as CuPy's own and without a copy; None for all else."""
        return as_device(self._device.cupy, array) if is_on_device(array) else None
