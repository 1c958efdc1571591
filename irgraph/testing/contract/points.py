"""What the points of the contract are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...compiler.protocol import Executor
from ...state import State
from ..derivatives import assert_close
from ..kernels import to_host

Array = np.ndarray[Any, Any]
Point = Callable[[Executor], None]

POINTS: dict[str, Point] = {}


def point(function: Point) -> Point:
    """Enter a point into the contract under its function's name; the docstring is the law."""
    POINTS[function.__name__] = function
    return function


def require(holds: bool, broken: str) -> None:
    """Raise AssertionError, saying what was broken, unless it holds."""
    if not holds:
        raise AssertionError(broken)


def same(found: Any, wanted: Any, what: str, executor: Executor, tolerance: float = 1e-5) -> None:
    """Two arrays are equal within a tolerance, the first wherever it is."""
    (array,) = to_host(executor, [found])
    try:
        assert_close(array, np.asarray(wanted), tolerance)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from None


def contents(state: State) -> dict[str, bytes]:
    """What the variables hold, to the bit."""
    return {name: array.tobytes() for name, array in state.items()}


def refused(error: type[Exception], call: Callable[[], object], what: str) -> None:
    """The call raises this error."""
    try:
        call()
    except error:
        return
    except Exception as other:
        raise AssertionError(
            f"{what} raised {type(other).__name__}, not {error.__name__}: {other}"
        ) from other
    raise AssertionError(f"{what} raised nothing; needed {error.__name__}")
