"""The orders of the chain rule: what the notes say of them, and brute force over all bracketings."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

SIZES = {
    "a scalar loss: reverse": (256, 128, 64, 1),
    "a scalar input: forward": (1, 64, 128, 256),
    "a waist: from the middle": (256, 64, 8, 64, 256),
}


def least(sizes: tuple[int, ...]) -> int:
    """The matrix chain problem, by recursion over the last product."""

    @cache
    def cost(first: int, last: int) -> int:
        if last == first + 1:
            return 0
        ends = sizes[first] * sizes[last]
        return min(cost(first, m) + cost(m, last) + ends * sizes[m] for m in range(first + 1, last))

    return cost(0, len(sizes) - 1)


def test_the_two_brackets_of_the_notes(numbers: dict[str, Any]) -> None:
    for name in ("a scalar loss: reverse", "a scalar input: forward"):
        d1, d2, d3, d4 = SIZES[name]
        found = numbers[name]["multiplications"]
        assert found["(F3 F2) F1"] == d4 * d3 * d2 + d4 * d2 * d1  # backward: D4 is kept
        assert found["F3 (F2 F1)"] == d3 * d2 * d1 + d4 * d3 * d1  # forward: D1 is kept
    assert numbers["a scalar loss: reverse"]["chosen"] == "(F3 F2) F1"
    assert numbers["a scalar input: forward"]["chosen"] == "F3 (F2 F1)"
    assert numbers["a waist: from the middle"]["chosen"] == "(F4 F3) (F2 F1)"


@pytest.mark.parametrize("name", SIZES)
def test_the_planner_takes_the_cheapest(name: str, numbers: dict[str, Any]) -> None:
    found = numbers[name]
    assert len(found["multiplications"]) == {4: 2, 5: 5}[len(SIZES[name])]  # Catalan numbers
    assert found["multiplications"][found["chosen"]] == least(SIZES[name])


@pytest.mark.parametrize("name", SIZES)
def test_the_graphs_cost_what_the_brackets_say(name: str, numbers: dict[str, Any]) -> None:
    for text, multiplications in numbers[name]["multiplications"].items():
        assert numbers[name]["flops of its nodes"][text] == pytest.approx(2 * multiplications, rel=0.02)
