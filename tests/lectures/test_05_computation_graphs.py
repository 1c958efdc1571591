"""The partial derivatives of the notes, and what SGD on them finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

W, B, X, Y, PENALTY = np.array([2.0, -1.0]), 0.5, np.array([1.0, 3.0]), 1.0, 0.1
DATA = np.array([[1, 3, 0], [2, 0, 5], [0, 1, 0], [-1, -2, 1], [-2, 1, -3], [1, -1, 4]])  # x, y


def test_least_squares(numbers: dict[str, Any]) -> None:
    r = Y - (W @ X + B)
    found = numbers["ℓ"]
    assert found["∂ℓ/∂r"] == pytest.approx(2 * r)
    assert found["∂ℓ/∂ŷ"] == pytest.approx(-2 * r)
    assert found["∂ℓ/∂b"] == pytest.approx(-2 * r)
    assert [found["∂ℓ/∂w₁"], found["∂ℓ/∂w₂"]] == pytest.approx(-2 * r * X)
    assert [found["∂r/∂ŷ"], found["∂ŷ/∂b"], found["∂ŷ/∂w₁"], found["∂ŷ/∂w₂"]] == [-1, 1, *X]


def test_ridge(numbers: dict[str, Any]) -> None:
    r = Y - (W @ X + B)
    found = numbers["J"]
    assert found["∂J/∂R"] == found["∂J/∂ℓ"] == 1
    assert found["∂J/∂b"] == pytest.approx(-2 * r)
    assert [found["∂R/∂w₁"], found["∂R/∂w₂"]] == pytest.approx(2 * PENALTY * W)
    assert [found["∂J/∂w₁"], found["∂J/∂w₂"]] == pytest.approx(-2 * r * X + 2 * PENALTY * W)


@pytest.mark.parametrize("penalty", [0, PENALTY])
def test_sgd_comes_near_the_minimum(numbers: dict[str, Any], penalty: float) -> None:
    # ridge as least squares with a row sqrt(n λ) for each weight
    rows = np.column_stack([DATA[:, :2], np.ones(len(DATA))])
    extra = np.sqrt(len(DATA) * penalty) * np.eye(2, 3)
    minimum = np.linalg.lstsq(np.vstack([rows, extra]), np.append(DATA[:, 2], [0, 0]), rcond=None)[0]
    assert numbers[f"mean w of late SGD, λ = {penalty:g}"] == pytest.approx(minimum[:2], abs=0.05)


def test_an_affine_map(numbers: dict[str, Any]) -> None:
    m, c, a = np.array([[2, -1, 0.5], [1, 3, -2]]), np.array([1, -1]), np.array([1.0, 2, 3])
    moved = [(m @ (a + 0.5 * step) + c) - (m @ a + c) for step in np.eye(3)]  # bᵢ ← bᵢ + Mᵢⱼδ
    assert np.transpose(numbers["∂b/∂a"]) == pytest.approx(np.divide(moved, 0.5))
