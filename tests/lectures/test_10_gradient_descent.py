"""Gradient descent on a parabola against its closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.95, 1.02])
def test_steps_and_last_guess(rate: float, numbers: dict[str, Any]) -> None:
    """θ_t - 7 = -7 (1 - 2η)^t, until the loss changes by less than 10⁻⁶, at most 100 steps."""
    losses = 49 * (1 - 2 * rate) ** (2.0 * np.arange(100))
    below = np.flatnonzero(np.abs(np.diff(losses)) < 1e-6)
    steps = below[0] + 2 if len(below) else 100
    found = numbers[f"η = {rate}"]
    assert found["steps"] == steps
    assert found["last guess"] == pytest.approx(7 - 7 * (1 - 2 * rate) ** (steps - 1), rel=1e-9)
    assert found["its loss"] == pytest.approx(losses[steps - 1], rel=1e-9)


def test_too_low_good_too_high(numbers: dict[str, Any]) -> None:
    assert numbers["η = 0.2"]["steps"] < numbers["η = 0.95"]["steps"] < numbers["η = 0.01"]["steps"] == 100
    assert numbers["η = 1.02"]["its loss"] > 49
