"""Kernels over any NumPy-like module, and how a plan becomes calls. Executors build on this."""

from .concatenation import parts_to_copy
from .indexed import out_of_range
from .linear_algebra import INDEFINITE, SINGULAR, STUCK, ZERO, Complaint, no_result
from .prepare import Arrays, Binder, Memory, Prepared, Views, not_finite, prepare
from .table import KERNELS, Call, Context, Kernel

__all__ = [
    "INDEFINITE",
    "KERNELS",
    "SINGULAR",
    "STUCK",
    "ZERO",
    "Arrays",
    "Binder",
    "Call",
    "Complaint",
    "Context",
    "Kernel",
    "Memory",
    "Prepared",
    "Views",
    "no_result",
    "not_finite",
    "out_of_range",
    "parts_to_copy",
    "prepare",
]
