"""Wrong input of every kind: the message says what, where and what to do, and the state stays as it was."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import (
    DTypeError,
    ExecutorError,
    FeedError,
    GraphError,
    IrgraphError,
    NonFiniteError,
    NotDifferentiableError,
    ShapeError,
)
from irgraph.init import normal

BATCH, CLASSES = 3, 5
GOOD: dict[str, Any] = {
    "x": np.linspace(-1, 1, 4 * BATCH, dtype="float32").reshape(BATCH, 4),
    "label": np.array([0, 4, 2]),
}


def training_step(check: bool = False) -> ig.Function:
    """A step whose state has parameters, optimizer slots and a random counter."""
    x = ig.input("x", ("batch", 4))  # line of x
    label = ig.input("label", ("batch",), "int64")  # line of label
    w = ig.parameter("w", (4, CLASSES), init=normal())
    hidden = ig.dropout(ig.log(x + 2.0), 0.25, name="drop")  # line of log
    loss = ig.losses.softmax_cross_entropy(hidden @ w, label)  # line of loss
    return ig.compile(loss, updates=ig.optim.Adam(0.1).minimize(loss), check=check, verify=True)


def line(marker: str, function: Callable[..., Any] = training_step) -> str:
    """`file:line` of the line of a function that ends in `# marker`."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [n for n, text in enumerate(lines, first) if text.rstrip().endswith(f"# {marker}")]
    return f"{__file__}:{found}"


def snapshot(state: ig.State) -> dict[str, bytes]:
    return {name: state[name].tobytes() for name in state}


@dataclass(frozen=True)
class BadCall:
    """Feeds that differ from good ones, and what the message must hold."""

    feeds: dict[str, Any]
    error: type[IrgraphError]
    says: tuple[str, ...]
    check: bool = False
    leave_out: tuple[str, ...] = ()
    lines: tuple[str, ...] = field(default=())


def with_value(name: str, index: Any, value: Any) -> dict[str, Any]:
    changed = GOOD[name].copy()
    changed[index] = value
    return {name: changed}


CALLS = {
    "rank": BadCall(
        {"x": np.ones(4)},
        FeedError,
        ("found shape (4,) for input 'x'", "shape (batch, 4)"),
        lines=("line of x",),
    ),
    "size": BadCall(
        {"x": np.ones((BATCH, 7))},
        FeedError,
        (f"found shape ({BATCH}, 7) for input 'x'", "needed shape (batch, 4)"),
        lines=("line of x",),
    ),
    "contradicting dims": BadCall(
        {"label": np.zeros(2, "int64")},
        FeedError,
        ("found shape (2,) for input 'label', so batch=2, but 'x' has batch=3", "needed shape (batch,)"),
        lines=("line of label",),
    ),
    "integers for floats": BadCall(
        {"x": np.ones((BATCH, 4), "int64")},
        FeedError,
        ("found dtype int64 for input 'x'", "needed float32, or another of its kind", '.astype("float32")'),
        lines=("line of x",),
    ),
    "floats for integers": BadCall(
        {"label": np.zeros(BATCH)},
        FeedError,
        ("found dtype float64 for input 'label'", "needed int64", '.astype("int64")'),
        lines=("line of label",),
    ),
    "strings": BadCall({"label": ["a", "b", "c"]}, FeedError, ("for input 'label'", "needed int64")),
    "unsigned that do not fit": BadCall(
        {"label": np.array([0, 1, 2**64 - 1], "uint64")}, FeedError, ("found dtype uint64 for input 'label'",)
    ),
    "python integers that do not fit": BadCall(
        {"label": [2**63] * 3},
        FeedError,
        (
            "found the integer 9223372036854775808 at [0] for input 'label'",
            "needed int64, from -9223372036854775808",
        ),
    ),
    "ragged": BadCall(
        {"x": [[1.0], [1.0, 2.0]]},
        FeedError,
        ("a list that is no array for input 'x'",),
        lines=("line of x",),
    ),
    "missing": BadCall(
        {},
        FeedError,
        ("found no feed for label: int64[batch]", "needed x: float32[batch, 4], label: int64[batch]"),
        leave_out=("label",),
        lines=("line of label",),
    ),
    "unknown": BadCall(
        {"lable": GOOD["label"]},
        FeedError,
        ("found a feed for 'lable', which is no input", "needed x: float32[batch, 4], label: int64[batch]"),
    ),
    "missing and unknown": BadCall(
        {"lable": GOOD["label"]},
        FeedError,
        ("no feed for label: int64[batch] and a feed for 'lable'", "Feed each input by its name."),
        leave_out=("label",),
    ),
    "label too large": BadCall(
        with_value("label", 1, CLASSES),
        FeedError,
        (f"the index {CLASSES} at [1] of label", f"needed integers from 0 to {CLASSES - 1}"),
        lines=("line of loss",),
    ),
    "label negative": BadCall(
        with_value("label", 2, -1),
        FeedError,
        (
            "the index -1 at [2] of label",
            f"needed integers from 0 to {CLASSES - 1}",
            "ig.losses.softmax_cross",
        ),
        lines=("line of loss",),
    ),
    "nan fed": BadCall(
        with_value("x", (1, 2), np.nan),
        NonFiniteError,
        ("found nan at [1, 2] of the feed 'x'", "needed finite numbers", "state is as before"),
        check=True,
        lines=("line of x",),
    ),
    "first non-finite node": BadCall(
        with_value("x", (2, 3), -2.0),
        NonFiniteError,
        ("found -inf at [2, 3] of a result of log", "hidden = ig.dropout(ig.log(x + 2.0)"),
        check=True,
        lines=("line of log",),
    ),
}


