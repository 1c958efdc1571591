"""The sum over paths is the derivative, and there are too many of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.differentiate import derivative


def test_the_paths_sum_to_the_derivative(numbers: dict[str, Any]) -> None:
    def y(a: Any) -> Any:
        return np.sin(a) * np.exp(a) / (np.exp(a) + np.sqrt(a))

    paths = numbers["paths"]
    assert len(paths) == 4
    b1, b2, b3 = np.sin(1), np.e, 1.0
    by_c1, by_c2 = 1 / (b2 + b3), -b1 * b2 / (b2 + b3) ** 2
    assert paths["∂y/∂c₁ ∂c₁/∂b₁ ∂b₁/∂a"] == pytest.approx(by_c1 * b2 * np.cos(1))
    assert paths["∂y/∂c₁ ∂c₁/∂b₂ ∂b₂/∂a"] == pytest.approx(by_c1 * b1 * np.e)
    assert paths["∂y/∂c₂ ∂c₂/∂b₂ ∂b₂/∂a"] == pytest.approx(by_c2 * np.e)
    assert paths["∂y/∂c₂ ∂c₂/∂b₃ ∂b₃/∂a"] == pytest.approx(by_c2 / 2)
    assert sum(paths.values()) == pytest.approx(derivative(y, 1.0).df)


def test_paths_multiply_and_nodes_add(numbers: dict[str, Any]) -> None:
    depths = range(1, 1 + len(numbers["walked"]))
    # 3ᵈ paths, each of them d times a weight and a tanh, and the last sum of three as two nodes
    for depth, walked, swept in zip(depths, numbers["walked"], numbers["swept"], strict=True):
        assert walked >= 3**depth * 2 * depth
        assert swept <= 30 * depth
    for summed, slope in numbers["sums and slopes"]:
        assert summed == pytest.approx(slope, rel=1e-12)
