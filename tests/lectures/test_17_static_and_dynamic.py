"""The static graph and the tape: same gradients, other limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig


def rounds_until_settled(x: np.ndarray, w: np.ndarray) -> int:
    h = np.tanh(x)
    for n in range(1, 1000):
        new = np.tanh(x + h @ w)
        if np.abs(new - h).max() <= 1e-4:
            return n
        h = new
    raise AssertionError("never settled")


def test_the_tape_agrees_with_central_differences(program: Any) -> None:
    random = np.random.default_rng(1)
    x, w, dx, dw = (random.normal(size=(3, 3)) / 3 for _ in range(4))

    def loss(step: float) -> float:
        h = np.tanh(x + step * dx)
        for _ in range(3):
            h = np.tanh(x + step * dx + h @ (w + step * dw))
        return float((h * h).sum())

    found, tape = program.on_tape(program.rounds, x=x, w=w)
    slope = float((found["x"] * dx).sum() + (found["w"] * dw).sum())
    np.testing.assert_allclose(slope, (loss(1e-6) - loss(-1e-6)) / 2e-6, rtol=1e-7)
    assert len(tape) == 1 + 3 * 3 + 1  # tanh, three rounds of three functions, a product


def test_both_have_the_same_gradients(numbers: dict[str, Any]) -> None:
    assert max(numbers["apart, three rounds"]) < 1e-13


def test_a_static_loop_is_right_as_long_as_it_is_long_enough(numbers: dict[str, Any]) -> None:
    for rounds, apart in zip(numbers["rounds"], numbers["apart, settled"], strict=True):
        assert (apart < 1e-13) == (rounds <= 40)
    assert numbers["rounds"][0] < 10 < 40 < numbers["rounds"][-1]


def test_the_rounds_are_those_of_plain_numpy(numbers: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(8, 4)), np.linalg.qr(random.normal(size=(4, 4)))[0]
    sizes = np.linspace(0.05, 0.95, 19)
    assert numbers["rounds"] == [rounds_until_settled(x, size * w) for size in sizes]


def test_a_static_graph_refuses_a_while() -> None:
    x = ig.input("x", ("n", 2))
    with pytest.raises(ig.errors.DTypeError, match="as a Python truth value"):
        bool(ig.max(abs(x)) > 1)
