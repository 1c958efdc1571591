"""Memory against work of a reverse sweep in segments."""

from __future__ import annotations

from typing import Any

VALUE = 64 * 64 * 4  # bytes of one layer's value in the small setting


def test_memory_is_that_of_the_kept_values_and_one_segment(numbers: dict[str, Any]) -> None:
    for k, peak in zip(numbers["segments"], numbers["peak bytes"], strict=True):
        assert 0 <= peak / VALUE - (k + numbers["layers"] // k) <= 3
    assert min(zip(numbers["peak bytes"], numbers["segments"], strict=True))[1] == numbers["layers"] ** 0.5


def test_the_work_stays_below_one_more_forward_pass(numbers: dict[str, Any]) -> None:
    everything, *others = numbers["flops"]
    assert sorted(others) == others
    assert all(1.2 < each / everything < 1.5 for each in others)


def test_the_gradients_are_equal(numbers: dict[str, Any]) -> None:
    assert numbers["largest difference of gradients"] == 0
