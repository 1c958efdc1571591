"""State, feeds and outputs: what a step may touch, and when."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.protocol import Executor
from ...errors import FeedError, NonFiniteError
from ...ops import elementary
from ...ops.indexing import gather
from ...ops.sources import input, parameter, state
from ...value import Value
from ..kernels import compiled, to_host
from .points import contents, point, refused, require, same


def _counter() -> tuple[Value, Value, Value]:
    """An input, a sum over all that was fed, and its next value."""
    x, total = input("x", ("n",)), state("total", (2,))
    return x, total, total + x.sum()


# ---------------------------------------------------------------------------------------- state


@point
def state_is_updated_in_place(executor: Executor) -> None:
    """A step writes into the arrays of the state, after the outputs were read."""
    _, total, new = _counter()
    step = compiled(executor, [total, new], updates=[(total, new)])
    array = step.state.arrays["total"]
    before, after = step(x=[1.0, 2.0])
    require(step.state.arrays["total"] is array, "the array in the state was replaced, not written")
    same(before, [0, 0], "an output that is the variable, read before the commit", executor)
    same(after, [3, 3], "the new value as an output", executor)
    same(step.state["total"], [3, 3], "the state after one step", executor)
    step.state["total"] = [10.0, 20.0]
    same(step(x=[1.0])[0], [10, 20], "the state as it was assigned", executor)
    same(step.state["total"], [11, 21], "the state after a second step", executor)


@point
def updates_happen_at_once(executor: Executor) -> None:
    """Every new value is computed from the old state, even where variables swap."""
    a, b = state("a", (2, 3), init=1.0), state("b", (3, 2), init=2.0)
    c = state("c", (2, 3), init=5.0)
    step = compiled(executor, [a + c], updates=[(a, b.T), (b, a.T), (c, a + c)])
    same(step()[0], np.full((2, 3), 6.0), "the output", executor)
    for name, wanted in {"a": np.full((2, 3), 2.0), "b": np.ones((3, 2)), "c": np.full((2, 3), 6.0)}.items():
        same(step.state[name], wanted, f"{name} after the swap", executor)


@point
def a_failing_step_leaves_the_state(executor: Executor) -> None:
    """An index out of range raises FeedError, and not a bit of the state changes."""
    x, at, total = input("x", (3,)), input("at", (2,), "int64"), state("total", (2,))
    picked = gather(x, at)
    step = compiled(executor, picked, updates=[(total, total + picked)])
    step(x=[1.0, 2.0, 3.0], at=[0, 2])
    before = contents(step.state)
    for wrong in ([0, 3], [-1, 0]):
        refused(FeedError, lambda wrong=wrong: step(x=[9.0, 9.0, 9.0], at=wrong), f"the index {wrong} of 3")  # type: ignore[misc]
        require(
            contents(step.state) == before, f"the state changed in a step that failed on the index {wrong}"
        )
    same(step(x=[1.0, 2.0, 3.0], at=[1, 1]), [2, 2], "the step after the failing ones", executor)


@point
def check_finds_what_is_not_finite(executor: Executor) -> None:
    """With check=True, NonFiniteError comes before any state is written: of feeds, results, new values."""
    x, total = input("x", (2,)), state("total", (2,), init=1.0)
    step = compiled(executor, x * 2.0, updates=[(total, total * elementary.exp(x))], check=True)
    step(x=[0.5, 1.0])
    before = contents(step.state)
    for wrong in ([np.nan, 0.0], [0.0, np.inf], [0.0, 200.0]):
        refused(NonFiniteError, lambda wrong=wrong: step(x=wrong), f"the feed {wrong}")  # type: ignore[misc]
        require(contents(step.state) == before, f"the state changed in a step that was refused for {wrong}")


@point
def functions_share_state(executor: Executor) -> None:
    """Two functions on one state: each sees what the other commits."""
    _, total, new = _counter()
    step = compiled(executor, new, updates=[(total, new)])
    read = compiled(executor, total * 2.0, state=step.state)
    for n in (1, 2):
        step(x=[1.0, 1.0])
        same(read(), [4.0 * n] * 2, f"what the second function reads after {n} steps", executor)


@point
def arrays_move_by_copying(executor: Executor) -> None:
    """to_device and to_host copy: neither array is seen through the other; layouts and dtypes are kept."""
    for array in (np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.zeros((0, 2), bool)):
        kept = array.copy()
        moved = executor.to_device(array)
        array[...] = 0
        back = executor.to_host(moved)
        require(isinstance(back, np.ndarray), f"to_host gave a {type(back).__name__}; needed a NumPy array")
        require(back.dtype == kept.dtype, f"{kept.dtype} came back as {back.dtype}")
        same(back, kept, "an array there and back", executor)
        back[...] = 0
        same(executor.to_host(moved), kept, "the same, after the copy was written", executor)


# ----------------------------------------------------------------------------- feeds and outputs


@point
def outputs_are_fresh(executor: Executor) -> None:
    """Results stay as they are through later calls, feeds stay as they were, and `out` is filled."""
    x, w = input("x", ("n", 2)), parameter("w", (2,), init=3.0)
    f = compiled(executor, [x, x.T, w, x * w, x[::-1]], updates=[(w, w + 1.0)])
    one, two = np.array([[1, 2], [3, 4]], "float32"), np.array([[5, 6], [7, 8]], "float32")
    given = one.copy()
    first = f(x=given)
    kept = [array.copy() for array in to_host(executor, first)]
    f(x=two)
    for position, (found, wanted) in enumerate(zip(to_host(executor, first), kept, strict=True)):
        same(found, wanted, f"output {position} of the first call, after a second call", executor)
    require(bool((given == one).all()), "a feed was written")
    out = [np.empty_like(each) if isinstance(each, np.ndarray) else executor.to_device(each_host)
           for each, each_host in zip(first, kept, strict=True)]  # fmt: skip
    results = f(x=one, out=out)
    require(all(a is b for a, b in zip(results, out, strict=True)), "the results were not `out` itself")
    expected = [one, one.T, np.full(2, 5.0), one * 5, one[::-1]]
    for position, (found, array) in enumerate(zip(out, expected, strict=True)):
        same(found, array, f"out[{position}]", executor)


@point
def feeds_are_cast_and_checked(executor: Executor) -> None:
    """float64, lists and views of any strides are taken; wrong kinds, shapes and names are refused."""
    x, at = input("x", (2, 3)), input("at", (2,), "int32")
    f = compiled(executor, [x + 1.0, at + 1])
    array = np.arange(6.0).reshape(2, 3)
    fed = {
        "float64": (array, [1, 2]),
        "lists": (array.tolist(), (1, 2)),
        "a transposed view": (np.ascontiguousarray(array.T).T, np.array([1, 2], "int64")),
        "a reversed view": (array[::-1, ::-1].copy()[::-1, ::-1], np.array([2, 1], "uint8")[::-1]),
        "a repeated row": (np.broadcast_to(array[:1], (2, 3)), np.array([1, 2], "int32")),
    }
    for what, (floats, ints) in fed.items():
        one, other = f(x=floats, at=ints)
        same(one, np.asarray(floats) + 1, f"{what} fed", executor)
        same(other, np.array([2, 3]), f"{what} fed", executor)
    wrong: dict[str, dict[str, Any]] = {
        "integers for floats": {"x": array.astype(int), "at": [1, 2]},
        "floats for integers": {"x": array, "at": np.array([1.0, 2.0])},
        "another shape": {"x": array[:1], "at": [1, 2]},
        "a missing feed": {"x": array},
        "an unknown feed": {"x": array, "at": [1, 2], "y": 1.0},
    }
    for what, feeds in wrong.items():
        refused(FeedError, lambda feeds=feeds: f(**feeds), what)  # type: ignore[misc]


@point
def named_dims_change_between_calls(executor: Executor) -> None:
    """One function at batch sizes 3, 5, 1, 0 and 3 again, on the same state."""
    x, w = input("x", ("batch", 4)), parameter("w", (4, 2), init=0.5)
    y = x @ w
    f = compiled(executor, [y, y.sum(0), x.mean()], updates=[(w, w + 1.0)])
    rng = np.random.default_rng(0)
    for n, batch in enumerate((3, 5, 1, 0, 3)):
        array, weights = rng.normal(size=(batch, 4)), np.full((4, 2), 0.5 + n)
        found = f(x=array)
        same(found[0], array @ weights, f"x @ w at batch {batch}", executor)
        same(found[1], (array @ weights).sum(0), f"the column sums at batch {batch}", executor)
        same(found[2], array.mean() if batch else np.nan, f"the mean at batch {batch}", executor)
