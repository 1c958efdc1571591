"""Normalized features against an independent fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import rankdata, zscore


def best(features: Any, y: Any) -> float:
    """The least mean cross entropy of a logistic regression."""
    x = np.column_stack([features, np.ones(len(y))])

    def loss(w: Any) -> float:
        z = x @ w
        return float(np.mean(np.logaddexp(0, z) - z * y))

    return float(minimize(loss, np.zeros(3)).fun)


def test_normalized_features_are_fitted(program: Any, numbers: dict[str, Any]) -> None:
    x, y = program.data(400)
    np.testing.assert_allclose(program.standardized(x), zscore(x))
    ranks = (rankdata(x, axis=0) - 1) / 399 * 2 - 1
    np.testing.assert_allclose(program.quantiles(x), ranks)
    assert numbers["standardized"]["loss"] == pytest.approx(best(zscore(x), y), abs=1e-4)
    assert numbers["quantiles"]["loss"] == pytest.approx(best(ranks, y), abs=1e-4)
    assert numbers["raw"]["loss"] > best(x, y) + 0.2


def test_the_condition_numbers(program: Any, numbers: dict[str, Any]) -> None:
    """At zero weights the Hessian is a quarter of the features' second moments."""
    x, _ = program.data(400)
    full = np.column_stack([x, np.ones(400)])
    assert numbers["raw"]["condition"] == pytest.approx(np.linalg.cond(full.T @ full), rel=1e-3)
    assert numbers["raw"]["condition"] > 1e4
    assert numbers["standardized"]["condition"] < 1.2
