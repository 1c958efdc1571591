"""Zero, constant and random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_zero_is_a_saddle_point(numbers: dict[str, Any]) -> None:
    """At zero the Hessian couples each unit's two weights with -2 mean(x y): the eigenvalues are ±that."""
    x = np.linspace(-2, 2, 41)
    coupling = 2 * float(np.mean(x * np.sin(2 * x)))
    found = numbers["zero"]
    assert found["gradient"] == 0
    assert found["eigenvalues"] == pytest.approx([-abs(coupling)] * 4 + [abs(coupling)] * 4)
    assert found["loss"] == pytest.approx(float(np.mean(np.sin(2 * x) ** 2)))


def test_a_constant_keeps_the_units_equal(numbers: dict[str, Any]) -> None:
    assert numbers["constant 0.5"]["spread of the units"] == 0
    assert numbers["constant 0.5"]["loss"] < numbers["zero"]["loss"]


def test_random_weights_break_the_symmetry(numbers: dict[str, Any]) -> None:
    assert numbers["N(0, 0.1)"]["spread of the units"] > 0.5
    assert numbers["N(0, 0.1)"]["loss"] < numbers["constant 0.5"]["loss"]
