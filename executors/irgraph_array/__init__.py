"""Kernels over any NumPy-like module, and how a plan becomes calls. Executors build on this."""

from .prepare import Arrays, Prepared, prepare
from .table import KERNELS, Call, Context, Kernel

__all__ = ["KERNELS", "Arrays", "Call", "Context", "Kernel", "Prepared", "prepare"]
