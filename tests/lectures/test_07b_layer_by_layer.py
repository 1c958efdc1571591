"""Updates layer by layer: equal to the notes' algorithm, and O(η²) apart from updates at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_the_optimizer_is_the_algorithm_of_the_notes(numbers: dict[str, Any]) -> None:
    found = [each for (order, _), each in numbers["difference"].items() if order == "layer by layer"]
    assert len(found) == 5
    assert max(found) < 1e-15


def test_the_difference_falls_with_the_square_of_the_rate(numbers: dict[str, Any]) -> None:
    at = {rate: each for (order, rate), each in numbers["difference"].items() if order == "at once"}
    assert at[0.1] / at[0.05] == pytest.approx(4, rel=0.05)
    assert at[0.05] / at[0.02] == pytest.approx(6.25, rel=0.05)


def test_small_rates_learn_alike(numbers: dict[str, Any]) -> None:
    last = numbers["last loss"]
    assert last["at once", 0.02] == pytest.approx(last["layer by layer", 0.02], rel=0.01)


def test_a_last_layer_alone_makes_the_usual_step(program: Any) -> None:
    """By hand with nothing to learn below: zeros in the last layer send no derivative down."""
    random = np.random.default_rng(2)
    x, y = random.normal(size=(5, 8)), random.normal(size=(5, 4))
    weights = {
        "1.W": random.normal(size=(8, 16)),
        "2.W": random.normal(size=(16, 12)),
        "3.W": np.zeros((12, 4)),
    }
    below = np.tanh(np.tanh(x @ weights["1.W"]) @ weights["2.W"])
    found = program.by_hand(x, y, weights, 0.1)
    np.testing.assert_allclose(found["3.W"], 0.1 * below.T @ (2 * y / 5), rtol=1e-12)
    assert np.abs(found["2.W"] - weights["2.W"]).max() > 0  # through the new weights of layer 3
