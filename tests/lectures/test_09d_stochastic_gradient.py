"""The chain rule of the notes for one example, by hand, in the graph, and by differences."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_the_graph_agrees_with_the_chain_rule(numbers: dict[str, Any]) -> None:
    assert all(each["difference"] < 1e-15 for each in numbers.values())
    assert any(each["loss"] == 0 for each in numbers.values())
    assert all((each["loss"] == 0) == (each["units without gradient"] == 12) for each in numbers.values())


def test_the_chain_rule_agrees_with_central_differences(program: Any) -> None:
    random = np.random.default_rng(5)
    x, b, out = random.normal(size=8), random.normal(size=12), random.normal(size=12)
    w, direction = random.normal(size=(2, 8, 12))

    def loss(step: float) -> float:
        return max(0.0, 1 + float(np.maximum(x @ (w + step * direction) + b, 0) @ out + 9))

    slope = (program.by_hand(x, -1.0, w, b, out, 9.0) * direction).sum()
    np.testing.assert_allclose((loss(1e-6) - loss(-1e-6)) / 2e-6, slope, rtol=1e-7)
