"""Minima reached from many starts, and a cliff with and without clipping."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar


def test_the_minima_are_those_of_a_search(numbers: dict[str, Any]) -> None:
    assert numbers["convex"] == {0.0: 21}
    found = numbers["not convex"]
    assert sum(found.values()) == 21
    assert len(found) == 6
    for each in found:
        exact = minimize_scalar(lambda t: np.sin(3 * t) + t * t / 8, bracket=(each - 0.05, each + 0.05)).x
        assert abs(each - exact) < 0.01


def test_clipping_keeps_to_the_valley(numbers: dict[str, Any]) -> None:
    plain, clipped = numbers["plain"], numbers["clipped"]
    assert plain["longest step"] > 1
    assert clipped["longest step"] < 0.0500001  # the rate times the largest norm
    assert clipped["last loss"] < 0.01 < plain["last loss"]
    assert numbers["RMSProp"]["last loss"] < 0.01
