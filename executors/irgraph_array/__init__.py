"""Kernels over any NumPy-like module, and how a plan becomes calls. Executors build on this."""

from .indexed import out_of_range
from .prepare import Arrays, Memory, Prepared, Views, not_finite, prepare
from .table import KERNELS, Call, Context, Kernel

__all__ = [
    "KERNELS",
    "Arrays",
    "Call",
    "Context",
    "Kernel",
    "Memory",
    "Prepared",
    "Views",
    "not_finite",
    "out_of_range",
    "prepare",
]
