"""Multinomial logistic regression against an independent fit, and what a network adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax


def test_linear_scores_reach_the_maximum_likelihood(program: Any, numbers: dict[str, Any]) -> None:
    points, labels = program.spiral(300)
    x = np.column_stack([points, np.ones(300)])

    def loss(w: Any) -> float:
        return -float(log_softmax(x @ w.reshape(3, 3), axis=1)[np.arange(300), labels].mean())

    best = minimize(loss, np.zeros(9))
    found = numbers["linear scores"]
    assert found["log likelihood"] == pytest.approx(-best.fun, abs=1e-4)
    assert found["accuracy"] == pytest.approx(
        float(((x @ best.x.reshape(3, 3)).argmax(axis=1) == labels).mean()), abs=0.01
    )


def test_nonlinear_scores_fit(numbers: dict[str, Any]) -> None:
    assert numbers["nonlinear scores"]["accuracy"] == 1
    assert numbers["nonlinear scores"]["log likelihood"] > -0.05
