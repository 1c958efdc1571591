"""Batches and decay: what the notes say of noise, speed and rates."""

from __future__ import annotations

from typing import Any

BATCHES = ("all 256 examples", "batches of 16", "one example")
ABOVE, SEEN = "above the minimum, last tenth", "examples seen until below 0.5"


def test_the_noise_falls_with_the_batch(numbers: dict[str, Any]) -> None:
    whole, batches, single = (numbers[name][ABOVE] for name in BATCHES)
    assert whole < 1e-20  # at the solution of the normal equations, in float64
    assert 5 < single / batches < 80  # about the size of a batch


def test_few_examples_come_near_sooner(numbers: dict[str, Any]) -> None:
    whole, batches, single = (numbers[name][SEEN] for name in BATCHES)
    assert single < batches < whole


def test_a_rate_that_decays_settles(numbers: dict[str, Any]) -> None:
    constant = numbers["one example"][ABOVE]
    for decay in ("staircase", "cosine"):
        assert numbers[f"one example, {decay}"][ABOVE] < constant / 20
