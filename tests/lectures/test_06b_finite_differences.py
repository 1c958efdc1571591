"""The errors of finite differences are those of numerical analysis, and their work grows with the size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kind", "order"), [("forward", 1), ("central", 2)])
def test_the_best_step(numbers: dict[str, Any], kind: str, order: int, dtype: str) -> None:
    # rounding eps/ε against truncation ε^order: best near ε = eps^(1/(order + 1)), where both are alike
    eps = float(np.finfo(dtype).eps)
    step, error = numbers[f"{kind}, {dtype}: best step, its error"]
    assert abs(np.log10(step / eps ** (1 / (order + 1)))) < 1
    assert abs(np.log10(error / eps ** (order / (order + 1)))) < 1


def test_backpropagation_takes_few_evaluations(numbers: dict[str, Any]) -> None:
    assert numbers["n"] == [10, 100, 1000, 10000]
    # the loss and one product for each weight's gradient, at least; five at most (Baur and Strassen, 1983)
    assert all(1.5 < evaluations < 5 for evaluations in numbers["backpropagation in evaluations"])
