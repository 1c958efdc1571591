"""Memory: planned = allocated, no two live buffers overlap, and a step allocates nothing else."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.compiler.arena import assign_offsets
from irgraph.compiler.plan import ALIGNMENT, Buffer, Plan, Slot, aligned
from irgraph.dims import bind

Array = np.ndarray[Any, Any]
Pair = tuple[ig.Value, Array]


# -------------------------------------------------------------------------- random graphs, twice


class RandomProgram:
    """A random graph with views, fan-out and updates, built as values and as NumPy arrays at once."""

    def __init__(self, seed: int, count: int = 25) -> None:
        self.rng = np.random.default_rng(seed)
        self.feeds = {name: self.rng.normal(size=self.shape()) for name in "xy"}
        self.start = {name: self.rng.normal(size=self.shape()) for name in "uvw"}
        self.known: list[Pair] = [
            (ig.input(name, array.shape, "float64"), array) for name, array in self.feeds.items()
        ]
        self.states = [(ig.state(n, a.shape, "float64", init=a), a) for n, a in self.start.items()]
        self.known += self.states
        kinds = [self.unary, self.binary, self.view, self.reduction, self.product, self.parts]
        for _ in range(count):
            self.known.append(self.pick(kinds)())
        self.outputs = [self.pick(self.known) for _ in range(3)]
        self.updates = [(state, self.onto(old)) for state, old in self.states]

    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.rng.choice([1, 3, 4, 40], size=2))

    def pick(self, items: Any) -> Any:
        return items[self.rng.integers(len(items))]

    def unary(self) -> Pair:
        x, a = self.pick(self.known)
        ours, theirs = self.pick([(ig.tanh, np.tanh), (ig.sin, np.sin), (lambda v: -v, np.negative)])
        return ours(x), theirs(a)

    def binary(self) -> Pair:
        x, a = self.pick(self.known)
        y, b = self.onto(a)
        ours, theirs = self.pick([(ig.add, np.add), (ig.subtract, np.subtract), (ig.maximum, np.maximum)])
        return ours(x, y), theirs(a, b)

    def view(self) -> Pair:
        x, a = self.pick(self.known)
        change = self.pick(
            [
                lambda v: v.T,
                lambda v: v[::-1],
                lambda v: v[:, :1],
                lambda v: v.reshape(v.shape[1], v.shape[0]),
                lambda v: v.reshape(-1, 1),
            ]
        )
        return change(x), change(a)

    def reduction(self) -> Pair:
        x, a = self.pick(self.known)
        axis = int(self.rng.integers(2))
        ours, theirs = self.pick([(ig.mean, np.mean), (ig.max, np.max)])
        return ours(x, axis, keepdims=True), theirs(a, axis, keepdims=True)

    def product(self) -> Pair:
        x, a = self.pick(self.known)
        y, b = self.onto(a)
        return ig.tanh(x @ y.T), np.tanh(a @ b.T)

    def parts(self) -> Pair:
        x, a = self.pick(self.known)
        others = [self.onto(a) for _ in range(2)] + [self.pick([self.unary, self.binary])() for _ in range(2)]
        pairs = [(x, a), *(pair for pair in others if pair[1].shape[1] == a.shape[1])]
        self.rng.shuffle(pairs)
        axis = 0 if any(pair[1].shape[0] != a.shape[0] for pair in pairs) else int(self.rng.integers(2))
        whole = ig.concatenate([pair[0] for pair in pairs], axis)
        return whole, np.concatenate([pair[1] for pair in pairs], axis)

    def onto(self, like: Array) -> Pair:
        """Some value of a given shape."""
        fitting = [pair for pair in self.known if pair[1].shape == like.shape]
        if self.rng.random() < 0.7:
            return self.pick(fitting)  # type: ignore[no-any-return]
        x, a = self.pick(self.known)
        return ig.broadcast_to(x[:1, :1], like.shape), np.broadcast_to(a[:1, :1], like.shape)

    def compile(self, **options: Any) -> ig.Function:
        updates = [(state, new) for state, (new, _) in self.updates]
        outputs = [value for value, _ in (*self.outputs, *self.states[:1])]
        feeds = [value for value, _ in self.known[:2]]
        return ig.compile([*outputs, *feeds], updates=updates, verify=True, **options)

    def check(self, f: ig.Function) -> None:
        results = f(**self.feeds)
        expected = [array for _, array in (*self.outputs, *self.states[:1], *self.known[:2])]
        for result, array in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, array, rtol=1e-9, atol=1e-12)
        for name, (_, (_, new)) in zip(self.start, self.updates, strict=True):
            np.testing.assert_allclose(f.state[name], new, rtol=1e-9, atol=1e-12)


def byte_range(slot: Slot) -> set[int]:
    """The bytes of its buffer that a slot reaches."""
    layout, size = slot.layout, slot.dtype.itemsize
    if 0 in layout.shape:
        return set()
    offsets = layout.offset + sum(
        np.multiply.outer(np.arange(n), stride).reshape(
            [-1 if a == axis else 1 for a in range(len(layout.shape))]
        )
        for axis, (n, stride) in enumerate(zip(layout.shape, layout.strides, strict=True))
    )
    return {int(offset) * size for offset in np.unique(offsets)}


def check_plan(plan: Plan) -> None:
    """By brute force: aligned, inside the arena, and never two live buffers on one byte."""
    for buffer in plan.buffers:
        assert buffer.offset % ALIGNMENT == 0
        assert 0 <= buffer.offset <= buffer.offset + buffer.nbytes <= plan.arena_nbytes
    for a, b in itertools.combinations([b for b in plan.buffers if b.nbytes], 2):
        alive = a.first <= b.last and b.first <= a.last
        apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
        assert apart or not alive, f"{a.owner!r} and {b.owner!r} overlap"
    assert plan.live_peak()[0] <= plan.arena_nbytes + plan.results_nbytes
    ends = max((buffer.last for buffer in (*plan.buffers, *plan.results.values())), default=0)
    totals = [sum(aligned(b.nbytes) for b in plan.live_at(position)) for position in range(ends + 1)]
    assert plan.live_peak()[0] == max(totals, default=0)
    for step in (*plan.prologue, *plan.compute, *plan.commit):
        for slot in (*step.inputs, *step.outputs):
            reach = byte_range(slot)
            assert not reach or 0 <= min(reach) <= max(reach) < slot.buffer.nbytes


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    program = RandomProgram(seed)
    f = program.compile()
    check_plan(f.plan())
    program.check(f)
    report = f.memory()
    assert report.arena == report.allocated == f.plan().arena_nbytes
    assert report.live_peak <= report.arena
    assert report.state == sum(array.nbytes for array in program.start.values())


@pytest.mark.parametrize("seed", range(60, 70))
def test_random_graphs_with_checks(seed: int) -> None:
    program = RandomProgram(seed)
    f = program.compile(check=True)
    check_plan(f.plan())
    program.check(f)


@pytest.mark.parametrize("seed", range(20))
def test_offsets_of_random_lifetimes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    owner = ig.input("x")
    buffers = []
    for first in np.sort(rng.integers(0, 30, 60)).tolist():
        nbytes = int(rng.choice([0, 1, 64, 65, 200, 1000]))
        buffers.append(Buffer("arena", owner, nbytes, first, first + int(rng.integers(0, 12))))
    arena = assign_offsets(buffers)
    plan = Plan({}, {}, [], [], [], [], [], buffers, arena)
    check_plan(plan)
    assert arena <= 1.6 * plan.live_peak()[0]  # what best fit wastes stays small


# -------------------------------------------------------------------------- what costs, and what not


def test_views_cost_nothing() -> None:
    x = ig.input("x", (8, 64, 64))
    views = x.transpose(2, 0, 1)[::2].reshape(32, 8, 8, 8)[:, 1:3, None]
    f = ig.compile(views.sum())
    plan = f.plan()
    assert [step.node.op.name for step in plan.compute] == ["sum"]
    assert len(plan.buffers) == 2
    assert ig.compile(ig.broadcast_to(x[0, 0, 0], (1000, 1000)).sum()).plan().arena_nbytes < 200_000


def test_elementwise_chains_run_in_place() -> None:
    x = ig.input("x", (1000,))
    y = x
    for _ in range(10):
        y = ig.sin(y * 2.0)
    plan = ig.compile(y).plan()
    (large,) = [buffer for buffer in plan.buffers if buffer.nbytes == 4000]
    assert large.owner is plan_input(plan, "x")


def plan_input(plan: Plan, name: str) -> ig.Value:
    return plan.feeds[name].buffer.owner


def test_a_value_that_is_read_later_is_not_overwritten() -> None:
    x = ig.input("x", (1000,))
    y = ig.sin(x)
    f = ig.compile(y * ig.cos(y) + x)
    a = np.linspace(-1, 1, 1000)
    np.testing.assert_allclose(f(x=a), np.sin(a) * np.cos(np.sin(a)) + a, rtol=1e-5)


def test_an_operand_seen_twice_is_not_overwritten() -> None:
    x = ig.input("x", (30, 30), "float64")
    f = ig.compile((x * 2.0) + (x * 2.0).T)
    a = np.random.default_rng(0).normal(size=(30, 30))
    np.testing.assert_array_equal(f(x=a), 2 * a + 2 * a.T)


# --------------------------------------------------------------------------- the report's formula


def training_step(width: int = 64) -> ig.Function:
    x, label = ig.input("x", ("batch", 32)), ig.input("label", ("batch",), "int64")
    hidden = x
    for layer, size in enumerate((width, width, 10)):
        w = ig.parameter(f"{layer}.w", (int(hidden.shape[-1]), size), init=ig.init.he_normal())  # type: ignore[arg-type]
        hidden = hidden @ w + ig.parameter(f"{layer}.b", (size,))
        hidden = ig.relu(hidden) if size != 10 else hidden
    loss = ig.losses.softmax_cross_entropy(hidden, label)
    return ig.compile(loss, updates=ig.optim.Adam().minimize(loss))


def feeds(batch: int) -> dict[str, Array]:
    rng = np.random.default_rng(batch)
    return {"x": rng.normal(size=(batch, 32)).astype("float32"), "label": rng.integers(0, 10, batch)}


@pytest.mark.parametrize("batch", [0, 1, 33])
@pytest.mark.parametrize("check", [False, True])
def test_plans_of_training_steps(batch: int, check: bool) -> None:
    x, label = ig.input("x", ("batch", 8)), ig.input("label", ("batch",), "int64")
    hidden = ig.dropout(ig.tanh(x @ ig.parameter("w", (8, 8))), 0.5, name="drop")
    loss = ig.losses.softmax_cross_entropy(hidden, label)
    check_plan(ig.compile(loss, updates=ig.optim.Adam().minimize(loss), check=check).plan(batch=batch))


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_formula_is_the_live_bytes(batch: int) -> None:
    f = training_step()
    predicted = f.memory(batch=batch)
    assert predicted.allocated is None
    assert bind(predicted.formula, {"batch": batch}) == sum(value.nbytes for value in predicted.values)
    assert (
        0 <= predicted.live_peak - sum(v.nbytes for v in predicted.values) < ALIGNMENT * len(predicted.values)
    )
    f(**feeds(batch))
    measured = f.memory()
    assert measured.allocated == measured.arena == predicted.arena
    assert measured.sizes == {"batch": batch}
    assert "Function" not in str(measured)
    assert f"batch={batch}" in str(measured)
    assert f"{__file__}:" in measured.values[0].description


def test_memory_needs_sizes() -> None:
    with pytest.raises(ig.errors.FeedError, match="no size for the named dims batch"):
        training_step().memory()


def test_a_second_batch_size_reuses_the_program() -> None:
    f = training_step()
    program = f.program
    for batch in (8, 3, 8, 5):
        f(**feeds(batch))
    assert f.program is program
    assert [plan.sizes["batch"] for _, plan, _ in f._prepared.values()] == [3, 8, 5]


# ----------------------------------------------------------------------------- steady allocation


def allocated_beyond(action: Callable[[], object]) -> int:
    """The most bytes that an action has allocated at once on top of what was there."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        action()
        return tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()


