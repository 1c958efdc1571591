"""A polynomial activation stays a polynomial; depth makes exponentially many pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_a_cubic_activation_gives_the_best_cubic(numbers: dict[str, Any]) -> None:
    x = np.linspace(-1, 1, 401)
    best = np.polynomial.Polynomial.fit(x, np.abs(x), 3)(x)
    floor = float(np.sqrt(np.mean((best - np.abs(x)) ** 2)))
    errors = numbers["z³"]
    assert errors[2:] == pytest.approx([floor] * len(errors[2:]), rel=1e-6)  # from four units on
    for name in ("tanh", "ReLU"):
        assert numbers[name][-1] < floor / 10


def test_depth_makes_pieces(numbers: dict[str, Any]) -> None:
    assert numbers["pieces"] == [2**k for k in range(1, 9)]
    assert numbers["1 layer of 16: RMS error"] < 1e-9
    # y has the variance 1/12 on each piece; seven of sixteen can be met, and the rest at best by a line
    assert np.sqrt(7 / 16 / 12) < numbers["1 layer of 8: RMS error"] < np.sqrt(1 / 12)


def test_the_sawtooth(program: Any) -> None:
    x = np.linspace(0.01, 0.99, 53)
    y = x
    for _ in range(3):
        y = 1 - np.abs(2 * y - 1)
    assert program.sawtooth(3, x)[0] == pytest.approx(y)
