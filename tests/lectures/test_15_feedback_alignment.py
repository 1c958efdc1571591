"""Feedback alignment learns, more slowly than backpropagation, and its updates turn towards the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgraph as ig


def test_errors_go_back_through_the_other_matrix(program: Any) -> None:
    random = np.random.default_rng(1)
    h, w, back = (random.normal(size=shape).astype("float32") for shape in ((5, 3), (3, 4), (3, 4)))
    x, v = ig.input("h", h.shape), ig.parameter("w", w.shape, init=w)
    y = program.through(x, v, ig.constant(back))
    value, to_h, to_w = ig.evaluate([y, *ig.grad((y * y).sum(), [x, v])], h=h)
    np.testing.assert_array_equal(value, h @ w)
    np.testing.assert_allclose(to_h, 2 * (h @ w) @ back.T, rtol=1e-5)
    np.testing.assert_allclose(to_w, h.T @ (2 * (h @ w)), rtol=1e-5)


def test_it_learns_more_slowly(numbers: dict[str, Any]) -> None:
    rules = ("backpropagation", "feedback alignment", "only the last layer learns")
    exact, feedback, shallow = (np.array(numbers[rule]["loss"]) for rule in rules)
    assert exact[0] == feedback[0] == shallow[0] > 2  # the same weights
    assert (1.05 * exact[1:] < feedback[1:]).all()
    assert (2 * feedback[2:] < shallow[2:]).all()  # so the hidden layers do learn
    assert numbers["feedback alignment"]["accuracy"][-1] > 0.9


def test_only_feedback_alignment_aligns(numbers: dict[str, Any]) -> None:
    last = {rule: np.mean(found["degrees"][-3:]) for rule, found in numbers.items()}
    assert last["feedback alignment"] < 77
    assert min(last["backpropagation"], last["only the last layer learns"]) > 82
