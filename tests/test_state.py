"""State: what it starts with, how it is read, written and shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, GraphError, IrgraphError, ShapeError

SHAPE = (40, 50)


def model() -> ig.Value:
    w = ig.parameter("0.w", SHAPE, init=ig.init.glorot_uniform())
    b = ig.parameter("0.b", (50,), init=np.arange(50.0))
    steps = ig.state("steps", dtype="int64", init=3)
    return w.sum() + b.sum() + steps.astype("float32")


def test_it_starts_with_the_initializers() -> None:
    state = ig.compile(model()).state
    assert list(state) == ["0.w", "0.b", "steps"]
    np.testing.assert_array_equal(state["0.b"], np.arange(50))
    assert state["steps"] == 3
    assert state["steps"].dtype == np.int64
    limit = np.sqrt(6 / 90)
    assert np.abs(state["0.w"]).max() < limit
    np.testing.assert_allclose(state["0.w"].std(), limit / np.sqrt(3), rtol=0.05)


def test_numbers_depend_on_seed_and_name_only() -> None:
    alone = ig.compile(ig.parameter("0.w", SHAPE, init=ig.init.glorot_uniform())).state
    full = ig.compile(model()).state
    other = ig.compile(ig.parameter("1.w", SHAPE, init=ig.init.glorot_uniform())).state
    seeded = ig.compile(model(), seed=1).state
    np.testing.assert_array_equal(alone["0.w"], full["0.w"])
    assert (other["1.w"] != full["0.w"]).any()
    assert (seeded["0.w"] != full["0.w"]).any()


def test_reading_gives_a_copy() -> None:
    state = ig.compile(model()).state
    state["0.b"][...] = 7
    np.testing.assert_array_equal(state["0.b"], np.arange(50))


def test_writing_is_seen_by_every_function() -> None:
    w = ig.parameter("w", (2,))
    f = ig.compile(w * 2.0)
    g = ig.compile(w + 1.0, state=f.state)
    assert g.state is f.state
    f.state["w"] = [1, 2]
    np.testing.assert_array_equal(f(), [2, 4])
    np.testing.assert_array_equal(g(), [2, 3])
    ig.compile(w, updates={w: w + 10.0}, state=f.state)()
    np.testing.assert_array_equal(g(), [12, 13])


def test_sharing_keeps_what_is_there_and_adds_what_is_new() -> None:
    w = ig.parameter("w", init=1.0)
    f = ig.compile(w)
    f.state["w"] = 5.0
    v = ig.state("v", (2,), init=2.0)
    g = ig.compile(w + v, state=f.state)
    np.testing.assert_array_equal(g(), [7, 7])
    assert list(f.state) == ["w", "v"]


def test_a_refused_share_adds_nothing() -> None:
    f = ig.compile(ig.parameter("w", (2,)))
    with pytest.raises(GraphError, match="holds under that name"):
        ig.compile([ig.parameter("fresh", (1,)), ig.parameter("w", (3,))], state=f.state)
    assert list(f.state) == ["w"]


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("w", 1.0, GraphError, "found no state variable 'w'; needed one of: 0.w, 0.b, steps"),
        ("0.b", np.zeros(49), ShapeError, "found shape (49,) for state variable '0.b'; needed shape (50,)"),
        ("0.b", 0.0, ShapeError, "found shape () for state variable '0.b'"),
        (
            "0.b",
            np.zeros(50, "int64"),
            DTypeError,
            "found dtype int64 for state variable '0.b'; needed float32",
        ),
        ("steps", 1.5, DTypeError, "found dtype float64 for state variable 'steps'; needed int64"),
        (
            "steps",
            2**63,
            DTypeError,
            "found the integer 9223372036854775808 at [] for state variable 'steps'",
        ),
    ],
)
def test_bad_content_changes_nothing(name: str, content: Any, error: type[IrgraphError], says: str) -> None:
    state = ig.compile(model()).state
    before = {key: array.tobytes() for key, array in state.items()}
    with pytest.raises(error) as caught:
        state.update({"0.w": np.zeros(SHAPE), name: content})
    assert says in str(caught.value)
    assert {key: array.tobytes() for key, array in state.items()} == before


def test_unknown_names_when_reading() -> None:
    state = ig.compile(model()).state
    with pytest.raises(GraphError, match="no state variable 'x'"):
        state["x"]
    with pytest.raises(GraphError, match="no state variable 'x'"):
        state.type_of("x")


def test_float64_content_is_rounded() -> None:
    state = ig.compile(model()).state
    state["0.b"] = np.full(50, 1 / 3)
    assert state["0.b"].dtype == np.float32
    np.testing.assert_array_equal(state["0.b"], np.float32(1 / 3))


def test_it_is_a_mapping_of_types() -> None:
    state = ig.compile(model()).state
    assert len(state) == 3
    assert "steps" in state
    assert str(state.type_of("0.w")) == "float32[40, 50]"
    assert repr(state) == "State {\n  0.w: float32[40, 50]\n  0.b: float32[50]\n  steps: int64[]\n}"


# ------------------------------------------------------------------------------- random streams


def test_random_counters_are_state() -> None:
    f = ig.compile(ig.random_normal((1000,), name="noise"), seed=4)
    first = f()
    saved = {name: f.state[name] for name in f.state}
    second = f()
    assert (first != second).any()
    f.state.update(saved)
    np.testing.assert_array_equal(f(), second)
    again = ig.compile(ig.random_normal((1000,), name="noise"), seed=4)
    np.testing.assert_array_equal(again(), first)
    other = ig.compile(ig.random_normal((1000,), name="noise"), seed=5)
    assert (other() != first).any()


def test_a_batch_is_a_longer_stretch_of_the_same_stream() -> None:
    x = ig.input("x", ("n",))
    f = ig.compile(ig.dropout(x, 0.5, name="drop"), seed=2)
    g = ig.compile(ig.dropout(x, 0.5, name="drop"), seed=2)
    np.testing.assert_array_equal(f(x=np.ones(10)), g(x=np.ones(1000))[:10])
