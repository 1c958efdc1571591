"""Predefined subproblems need few examples; learned features catch up with many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

NOISE = 0.1  # the error of a perfect model


def test_predefined_subproblems_need_few_examples(numbers: dict[str, Any]) -> None:
    predefined, learned = numbers["three predefined subproblems"], numbers["three learned features"]
    assert NOISE < predefined[0] < 2 * NOISE < learned[0]  # from 50 examples
    assert learned[-1] < 1.5 * NOISE  # from 1600
    assert learned[-1] < 1.25 * predefined[-1]


def test_a_linear_model_is_least_squares(numbers: dict[str, Any], program: Any) -> None:
    data, unseen = program.restaurants(1600, 0), program.restaurants(5000, 1)
    w = np.linalg.lstsq(np.column_stack([data["x"], np.ones(1600)]), data["popularity"], rcond=None)[0]
    off = np.column_stack([unseen["x"], np.ones(5000)]) @ w - unseen["popularity"]
    assert numbers["no intermediate features"][-1] == pytest.approx(np.sqrt(np.mean(off**2)), rel=0.02)
