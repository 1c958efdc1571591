"""Parameter counts of the notes, what locally connected units see, and a network that learned filters."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_the_counts_of_the_notes(numbers: dict[str, Any]) -> None:
    dense, local, convolution = list(numbers.values())[:3]
    assert dense == 200 * 200 * 1000 == 40_000_000
    assert local == 200 * 200 * 10 * 10  # a window of weights for each of 40,000 units
    assert convolution == 100 * 10 * 10  # a window of weights for each of 100 filters


def test_receptive_fields_grow_by_two_pixels_a_layer(numbers: dict[str, Any]) -> None:
    assert numbers["pixels across that a unit sees"] == [1 + 2 * depth for depth in (1, 2, 3, 4)]


def test_a_unit_sees_its_neighbourhood(program: Any) -> None:
    """Unit (i, j) has a derivative towards pixel (i', j') where both are at most 1 apart."""
    i, j = np.divmod(np.arange(36), 6)
    near = (np.abs(i[:, None] - i) <= 1) & (np.abs(j[:, None] - j) <= 1)
    np.testing.assert_array_equal(program.jacobian(1, size=6).toarray() != 0, near)


def test_the_network_tells_digits(numbers: dict[str, Any]) -> None:
    assert numbers["accuracy"] > 0.85
