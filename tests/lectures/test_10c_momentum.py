"""Momentum on a quadratic against the equations of the notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.8, 0.9])
def test_the_distance_is_that_of_the_equations(momentum: float, numbers: dict[str, Any]) -> None:
    theta, gathered = np.array([-1, 0.4]), np.zeros(2)
    for _ in range(150):
        gathered = momentum * gathered + 0.003 * np.array([6, 600]) * theta
        theta = theta - gathered
    assert numbers[f"γ = {momentum}"]["last distance"] == pytest.approx(float(np.hypot(*theta)), rel=1e-6)


def test_momentum_allows_larger_rates(numbers: dict[str, Any]) -> None:
    """It converges for rates below 2 (1 + γ) / λ, λ being the largest curvature."""
    tried = np.linspace(0.0005, 0.0075, 20)
    for momentum in (0.0, 0.6, 0.8, 0.9):
        bound = 2 * (1 + momentum) / 600
        assert numbers[f"γ = {momentum}"]["largest rate"] == pytest.approx(tried[tried < bound][-1])


def test_momentum_is_faster_and_0_9_is_too_much(numbers: dict[str, Any]) -> None:
    none, some, more, most = (found["last distance"] for found in numbers.values())
    assert more < some < none / 50
    assert more < most < none / 50
