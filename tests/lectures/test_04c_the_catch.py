"""What a wide enough layer takes in d dimensions, and a network that gradient descent does not find."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_each_dimension_takes_several_times_the_units(numbers: dict[str, Any]) -> None:
    errors = {d: np.array(each) for d, each in numbers["errors"].items()}
    needed = [int(np.argmax(errors[d] < 0.35)) for d in (1, 2, 3, 4)]  # of 4, 16, 64, 256 units
    assert needed == [0, 1, 2, 3]


def test_the_network_by_hand_is_parity(numbers: dict[str, Any]) -> None:
    assert numbers["by hand"] == [ones % 2 for ones in range(16)]


def test_gradient_descent_finds_parity_of_few_bits_only(numbers: dict[str, Any]) -> None:
    courses = {n: np.array(course) for n, course in numbers["right"].items()}
    assert courses[8][-50:].mean() > 0.99
    deviation = 0.5 / np.sqrt(256 * 50)  # of the mean of as many coin tosses
    assert abs(courses[30][-50:].mean() - 0.5) < 5 * deviation