@pytest.mark.parametrize("case", CALLS.values(), ids=CALLS)
def test_bad_call(case: BadCall) -> None:
    step = training_step(case.check)
    step(**GOOD)
    before = snapshot(step.state)
    assert {"w", "drop/step", "adam/step", "w/mean", "learning_rate"} <= before.keys()
    feeds = {name: array for name, array in (GOOD | case.feeds).items() if name not in case.leave_out}
    with pytest.raises(case.error) as caught:
        step(**feeds)
    for part in (*case.says, *map(line, case.lines)):
        assert part in str(caught.value)
    assert snapshot(step.state) == before
    step(**GOOD)
    assert snapshot(step.state) != before


def test_a_failed_call_does_not_advance_random_counters() -> None:
    plain, disturbed = training_step(), training_step()
    for _ in range(3):
        with pytest.raises(FeedError):
            disturbed(**GOOD | with_value("label", 0, 99))
        np.testing.assert_array_equal(disturbed(**GOOD), plain(**GOOD))
    assert snapshot(plain.state) == snapshot(disturbed.state)


def test_without_check_a_nan_flows() -> None:
    assert np.isnan(training_step()(**GOOD | with_value("x", (1, 2), np.nan)))


def test_check_covers_what_only_the_updates_need() -> None:
    x = ig.input("x")
    a = ig.state("a", init=1.0)
    f = ig.compile(x, updates=[(a, a / x)], check=True)
    with pytest.raises(NonFiniteError, match=r"found inf at .* of a result of divide"):
        f(x=0.0)
    assert f.state["a"] == 1.0


# ------------------------------------------------------------------------------------- building


def _shapes() -> None:
    ig.input("a", (3,)) + ig.input("b", (4,))  # here


def _names_that_differ() -> None:
    ig.input("a", ("n", 2)) * ig.input("b", ("m", 2))  # here


def _dtypes() -> None:
    ig.input("a", (3,)) + ig.input("b", (3,), "float64")  # here


def _matmul() -> None:
    ig.input("x", ("batch", 3)) @ ig.parameter("w", (4, 5))  # here


def _column_target() -> None:
    ig.losses.squared_error(ig.input("prediction", ("n", 1)), ig.input("target", ("n",)))  # here


def _column_labels() -> None:
    ig.losses.softmax_cross_entropy(ig.input("z", ("n", 4)), ig.input("label", ("n", 1), "int64"))  # here


def _parameter_twice() -> None:
    first = ig.parameter("w", (2,))
    ig.compile(first + ig.parameter("w", (2,)))  # here


def _input_twice() -> None:
    first = ig.input("x", (2,))
    ig.compile(first + ig.input("x", (2,)))  # here


def _updated_twice() -> None:
    w = ig.parameter("w", (2,))  # here
    ig.compile(w, updates=[(w, w + 1.0), (w, w - 1.0)])


def _update_of_no_state() -> None:
    x = ig.input("x", (2,))  # here
    ig.compile(x, updates=[(x, x + 1.0)])


def _update_of_another_type() -> None:
    w = ig.parameter("w", (2,))
    ig.compile(w, updates=[(w, w.sum())])  # here


def _update_no_pair() -> None:
    w = ig.parameter("w", (2,))
    ig.compile(w, updates=[w])  # type: ignore[list-item]


def _updates_unwrapped() -> None:
    w = ig.parameter("w", (2,))
    ig.compile(w, updates=(w, w + 1.0))  # type: ignore[arg-type]


def _loss_no_scalar() -> None:
    w = ig.parameter("w", (2,))
    ig.optim.SGD(0.1).minimize(w * w)  # here


