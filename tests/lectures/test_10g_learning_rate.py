"""Rates that are found, that decay, and Adam's."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_large_value_first_then_a_tenth(numbers: dict[str, Any]) -> None:
    assert numbers["tried"] == pytest.approx([100, 10, 1])
    assert numbers["found"] == pytest.approx(1)


def test_a_large_constant_rate_prevents_convergence(numbers: dict[str, Any]) -> None:
    constant = numbers["constant"]
    assert numbers["times β = 0.998 after each update"] < constant / 2
    assert numbers["divided by 10 on a plateau"] < constant


def test_adam_works_well_enough_at_3e_4_and_better_above(numbers: dict[str, Any]) -> None:
    found = numbers["Adam"]
    assert found[3e-3] < found[3e-4] < found[3e-5]
    assert found[3e-4] < 1.2  # of log 10 = 2.3 by chance, after the few epochs of a test
