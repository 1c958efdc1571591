"""Parts of a concatenation are computed where it has them: nothing is copied, and nothing spills over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.compiler import memory
from irgraph.compiler.plan import Plan
from irgraph.ops.slicing import Concatenate
from irgraph_numpy import NumpyExecutor
from tests.test_memory import RandomProgram, check_plan

N = 1000


def concatenations(plan: Plan) -> list[list[bool]]:
    """For each concatenation, which operands lie in its buffer."""
    return [
        [slot.buffer is step.outputs[0].buffer for slot in step.inputs]
        for step in plan.compute
        if isinstance(step.node.op, Concatenate)
    ]


def copies(f: ig.Function) -> int:
    """How many calls the concatenations of a function make at each step."""
    ((_, _, prepared),) = f._prepared.values()
    return sum(isinstance(node.op, Concatenate) for node in prepared._prepared.owners)  # type: ignore[attr-defined]


def vectors() -> tuple[ig.Value, ig.Value]:
    return ig.input("x", (N,)), ig.input("y", (N,))


def fed(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=N).astype("float32"), "y": rng.normal(size=N).astype("float32")}


def check(f: ig.Function, oracle: Callable[..., Any]) -> None:
    check_plan(f.plan())
    for seed in range(2):
        feeds = fed(seed)
        np.testing.assert_allclose(f(**feeds), oracle(**feeds), rtol=2e-5, atol=1e-6)
    assert f.memory().arena == f.memory().allocated == f.plan().arena_nbytes


def test_stacked_rows_are_computed_in_place() -> None:
    x, y = vectors()
    f = ig.compile(ig.stack([x * y, ig.sin(x), ig.cos(y)]), verify=True)
    assert concatenations(f.plan()) == [[True] * 3]
    check(f, lambda x, y: np.stack([x * y, np.sin(x), np.cos(y)]))
    assert copies(f) == 0
    sizes = sorted(b.nbytes for b in f.plan().buffers)
    assert sizes == [4 * N, 4 * N, 12 * N]  # two feeds and the result
    assert "3 parts computed in place" in str(f.memory())


def test_what_is_fed_constant_a_slice_or_turned_is_copied() -> None:
    x, y = vectors()
    wide = ig.sin(x).reshape(10, N // 10)
    parts = [
        x.reshape(N // 10, 10),
        wide.T,
        ig.cos(y).reshape(-1, 10)[::2],
        ig.full((2, 10), 3.0),
        y[:10][None],
    ]
    f = ig.compile(ig.concatenate(parts))
    assert concatenations(f.plan()) == [[False] * 5]
    check(
        f,
        lambda x, y: np.concatenate(
            [x.reshape(100, 10), np.sin(x).reshape(10, 100).T, np.cos(y).reshape(-1, 10)[::2],
             np.full((2, 10), 3.0), y[:10][None]]
        ),
    )  # fmt: skip
    assert copies(f) == 5


def test_columns_are_copied_unless_there_is_one_row() -> None:
    x, y = vectors()
    parts = [ig.sin(x), ig.cos(y)]
    columns = ig.compile(ig.stack(parts, 1))
    assert concatenations(columns.plan()) == [[False, False]]
    check(columns, lambda x, y: np.stack([np.sin(x), np.cos(y)], 1))
    row = ig.compile(ig.concatenate([part[None] for part in parts], 1))
    assert concatenations(row.plan()) == [[True, True]]
    check(row, lambda x, y: np.concatenate([np.sin(x)[None], np.cos(y)[None]], 1))
    assert copies(row) == 0


def test_a_value_lies_in_one_place_only() -> None:
    x, y = vectors()
    once = ig.sin(x)
    f = ig.compile(ig.stack([once, once, y * 2.0]))
    assert concatenations(f.plan()) == [[True, True, True]]  # the second reads it there
    check(f, lambda x, y: np.stack([np.sin(x), np.sin(x), y * 2]))
    assert copies(f) == 1
    twice = ig.compile([ig.stack([once, y * 2.0]), ig.stack([ig.cos(y), once])])
    assert concatenations(twice.plan()) == [[True, True], [True, False]]
    check(twice, lambda x, y: [[np.sin(x), y * 2], [np.cos(y), np.sin(x)]])


def test_concatenations_of_concatenations() -> None:
    x, y = vectors()
    inner = ig.stack([ig.sin(x), x, ig.cos(x)])
    outer = ig.concatenate([y[None] * 2.0, inner, inner[::-1], ig.tanh(y)[None]])
    f = ig.compile([outer, ig.exp(inner)])
    assert concatenations(f.plan()) == [[True, False, True], [True, True, True, True]]

    def oracle(x: Any, y: Any) -> Any:
        inside = np.stack([np.sin(x), x, np.cos(x)])
        return np.concatenate([y[None] * 2, inside, inside[::-1], np.tanh(y)[None]]), np.exp(inside)

    check_plan(f.plan())
    for found, wanted in zip(f(**fed()), oracle(**fed()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)
    assert copies(f) == 2  # x, and the reversed rows


def test_a_part_that_is_read_again_is_still_there() -> None:
    """Elementwise nodes write over what dies, and a part must outlive its whole where it is read later."""
    x, y = vectors()
    part = ig.sin(x)
    whole = ig.stack([part, ig.cos(y)])
    after = ig.tanh(whole * 2.0).sum(0)
    f = ig.compile([after + ig.exp(part * after), part])
    a, b = fed()["x"], fed()["y"]
    first = np.tanh(2 * np.sin(a)) + np.tanh(2 * np.cos(b))
    check_plan(f.plan())
    found = f(x=a, y=b)
    np.testing.assert_allclose(found[0], first + np.exp(np.sin(a) * first), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.sin(a), rtol=1e-6)


def test_an_elementwise_node_does_not_spill_over_the_neighbours() -> None:
    """One of a part's size finds the part's memory dying, which is not its own to write over."""
    x, y = vectors()
    whole = ig.stack([ig.sin(x), ig.cos(y)])
    f = ig.compile([ig.relu(whole[0]), whole[1] * 2.0, (whole + 0.0).sum()])
    a, b = fed()["x"], fed()["y"]
    found = f(x=a, y=b)
    np.testing.assert_allclose(found[0], np.maximum(np.sin(a), 0), rtol=1e-6)
    np.testing.assert_allclose(found[1], np.cos(b) * 2, rtol=1e-6)
    assert float(found[2]) == pytest.approx(np.sin(a).sum() + np.cos(b).sum(), rel=1e-4)


def test_empty_parts_and_named_dims() -> None:
    x = ig.input("x", ("n", 3), "float64")
    f = ig.compile(ig.concatenate([ig.sin(x), ig.cos(x), x * 2.0]))
    for n in (0, 1, 5):
        check_plan(f.plan(n=n))
        a = np.arange(3.0 * n).reshape(n, 3)
        np.testing.assert_allclose(f(x=a), np.concatenate([np.sin(a), np.cos(a), a * 2]))
        assert f.memory().arena == f.memory().allocated


def test_copies_are_made_where_that_takes_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small part that is there from the start on would keep a large result's memory for all the time."""
    x, w = ig.input("x", (N,)), ig.input("w", (N, N))
    small = ig.sin(x)[None]
    busy = ig.tanh(ig.sin(w @ w) @ w) + small
    whole = ig.concatenate([small, busy.sum(0, keepdims=True) * ig.full((500, 1), 2.0)])
    f = ig.compile(ig.cumsum(whole, 0).sum())
    assert concatenations(f.plan()) == [[False, False]]
    least = f.plan().arena_nbytes
    monkeypatch.setattr(memory, "DEARER", 1.0)
    assert concatenations(f.plan()) == [[True, True]]
    assert f.plan().arena_nbytes > least * (1 + 1 / 16)


def test_a_hundred_rows_take_half_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = vectors()
    f = ig.compile(ig.stack([ig.sin(x * float(n)) + y for n in range(100)]))
    taken = f.plan().arena_nbytes
    monkeypatch.setattr(memory, "find_homes", lambda *_: {})
    apart = f.plan().arena_nbytes
    assert 100 * 4 * N <= taken < 105 * 4 * N
    assert apart >= 200 * 4 * N


class NothingInPlace(NumpyExecutor):
    """Nothing is written over an input."""

    def is_single_pass(self, op: Any) -> bool:
        return False


@pytest.mark.parametrize("seed", range(100, 130))
def test_random_graphs_in_place_and_apart(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With parts in place whatever it costs, and with none, the numbers are NumPy's."""
    program = RandomProgram(seed, count=40)
    monkeypatch.setattr(memory, "DEARER", np.inf)
    for executor in (NumpyExecutor(), NothingInPlace()):
        f = program.compile(executor=executor)
        check_plan(f.plan())
        program.check(f)
    monkeypatch.setattr(memory, "find_homes", lambda *_: {})
    f = program.compile()
    assert not any(buffer.parts for buffer in f.plan().buffers)
    program.check(f)