# NumPy's own loops buffer an operand that they cast or repeat, 8192 elements of it at a time.
BUFFERED = 2 * 8192 * 8


def test_a_steady_step_allocates_almost_nothing() -> None:
    f, fed = training_step(256), feeds(512)
    f(**fed)
    arena = f.memory().arena
    assert arena > 10 * BUFFERED
    assert allocated_beyond(lambda: f(**fed)) < BUFFERED


def test_a_steady_step_allocates_its_outputs() -> None:
    x = ig.input("x", ("n", 1000))
    f = ig.compile(ig.tanh(x) * 2.0)
    fed = np.ones((500, 1000), "float32")
    f(x=fed)
    nbytes, kept = fed.nbytes, []
    assert nbytes <= allocated_beyond(lambda: kept.append(f(x=fed))) < nbytes + 64 * 1024
    out = np.empty_like(fed)
    assert allocated_beyond(lambda: f(x=fed, out=out)) < 64 * 1024


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads the resident size from /proc (Linux)"
)
def test_a_thousand_steps_do_not_grow() -> None:
    f, fed = training_step(), feeds(64)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(200):
        f(**fed)
    gc.collect()
    before = resident()
    for _ in range(1000):
        f(**fed)
    gc.collect()
    assert resident() - before < 2**20
