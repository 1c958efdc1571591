"""Calling compiled functions: structures, feeds, fresh outputs, `out=`, one call at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExecutorError, FeedError, GraphError
from irgraph.function import CACHED_PLANS

Array = np.ndarray[Any, Any]


def counting() -> tuple[ig.Function, Array]:
    """y = x + w, and w grows by one at each step."""
    x, w = ig.input("x", ("n",)), ig.parameter("w", (3,), init=np.arange(3.0))
    return ig.compile(x + w, updates={w: w + 1.0}), np.ones(3, "float32")


# ---------------------------------------------------------------------------------- structures


def test_results_look_like_the_outputs() -> None:
    x = ig.input("x")
    assert ig.compile(x + 1.0)(x=1.0) == 2.0
    assert ig.compile([x + 1.0, x])(x=1.0) == [2.0, 1.0]
    assert ig.compile((x + 1.0,))(x=1.0) == [2.0]
    assert ig.compile({"a": x, "b": x + 1.0})(x=1.0) == {"a": 1.0, "b": 2.0}
    assert ig.compile([])() == []


def test_a_feed_is_needed_though_nothing_reads_it() -> None:
    x, y = ig.input("x", ("n",)), ig.input("y", ("n",))
    f = ig.compile([y, x * 1.0 + 0.0])
    assert list(f.graph.inputs) == ["y", "x"]
    with pytest.raises(FeedError, match="no feed for x"):
        f(y=[1.0])
    y_out, x_out = f(y=[1.0], x=[2.0])
    assert (y_out, x_out) == ([1.0], [2.0])


@pytest.mark.parametrize(
    "fed", [[1, 2], [1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0]), np.array([1, 2], "float32")]
)
def test_feeds_of_the_same_kind_are_cast(fed: Any) -> None:
    result = ig.compile(ig.input("x", ("n",)) * 2.0)(x=fed)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [2.0, 4.0])


@pytest.mark.parametrize(
    ("dtype", "fed"),
    [("int64", np.array([1], "uint8")), ("int32", np.array([7], "int64")), ("uint8", [255]), ("int64", [])],
)
def test_integers_that_fit_are_cast(dtype: str, fed: Any) -> None:
    result = ig.compile(ig.input("x", ("n",), dtype) * 1)(x=fed)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, fed)


def test_integers_are_checked_at_every_call() -> None:
    f = ig.compile(ig.input("x", (1,), "int32") * 1)
    assert f(x=np.array([7])) == [7]
    with pytest.raises(FeedError, match=r"the integer 4294967303 at \[0\] for input 'x'"):
        f(x=np.array([7 + 2**32]))
    assert f(x=np.array([8])) == [8]


def test_strided_feeds() -> None:
    base = np.arange(24.0, dtype="float32").reshape(4, 6)
    f = ig.compile(ig.input("x", ("n", "m")) + 0.0)
    for view in (base.T, base[::-2, 1::3], np.broadcast_to(base[0], (3, 6))):
        np.testing.assert_array_equal(f(x=view), view)


def test_a_feed_is_not_written() -> None:
    x = ig.input("x", (4,))
    f = ig.compile(ig.exp(x) * 2.0 + 1.0)
    fed = np.ones(4, "float32")
    fed.setflags(write=False)
    f(x=fed)
    np.testing.assert_array_equal(fed, 1)


# ------------------------------------------------------------------------------- fresh outputs


def build_outputs() -> dict[str, ig.Value]:
    """Outputs that lie in feeds, in state, in constants, in one buffer, and in views of these."""
    x, w = ig.input("x", (2, 3)), ig.parameter("w", (2, 3), init=np.arange(6.0).reshape(2, 3))
    y = x * 2.0
    return {
        "feed": x,
        "state": w,
        "state view": w.T,
        "constant": ig.constant([1.0, 2.0]),
        "value": y,
        "same value": y,
        "view of value": y[:, ::-1],
        "broadcast": ig.broadcast_to(x[0, 0], (2, 2)),
        "reshaped state": ig.reshape(w, (6,)),
    }


def test_outputs_are_nobody_elses_memory() -> None:
    f = ig.compile(build_outputs(), verify=True)
    x = np.linspace(0, 1, 6, dtype="float32").reshape(2, 3)
    expected = {name: array.copy() for name, array in f(x=x).items()}
    for _ in range(2):
        results = f(x=x)
        for name, array in results.items():
            assert array.flags.owndata
            assert array.flags.c_contiguous
            np.testing.assert_array_equal(array, expected[name], err_msg=name)
        for array in results.values():
            array[...] = np.nan
    np.testing.assert_array_equal(f.state["w"], np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(x, np.linspace(0, 1, 6, dtype="float32").reshape(2, 3))


def test_outputs_are_those_before_the_commit() -> None:
    f, x = counting()
    for step in range(3):
        np.testing.assert_array_equal(f(x=x), np.arange(3.0) + 1 + step)
    w = ig.parameter("w", (2,), init=1.0)
    g = ig.compile([w, w * 3.0], updates={w: w * 3.0})
    np.testing.assert_array_equal(g(), [[1.0, 1.0], [3.0, 3.0]])
    np.testing.assert_array_equal(g(), [[3.0, 3.0], [9.0, 9.0]])


def test_out_is_filled() -> None:
    f, x = counting()
    out = np.empty(3, "float32")
    assert f(x=x, out=out) is out
    np.testing.assert_array_equal(out, [1, 2, 3])
    strided = np.zeros((3, 2), "float32")
    f(x=x, out=strided[:, 1])
    np.testing.assert_array_equal(strided, [[0, 2], [0, 3], [0, 4]])


def test_out_is_matched_by_key() -> None:
    x = ig.input("x", (2,))
    f = ig.compile({"one": x + 1.0, "two": x * 2.0})
    out = {"two": np.empty(2, "float32"), "one": np.empty(2, "float32")}
    results = f(x=[5.0, 6.0], out=out)
    assert results["one"] is out["one"]
    np.testing.assert_array_equal(out["one"], [6.0, 7.0])
    np.testing.assert_array_equal(out["two"], [10.0, 12.0])


@pytest.mark.parametrize(
    "out", [np.empty(3), np.empty(2, "float32"), [np.empty(3, "float32")], 3.0, {"y": np.empty(3, "float32")}]
)
def test_out_that_does_not_fit(out: Any) -> None:
    f, x = counting()
    with pytest.raises(FeedError, match=r"found out .*needed float32\[3\]"):
        f(x=x, out=out)
    np.testing.assert_array_equal(f.state["w"], np.arange(3.0))


@pytest.mark.parametrize("out", [{}, 1.0, [], {"a": np.empty(())}])
def test_out_of_another_structure(out: Any) -> None:
    f = ig.compile({"a": ig.input("x"), "b": ig.input("x2")})
    with pytest.raises(FeedError, match="structure like that of the outputs"):
        f(x=1.0, x2=1.0, out=out)


# ------------------------------------------------------------------------------- one at a time


class Gate:
    """A kernel's stand-in: does something in the middle of a step."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __call__(self) -> None:
        self.action()


