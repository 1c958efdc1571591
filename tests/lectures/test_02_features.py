"""The maps on unseen points of the spirals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC


def test_maps_made_by_hand_do_as_in_scikit_learn(numbers: dict[str, Any], program: SimpleNamespace) -> None:
    (data, kinds), (unseen, truth) = program.spirals(200, 0), program.spirals(500, 1)
    cubic = PolynomialFeatures(3)
    linear = LogisticRegression().fit(data, kinds).score(unseen, truth)
    polynomial = LogisticRegression(max_iter=1000).fit(cubic.fit_transform(data), kinds)
    kernel = SVC(gamma=1.0, C=100).fit(data, kinds).score(unseen, truth)
    assert numbers["no features: x itself"] == pytest.approx(linear, abs=0.05)
    assert numbers["polynomials to degree 3"] == pytest.approx(
        polynomial.score(cubic.transform(unseen), truth), abs=0.05
    )
    assert numbers["200 kernel features yᵢ k(xᵢ, x)"] == pytest.approx(kernel, abs=0.03)


def test_learned_features_do_better_than_as_many_by_hand(numbers: dict[str, Any]) -> None:
    learned = numbers["20 learned features tanh(v·x + b)"]
    assert learned > 0.95
    assert learned > numbers["20 RBF features"] + 0.03
