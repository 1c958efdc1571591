"""What shape inference assumed of named dims is checked when they are bound, before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError


def line_of(build: Callable[[ig.Value], ig.Value]) -> str:
    """`file:line` of the only line of a function."""
    return f"{__file__}:{inspect.getsourcelines(build)[1] + 1}"


def _slice_past_the_end(x: ig.Value) -> ig.Value:
    return x[:5]


def _fixed_size(x: ig.Value) -> ig.Value:
    return x + ig.constant(np.ones((32, 2), "float32"))


def _reshape_there_and_back(x: ig.Value) -> ig.Value:
    return ig.reshape(ig.reshape(x, (8, 2)), ("n", 2))


def _index(x: ig.Value) -> ig.Value:
    return x[6]


@pytest.mark.parametrize(
    ("build", "good", "assumed"),
    [
        (_slice_past_the_end, 5, "n >= 5 for slice"),
        (_fixed_size, 32, "== 32 for add"),
        (_reshape_there_and_back, 8, "== 2*n for reshape"),
        (_index, 7, "n >= 7 for slice"),
    ],
)
def test_guards_are_checked_when_dims_are_bound(
    build: Callable[[ig.Value], ig.Value], good: int, assumed: str
) -> None:
    calls = ig.state("calls", dtype="int64")
    f = ig.compile(build(ig.input("x", ("n", 2))), updates=[(calls, calls + 1)])
    with pytest.raises(FeedError) as caught:
        f(x=np.ones((3, 2)))
    says = str(caught.value)
    assert "found n=3; needed " in says
    assert all(part in says for part in assumed.split(" == "))
    assert line_of(build) in says
    assert f.state["calls"] == 0
    f(x=np.ones((good, 2)))
    assert f.state["calls"] == 1


def test_a_dim_that_no_input_binds() -> None:
    f = ig.compile(ig.ones(("n",)) * 2.0)
    with pytest.raises(FeedError, match="no size for the named dims n"):
        f()
    assert f.plan(n=4).sizes == {"n": 4}
