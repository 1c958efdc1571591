"""Large results are the memory that they were computed in, and as fresh as copies."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, NonFiniteError
from irgraph.testing import conformance
from irgraph_numpy import NumpyExecutor
from irgraph_numpy.results import KEPT, views_keep_results
from tests.test_interrupts import profiled
from tests.test_memory import BUFFERED, RandomProgram, allocated_beyond, check_plan

Array = np.ndarray[Any, Any]
N = 400  # N * N * 8 bytes are more than 1 MiB
KIB = 1024


class HandsAll(NumpyExecutor):
    """Hands over outputs of any size."""

    name = "hands_all"
    hands_over = 1


class Copies(NumpyExecutor):
    """Copies all outputs."""

    hands_over = None


def product(executor: Any = "numpy") -> ig.Function:
    x, y = ig.input("x", ("n",), "float64"), ig.input("y", ("n",), "float64")
    return ig.compile(x[:, None] * y, executor=executor)


def fed(seed: int = 0) -> dict[str, Array]:
    return dict(zip("xy", np.random.default_rng(seed).normal(size=(2, N)), strict=True))


def wanted(seed: int = 0) -> Array:
    return np.multiply.outer(*fed(seed).values())


def address(array: Array) -> int:
    return int(array.ctypes.data)


def bindings(f: ig.Function) -> int:
    return len(next(iter(f._prepared.values()))[2]._prepared._bindings)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------- results are fresh


def test_results_that_are_kept_never_change() -> None:
    f = product()
    kept = [f(**fed(seed)) for seed in range(5)]
    assert len({address(result) for result in kept}) == 5
    assert bindings(f) == KEPT
    for seed in range(5, 9):
        f(**fed(seed))
    for seed, result in enumerate(kept):
        np.testing.assert_array_equal(result, wanted(seed))
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert result.flags.aligned


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    f = product()
    one = f(**fed(0))
    place = address(one)
    del one
    again = f(**fed(1))
    assert address(again) == place
    np.testing.assert_array_equal(again, wanted(1))
    assert bindings(f) == 1
    places = []
    for seed in range(6):
        again = f(**fed(seed))
        places.append(address(again))
        np.testing.assert_array_equal(again, wanted(seed))
    assert places[::2] == places[:1] * 3
    assert places[1::2] == places[1:2] * 3
    assert bindings(f) == 2


WAYS: dict[str, Callable[[Array], Any]] = {
    "a row": lambda j: j[0],
    "a part of a part": lambda j: j[1:][0][2:],
    "turned": lambda j: j.T,
    "reshaped": lambda j: j.reshape(-1)[5:],
    "as other numbers": lambda j: j.view(np.int64)[1],
    "as a matrix": lambda j: j.view(np.matrix)[1:],
    "repeated": lambda j: np.broadcast_to(j, (2, N, N)),
    "strided": lambda j: np.lib.stride_tricks.as_strided(j, (3,), (8,))[1:],
    "windows": lambda j: np.lib.stride_tricks.sliding_window_view(j, (2, 2))[1:],
    "from its buffer": lambda j: np.frombuffer(j)[2:],
    "over its buffer": lambda j: np.ndarray((3,), np.float64, j),
    "a memoryview": lambda j: j.data[2:],
    "masked": lambda j: np.ma.array(j, copy=False)[2:],
    "a diagonal": lambda j: np.diagonal(j)[1:],
    "flat": lambda j: j.flat,
    "rows": list,
    "an iterator": iter,
    "nditer": np.nditer,
    "DLPack": np.from_dlpack,
    "a capsule": lambda j: j.__array_struct__,
    "a pointer": lambda j: j.ctypes,
    "its base": lambda j: j.base,
    "a view of its base": lambda j: np.asarray(j.base)[8:],
    "a pickle buffer": pickle.PickleBuffer,  # type: ignore[dict-item]
}


@pytest.mark.parametrize("way", WAYS)
def test_a_view_holds_its_result(way: str) -> None:
    f = product()
    result = f(**fed(0))
    place = address(result)
    view = WAYS[way](result)
    del result
    for seed in range(1, 5):
        assert address(f(**fed(seed))) != place
    if isinstance(view, np.ndarray) and way != "a part of a part":
        assert np.may_share_memory(view, np.asarray(view))
    del view
    gc.collect()
    held = f(**fed(9))
    assert bindings(f) == 2
    assert place in (address(held), address(f(**fed(9))))


def test_what_is_held_keeps_its_content() -> None:
    f = product()
    row, turned = f(**fed(0))[3], f(**fed(1)).T
    for seed in range(2, 6):
        f(**fed(seed))
    np.testing.assert_array_equal(row, wanted(0)[3])
    np.testing.assert_array_equal(turned, wanted(1).T)


def test_what_a_caller_does_to_a_result_disturbs_no_later_call() -> None:
    f = product()
    for seed in range(4):
        result = f(**fed(seed))
        np.testing.assert_array_equal(result, wanted(seed))
        result[...] = np.nan
        result.shape = (N // 2, 2 * N)
        result.flags.writeable = False
        with pytest.raises(ValueError, match="does not own its data"):
            result.resize((1,), refcheck=False)
        if seed % 2:
            del result


def test_a_result_may_be_fed() -> None:
    x = ig.input("x", (N, N), "float64")
    f = ig.compile(ig.sin(x) + x.T)
    ours = theirs = np.random.default_rng(0).normal(size=(N, N))
    for _ in range(6):
        ours, theirs = f(x=ours), np.sin(theirs) + theirs.T
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_out_is_filled_as_ever() -> None:
    f = product()
    held = f(**fed(0))
    out = np.empty((N, N))
    assert f(**fed(1), out=out) is out
    np.testing.assert_array_equal(out, wanted(1))
    assert f(**fed(2), out=held) is held  # its own result
    np.testing.assert_array_equal(held, wanted(2))
    turned = np.empty((N, N)).T
    f(**fed(3), out=turned)
    np.testing.assert_array_equal(turned, wanted(3))
    np.testing.assert_array_equal(out, wanted(1))


def test_other_sizes_have_other_memory() -> None:
    f = product()
    kept = []
    for size in (N, N + 1, N, N + 1, 3):
        x = np.random.default_rng(size).normal(size=size)
        kept.append((f(x=x, y=x + 1), np.multiply.outer(x, x + 1)))
    for found, expected in kept:
        np.testing.assert_array_equal(found, expected)


# -------------------------------------------------------------------------- which outputs they are


def planned(outputs: Any, **options: Any) -> ig.Function:
    return ig.compile(outputs, executor=HandsAll(), **options)


def test_which_outputs_are_handed_over() -> None:
    x = ig.input("x", (4, 6))
    y, wide, w = ig.tanh(x) @ x.T, ig.exp(x), ig.parameter("w", (4, 6), init=2.0)
    cases: list[tuple[list[ig.Value], list[int]]] = [
        ([y, wide], [0, 1]),
        ([y, y], [0]),  # the second is a copy
        ([y.T, y], [1]),
        ([wide[0], wide[:, 1:]], []),  # parts of something bigger
        ([wide.reshape(-1)], [0]),
        ([x], [0]),
        ([x, x * 2.0], [0, 1]),
        ([w, ig.full((3,), 2.0), ig.constant(np.arange(5.0))], []),
        ([ig.stack([wide, ig.sin(x)]), wide], [0]),
        ([x[:0]], []),
    ]
    for outputs, positions in cases:
        f = planned(outputs)
        plan = f.plan()
        assert list(plan.results) == positions, outputs
        check_plan(plan)
        array = np.random.default_rng(1).normal(size=(4, 6)).astype("float32")
        expected = ig.compile(outputs, executor=Copies())(x=array) if "x" in f.graph.inputs else f()
        for _ in range(3):
            results = f(x=array) if "x" in f.graph.inputs else f()
            for found, one in zip(results, expected, strict=True):
                np.testing.assert_array_equal(found, one)
                found[...] = -1  # they share nothing, with each other or with what is kept
        assert all((array == 2).all() for array in f.state.values())


@pytest.mark.parametrize("stored", [False, True])
def test_the_commit_writes_over_no_result(stored: bool) -> None:
    """The new value of a variable is computed from an output that is not read again, or stored as it is."""
    x, w = ig.input("x", (4, 4)), ig.parameter("w", (4, 4), init=1.0)
    v = ig.state("v", (4, 4))
    y = x @ w
    f = planned([y, w], updates=[(w, ig.tanh(y * 2.0) + 1.0), *([(v, y)] if stored else [])])
    assert list(f.plan().results) == [0]
    assert "multiply" in [step.node.op.name for step in f.plan().commit]
    array, weight = np.random.default_rng(2).normal(size=(4, 4)).astype("float32"), np.ones((4, 4), "float32")
    kept: list[tuple[Array, Array]] = []
    for _ in range(5):
        result, before = f(x=array)
        np.testing.assert_allclose(before, weight, rtol=1e-5)
        kept.append((result, array @ weight))
        if stored:
            np.testing.assert_allclose(f.state["v"], array @ weight, rtol=1e-5)
        weight = np.tanh(2 * (array @ weight)) + 1
    for found, expected in kept:
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(200, 230))
@pytest.mark.parametrize("check", [False, True])
def test_random_graphs_give_what_copies_give(seed: int, check: bool) -> None:
    """Five steps with updates, all results held."""
    program = RandomProgram(seed)
    ours, theirs = [program.compile(executor=each, check=check) for each in (HandsAll(), Copies())]
    check_plan(ours.plan())
    assert ours.memory().peak <= theirs.memory().arena + ours.plan().results_nbytes
    kept: list[tuple[Sequence[Array], list[Array]]] = []
    for step in range(5):
        feeds = {name: array * (1 - 0.3 * step) for name, array in program.feeds.items()}
        results = ours(**feeds)
        kept.append((results, [array.copy() for array in results]))
        for one, other in zip(results, theirs(**feeds), strict=True):
            np.testing.assert_array_equal(one, other)
    for results, copies in kept:
        for one, other in zip(results, copies, strict=True):
            np.testing.assert_array_equal(one, other)
    for name, array in theirs.state.items():
        np.testing.assert_array_equal(ours.state[name], array)
    report = ours.memory()
    assert report.peak == report.allocated == report.arena + report.results
    assert report.live_peak <= report.peak


def test_the_contract_holds() -> None:
    conformance(HandsAll(), only="contract").assert_passed()


# ------------------------------------------------------------------------------------ interruptions


def test_exceptions_in_the_middle() -> None:
    x, at = ig.input("x", (N, N), "float64"), ig.input("at", (2,), "int64")
    total = ig.state("total", dtype="float64")
    wide = ig.exp(x)
    f = ig.compile([wide, ig.gather(wide, at)], updates=[(total, total + 1.0)], check=True)
    array = np.random.default_rng(3).normal(size=(N, N))
    first, _ = f(x=array, at=[0, 1])
    for wrong, error in (({"at": [0, N]}, FeedError), ({"x": array * 1e9}, NonFiniteError)):
        for _ in range(3):
            with pytest.raises(error):
                f(**{"x": array + 1, "at": [0, 1]} | wrong)
        np.testing.assert_array_equal(first, np.exp(array))
    second, rows = f(x=array + 1, at=[2, 3])
    np.testing.assert_array_equal(second, np.exp(array + 1))
    np.testing.assert_array_equal(rows, second[2:4])
    np.testing.assert_array_equal(first, np.exp(array))
    assert f.state["total"] == 2


def test_an_interrupt_wherever_python_looks_for_signals() -> None:
    """State and held results are whole after each, and the next step is right."""
    x, w = ig.input("x", (5, 5)), ig.parameter("w", (5, 5), init=1.0)
    y = x @ w
    f = planned([y, ig.tanh(y)], updates=[(w, w * 2.0)])
    array = np.random.default_rng(4).normal(size=(5, 5)).astype("float32")
    held = [f(x=array) for _ in range(3)]
    kept = [[result.copy() for result in results] for results in held]
    f.state["w"] = np.ones((5, 5))
    moments = profiled(lambda: f(x=array), None)
    for n in range(moments):
        held.append(f(x=array))  # so that the next call binds the plan to new memory
        kept.append([result.copy() for result in held[-1]])
        f.state["w"] = np.ones((5, 5))
        with pytest.raises(KeyboardInterrupt):
            profiled(lambda: f(x=array), n)
        assert np.unique(f.state["w"]).tolist() in ([1.0], [2.0])
        f.state["w"] = np.ones((5, 5))
    assert moments > 50
    for results, copies in zip(held, kept, strict=True):
        np.testing.assert_array_equal(results, copies)
    for results in held[4:]:
        np.testing.assert_array_equal(results, held[0])


# ------------------------------------------------------------------------------------------ memory


def test_the_report_tells_results_apart() -> None:
    f = product()
    f(**fed())
    report = f.memory()
    assert report.results == 8 * N * N
    assert report.arena < 8 * N * N
    assert report.arena + report.results == report.peak == report.allocated
    assert f.memory(n=N).peak == report.peak
    assert f" + results {8 * N * N / KIB**2:.1f} MiB = " in str(report)
    assert "+ results" not in str(f.memory(n=3))


def test_steady_steps_allocate_what_is_held() -> None:
    f, feeds = product(), fed()
    one = 8 * N * N
    f(**feeds)
    assert allocated_beyond(lambda: f(**feeds)) < BUFFERED
    kept: list[Array] = []
    f, out = product(), np.empty((N, N))
    f(**feeds)
    assert allocated_beyond(lambda: f(**feeds, out=out)) < BUFFERED
    assert one <= allocated_beyond(lambda: kept.append(f(**feeds))) < one + BUFFERED + 64 * KIB
    kept[:] = kept[-1:]

    def replace() -> None:
        kept[0] = f(**feeds)

    assert allocated_beyond(replace) < BUFFERED


def test_a_stack_of_rows_is_computed_in_the_result() -> None:
    x = ig.input("x", (N,), "float64")
    f = ig.compile(ig.stack([ig.sin(x * float(n)) for n in range(N)]))
    plan = f.plan()
    assert list(plan.results) == [0]
    assert plan.results[0].parts == N
    assert plan.arena_nbytes < 16 * N * 8
    a = np.random.default_rng(5).normal(size=N)
    kept = [f(x=a * scale) for scale in range(3)]
    for scale, found in enumerate(kept):
        np.testing.assert_allclose(found, np.sin(np.multiply.outer(np.arange(N), a * scale)), atol=1e-12)


def test_numpy_keeps_results_by_their_views() -> None:
    """Without it outputs would be copied, and these tests fail."""
    assert views_keep_results()
    assert NumpyExecutor.hands_over == 2**20