def _nothing_to_train() -> None:
    x = ig.input("x")
    ig.optim.SGD(0.1).minimize(x * x)  # here


def _unreached_parameter() -> None:
    w, v = ig.parameter("w"), ig.parameter("v")  # here
    ig.optim.SGD(0.1).minimize(w * w, [w, v])


def _rate() -> None:
    ig.optim.SGD(-0.1)  # here


def _momentum() -> None:
    ig.optim.SGD(0.1, momentum=1.0)  # here


def _beta() -> None:
    ig.optim.Adam(beta2=1.0)  # here


def _input_named_out() -> None:
    ig.compile(ig.input("out"))  # here


def _state_of_another_type() -> None:
    shared = ig.compile(ig.parameter("w", (2,))).state
    ig.compile(ig.parameter("w", (3,)), state=shared)  # here


def _named_dim_in_parameter() -> None:
    ig.parameter("w", ("n", 2))  # type: ignore[arg-type]  # here


def _no_value() -> None:
    ig.compile([ig.input("x"), 1.0])


BUILDS: dict[Callable[[], None], tuple[type[IrgraphError], tuple[str, ...]]] = {
    _shapes: (ShapeError, ("add: found shapes (3,) and (4,)", "3 meets 4 on axis -1", "needed equal sizes")),
    _names_that_differ: (ShapeError, ("multiply: found shapes (n, 2) and (m, 2)", "n meets m")),
    _dtypes: (DTypeError, ("add: found a of float32", "b of float64", "irgraph.cast")),
    _matmul: (ShapeError, ("matmul: found float32[batch, 3] @ float32[4, 5]", "as many columns on the left")),
    _column_target: (
        ShapeError,
        ("shape (n, 1) and a target of shape (n,)", "needed equal shapes", "Reshape"),
    ),
    _column_labels: (
        ShapeError,
        ("a target of shape (n, 1)", "needed integer labels of shape (n,)", "Reshape"),
    ),
    _parameter_twice: (GraphError, ("the name 'w' used twice", "a name of its own", "Rename one")),
    _input_twice: (GraphError, ("the name 'x' used twice", "a name of its own", "Rename one")),
    _updated_twice: (GraphError, ("two updates of 'w'", "one update for each", "Combine them")),
    _update_of_no_state: (
        GraphError,
        ("an update of <x : float32[2]>", "irgraph.parameter or irgraph.state"),
    ),
    _update_of_another_type: (GraphError, ("for 'w'", "own type, float32[2]", "Reshape or cast")),
    _update_no_pair: (GraphError, ("the update <w : float32[2]>", "a pair (state variable, new value)")),
    _updates_unwrapped: (GraphError, ("the update <w : float32[2]>", "a pair (state variable, new value)")),
    _loss_no_scalar: (ShapeError, ("the loss <a result of multiply : float32[2]>", "a scalar", ".mean()")),
    _nothing_to_train: (GraphError, ("found 0 parameters", "at least one", "irgraph.parameter")),
    _unreached_parameter: (
        NotDifferentiableError,
        ("wrt <v : float32[]>", "does not depend", "Leave it out"),
    ),
    _rate: (GraphError, ("a learning rate of -0.1", "at least 0")),
    _momentum: (GraphError, ("momentum 1.0", "0 <= momentum < 1")),
    _beta: (GraphError, ("beta2=1.0", "betas in [0, 1)")),
    _input_named_out: (GraphError, ("an input named 'out'", "another name", "Rename it")),
    _state_of_another_type: (GraphError, ("'w' of type float32[3]", "float32[2], which the state holds")),
    _named_dim_in_parameter: (
        ShapeError,
        ("(n, 2) for parameter 'w'", "integers only", "Write the sizes out"),
    ),
    _no_value: (DTypeError, ("found 1.0 in outputs", "graph values")),
}


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__[1:])
def test_bad_build(build: Callable[[], None]) -> None:
    error, says = BUILDS[build]
    with pytest.raises(error) as caught:
        build()
    for part in says:
        assert part in str(caught.value)
    if "# here" in inspect.getsource(build):
        assert line("here", build) in str(caught.value)


# ---------------------------------------------------------------------------------- executors


def test_unknown_executor_lists_the_installed() -> None:
    with pytest.raises(ExecutorError, match=r"found executor 'abacus'; needed an installed one: .*numpy"):
        ig.compile(ig.input("x"), executor="abacus")


def test_errors_are_also_of_the_builtin_kind() -> None:
    kinds = {
        ShapeError: ValueError,
        DTypeError: TypeError,
        FeedError: ValueError,
        ExecutorError: RuntimeError,
    }
    assert all(issubclass(ours, builtin) for ours, builtin in kinds.items())
