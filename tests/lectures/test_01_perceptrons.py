"""Gates, the table of the notes, and that no perceptron tells equal pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog

PIXELS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def test_the_gates(numbers: dict[str, Any]) -> None:
    i, j = PIXELS.T.astype(bool)
    assert numbers["AND"] == (i & j).tolist()
    assert numbers["OR"] == (i | j).tolist()
    assert numbers["NOR"] == (~(i | j)).tolist()


def test_the_table_of_the_notes(numbers: dict[str, Any]) -> None:
    assert numbers["table"] == [  # i₁ i₂, hidden input, hidden output, output
        [0, 0, 0, 0, 0, 1, 1],
        [0, 1, 1, -1, 0, 0, 0],
        [1, 0, 1, -1, 0, 0, 0],
        [1, 1, 2, -2, 1, 0, 1],
    ]


def test_no_perceptron_tells_equal_pixels(numbers: dict[str, Any]) -> None:
    # a perceptron that did could be scaled until every input is off the threshold by 1: w·i - θ ≥ 0 or ≤ -1
    def solved(fires: list[int]) -> bool:
        sign = np.where(fires, -1, 1)
        rows = sign[:, None] * np.column_stack([PIXELS, -np.ones(4)])
        bound = np.where(fires, 0, -1)
        return bool(linprog(np.zeros(3), rows, bound, bounds=[(None, None)] * 3).success)

    assert solved([0, 0, 0, 1])
    assert not solved([1, 0, 0, 1])
    assert numbers["right at best, of 4 inputs"] == 3
    assert numbers["tried"] == 41**3
