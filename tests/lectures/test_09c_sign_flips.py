"""Which configurations of two units are linearly separable: a linear program decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog


def test_separable_exactly_where_a_linear_program_says_so(program: Any, numbers: dict[Any, Any]) -> None:
    x, y = program.data()
    assert len(numbers) == 4
    for signs, wrong in numbers.items():
        features = np.maximum(0, x @ (program.NORMALS * signs) + program.BIASES * signs)
        above = -y[:, None] * np.column_stack([features, np.ones(len(x))])
        possible = linprog(np.zeros(3), A_ub=above, b_ub=-np.ones(len(x)), bounds=(None, None)).status == 0
        assert possible == (wrong == 0)
        assert possible == (signs != (-1, -1))
