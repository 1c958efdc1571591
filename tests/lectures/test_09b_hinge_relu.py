"""Two units can separate the data; more units do from every start."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_the_data_need_more_than_a_line_and_two_units_do(program: Any) -> None:
    x, y = program.data()
    features = np.maximum(0, np.stack([1.3 * x[:, 0], -1.3 * x[:, 0]], axis=1) - x[:, 1:] - 0.5)
    assert (y * (0.1 - features.sum(axis=1)) > 0).all()  # by hand: one class goes to the origin
    fitted = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y)[0]
    assert (y * (x @ fitted[:2] + fitted[2]) < 0).any()


def test_starts(numbers: dict[Any, Any]) -> None:
    assert 1 <= numbers[2]["starts that separate"] < 5
    assert numbers[10]["starts that separate"] == 5
    assert numbers[10]["risk"] <= numbers[2]["risk"]
