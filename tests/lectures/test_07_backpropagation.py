"""The pseudocode of the notes against the compiled backward graph."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_every_number_agrees(numbers: dict[str, Any]) -> None:
    found = {name.removeprefix("largest difference of "): value for name, value in numbers.items()}
    assert list(found) == ["Δ3", "Δ2", "Δ1", "W", "b", "δ"]
    assert all(value < 1e-14 for value in found.values())


def test_the_pseudocode_agrees_with_central_differences(program: Any) -> None:
    """The oracle of the oracle: a direction in the weights of all layers."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=8), random.normal(size=4)
    shapes = {2: (8, 16), 3: (16, 12), 4: (12, 4)}
    w, dw = ({k: random.normal(size=shape) / 4 for k, shape in shapes.items()} for _ in range(2))
    b = {k: random.normal(size=shape[1]) for k, shape in shapes.items()}

    def loss(step: float) -> float:
        a = x
        for k in shapes:
            a = np.tanh(a @ (w[k] + step * dw[k]) + b[k])
        return float(((a - y) ** 2).sum())

    gradients = program.backpropagation(x, y, w, b)["W"]
    slope = sum(float((gradients[k] * dw[k]).sum()) for k in shapes)
    np.testing.assert_allclose((loss(1e-6) - loss(-1e-6)) / 2e-6, slope, rtol=1e-7)
