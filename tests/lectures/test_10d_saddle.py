"""A saddle point: its Hessian, who leaves it when, and what noise does."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_eigenvalues_of_the_hessian(numbers: dict[str, Any]) -> None:
    for (_, y), found in numbers["eigenvalues"].items():
        assert found == pytest.approx(sorted([2, 3 * y * y - 2]))


def test_plain_descent_takes_longest(numbers: dict[str, Any]) -> None:
    x, y, steps = -1.0, 1e-3, 0
    while y <= 1:
        x, y, steps = x - 0.02 * 2 * x, y - 0.02 * (y**3 - 2 * y), steps + 1
    found = numbers["steps to y = 1"]
    assert found["SGD"] == steps
    assert all(each < steps / 3 for name, each in found.items() if name != "SGD")


def test_noise_leaves_the_ridge(numbers: dict[str, Any]) -> None:
    found = {noise: abs(y) for noise, y in numbers["last y from the ridge"].items()}
    assert found[0.0] == 0
    assert found[0.1] == pytest.approx(2**0.5, abs=0.05)
    assert found[0.001] > 0.1