def in_the_middle(f: ig.Function, x: Array, action: Callable[[], object]) -> None:
    """Make every later step of `f` with feeds like `x` run an action between two kernels."""
    f(x=x)
    (_, _, prepared) = f._prepared[(x.shape,)]
    prepared._prepared.compute.insert(0, Gate(action))  # type: ignore[attr-defined]


def test_a_concurrent_call_is_refused() -> None:
    f, x = counting()
    inside, leave = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        assert leave.wait(10)

    in_the_middle(f, x, wait)
    thread = threading.Thread(target=f, kwargs={"x": x})
    thread.start()
    assert inside.wait(10)
    with pytest.raises(ExecutorError, match="still running; needed one call at a time"):
        f(x=x)
    leave.set()
    thread.join()
    np.testing.assert_array_equal(f.state["w"], np.arange(3.0) + 2)
    leave.set()
    f(x=x)


def test_functions_on_one_state_take_turns() -> None:
    f, x = counting()
    w = ig.parameter("w", (3,))
    double = ig.compile(w, updates={w: w * 2.0}, state=f.state)
    inside, leave = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        assert leave.wait(10)

    in_the_middle(f, x, wait)
    first, second = threading.Thread(target=f, kwargs={"x": x}), threading.Thread(target=double)
    first.start()
    assert inside.wait(10)
    second.start()
    leave.set()
    first.join()
    second.join()
    np.testing.assert_array_equal(f.state["w"], (np.arange(3.0) + 2) * 2)


