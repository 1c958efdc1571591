"""The points of an executor's contract: functions that raise AssertionError where it is broken."""

from . import results, steps  # noqa: F401  # enter their points
from .points import POINTS

__all__ = ["POINTS"]