def test_a_step_within_a_step_is_refused() -> None:
    f, x = counting()
    w = ig.parameter("w", (3,))
    other = ig.compile(w * 2.0, state=f.state)
    refused: list[str] = []

    def meddle() -> None:
        for attempt in (lambda: f(x=x), other, lambda: f.state.update({"w": np.zeros(3)})):
            with pytest.raises(ExecutorError) as caught:
                attempt()
            refused.append(str(caught.value))
        np.testing.assert_array_equal(f.state["w"], np.arange(3.0) + 1)  # reading is allowed

    in_the_middle(f, x, meddle)
    f(x=x)
    assert [text.split(";")[0] for text in refused] == [
        "found a call of a function that is still running",
        "found a step within a step on the same state, from a signal handler or a kernel",
        "found a write within a step on the same state, from a signal handler or a kernel",
    ]
    np.testing.assert_array_equal(f.state["w"], np.arange(3.0) + 2)
    np.testing.assert_array_equal(other(), (np.arange(3.0) + 2) * 2)


def test_a_kernel_that_raises_changes_nothing() -> None:
    f, x = counting()
    in_the_middle(f, x, lambda: 1 // 0)
    before = f.state["w"]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            f(x=x)
        assert f"{__file__}:" in str(caught.value.__notes__)
    np.testing.assert_array_equal(f.state["w"], before)


# -------------------------------------------------------------------------------- plans, texts


def test_plans_are_kept_for_a_few_sizes() -> None:
    f = ig.compile(ig.input("x", ("n",)) * 2.0)
    program = f.program
    for n in range(3 * CACHED_PLANS):
        np.testing.assert_array_equal(f(x=np.ones(n)), np.full(n, 2))
    assert f.program is program
    assert len(f._prepared) == CACHED_PLANS


def test_the_plan_used_last_is_kept() -> None:
    f = ig.compile(ig.input("x", ("n",)) * 2.0)
    f(x=np.ones(1))
    kept = f._prepared[((1,),)]
    for n in range(2, 3 * CACHED_PLANS):
        f(x=np.ones(n))
        f(x=np.ones(1))
    assert f._prepared[((1,),)] is kept
    assert f.memory().sizes == {"n": 1}


def test_repr_and_cost() -> None:
    x = ig.input("x", ("n", 3))
    f = ig.compile(x @ ig.parameter("w", (3, 2)))
    assert repr(f) == "<Function (x: float32[n, 3]) -> float32[n, 2] on numpy>"
    assert str(f.cost().flops) == "12*n"


def test_origins_are_kept_through_the_compiler() -> None:
    x = ig.input("x", ("n", 3))
    w = ig.parameter("w", (3, 2))
    loss = ig.losses.softmax_cross_entropy(ig.relu(x @ w), ig.input("label", ("n",), "int64"))
    f = ig.compile(loss, updates=ig.optim.Adam().minimize(loss))
    assert {node.origin.file for node in f.program.graph.nodes} == {__file__}


def test_an_input_that_only_binds_a_size() -> None:
    x = ig.input("x", ("n",))
    gradient = ig.grad((x * 3.0).sum(), x)  # does not read x
    f = ig.compile(gradient, inputs=[x])
    np.testing.assert_array_equal(f(x=np.zeros(4)), np.full(4, 3.0))
    np.testing.assert_array_equal(f(x=np.zeros(2)), np.full(2, 3.0))
    with pytest.raises(FeedError, match=r"(?s)no size for the named dims n;.*inputs=\[x\]"):
        ig.compile(gradient)()
    with pytest.raises(GraphError, match="among the inputs"):
        ig.compile(gradient, inputs=[x * 2.0])
