"""The GPU executor on a double of CuPy, where g++ compiles the same kernels for the CPU."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_stack
from types import FrameType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DeviceMemoryError, ExecutorError, FeedError, NonFiniteError
from irgraph.executor import find_executor
from irgraph.testing.suite import conformance
from irgraph_cupy import CupyExecutor
from tests.cuda_shim import compiler, fake_cupy
from tests.cuda_shim.sources import cupy_doubled, preload
from tests.test_optim_reference import OPTIMIZERS, SCHEDULES
from tests.test_optim_reference import feeds as gradients
from tests.test_optim_reference import training as descent

needs_gxx = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


@pytest.fixture
def executor() -> Iterator[CupyExecutor]:
    preload()
    with cupy_doubled():
        yield CupyExecutor()


# ------------------------------------------------------------------------------------------ steps

ROWS = 40


def model() -> ig.Value:
    """The loss of a small network with an embedding, whose gradient is a scatter_add, and dropout."""
    words, label = ig.input("words", ("batch", 9), "int64"), ig.input("label", ("batch",), "int64")
    table = ig.parameter("table", (ROWS, 6), init=ig.init.glorot_uniform())
    hidden = ig.gather(table, words).mean(axis=1)
    hidden = ig.tanh(hidden @ ig.parameter("0.w", (6, 8), init=ig.init.glorot_uniform()))
    hidden = ig.dropout(hidden, 0.2, name="drop") + ig.parameter("0.b", (8,))
    return ig.losses.softmax_cross_entropy(
        hidden @ ig.parameter("1.w", (8, 4), init=ig.init.glorot_normal()), label
    )


def feeds(batch: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"words": rng.integers(0, ROWS, (batch, 9)), "label": rng.integers(0, 4, batch)}


def training(executor: str | CupyExecutor, **options: Any) -> ig.Function:
    loss = model()
    return ig.compile(loss, updates=ig.optim.Adam(0.01).minimize(loss), executor=executor, **options)


def content(step: ig.Function) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in step.state.items()}


@needs_gxx
def test_training_is_that_of_numpy(executor: CupyExecutor) -> None:
    ours, theirs = training(executor), training("numpy")
    for n in range(20):
        batch = feeds(33 if n % 4 else 50, n)
        assert float(ours(**batch)) == pytest.approx(float(theirs(**batch)), rel=1e-4)
    for name, array in theirs.state.items():
        np.testing.assert_allclose(ours.state[name], array, rtol=1e-3, atol=1e-5)


@needs_gxx
def test_a_step_repeats_bit_for_bit(executor: CupyExecutor) -> None:
    """In whichever order the threads run."""

    def trained(descending: bool) -> dict[str, bytes]:
        step = training(executor)
        for function in fake_cupy.functions.values():
            function.descending = descending
        try:
            for n in range(3):
                step(**feeds(50, n))
        finally:
            for function in fake_cupy.functions.values():
                function.descending = False
        return content(step)

    assert trained(descending=False) == trained(descending=True)


@needs_gxx
@pytest.mark.parametrize("executor_check", [False, True])
def test_failed_checks_say_what_numpy_says(executor: CupyExecutor, executor_check: bool) -> None:
    ours, theirs = (training(each, check=executor_check) for each in (executor, "numpy"))
    good = feeds(12)
    bad = feeds(12)
    bad["words"][7, 3], bad["words"][8, 0], bad["label"][5] = ROWS, -2, 4
    ours(**good), theirs(**good)
    before = content(ours)
    for failing in (bad, bad | {"words": good["words"]}):
        with pytest.raises(FeedError) as found:
            ours(**failing)
        with pytest.raises(FeedError) as wanted:
            theirs(**failing)
        assert str(found.value) == str(wanted.value)
        assert content(ours) == before
    np.testing.assert_allclose(float(ours(**good)), float(theirs(**good)), rtol=1e-5)


@needs_gxx
def test_what_is_not_finite_is_found_where_numpy_finds_it(executor: CupyExecutor) -> None:
    x, w = ig.input("x", (2, 3)), ig.parameter("w", (3,), init=2.0)
    y = ig.log(x) * w
    ours, theirs = (
        ig.compile(y, updates=[(w, w + 1.0)], check=True, executor=e) for e in (executor, "numpy")
    )
    for fed in ([[1, 2, 3], [4, 0, -1]], [[1, np.inf, 3], [4, np.nan, 6]]):
        with pytest.raises(NonFiniteError) as found:
            ours(x=np.array(fed, "f"))
        with pytest.raises(NonFiniteError) as wanted:
            theirs(x=np.array(fed, "f"))
        assert str(found.value) == str(wanted.value)
        assert ours.state["w"].tolist() == [2, 2, 2]
    assert ours(x=np.ones((2, 3), "f")).get().tolist() == [[0] * 3] * 2
    assert ours.state["w"].tolist() == [3, 3, 3]


@needs_gxx
def test_an_interrupt_wherever_the_host_looks_for_signals(executor: CupyExecutor) -> None:
    """Of the host's own code: what CuPy does natively is here a function of Python, where none is raised."""
    step, batch = training(executor), feeds(12)
    step(**batch)
    start = {name: step.state[name] for name in step.state}
    before = content(step)
    moments = interrupted(step, batch, None)
    after = content(step)
    left = []
    for n in range(moments):
        step.state.update(start)
        with pytest.raises(KeyboardInterrupt):
            interrupted(step, batch, n)
        left.append(content(step))
    assert all(each in (before, after) for each in left)
    assert before in left
    assert after in left


def interrupted(step: ig.Function, batch: dict[str, Any], moment: int | None) -> int:
    """Make a step; the number of moments, at one of which KeyboardInterrupt is raised."""
    seen = 0
    double = str(Path(fake_cupy.__file__).parent)

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal seen
        native = any(each.f_code.co_filename.startswith(double) for each, _ in walk_stack(frame))
        if event in ("call", "c_return") and not native and frame.f_code is not interrupted.__code__:
            seen += 1
            if seen - 1 == moment:
                raise KeyboardInterrupt

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        step(**batch)
    finally:
        sys.setprofile(former)
    return seen


@needs_gxx
def test_a_tap_sees_a_failing_step_once(executor: CupyExecutor) -> None:
    """Although the device repeats the step to find the error."""
    seen: list[Any] = []
    x, index = ig.input("x", (3,)), ig.input("index", (2,), "int64")
    f = ig.compile(ig.gather(ig.tap(x * 2.0, seen.append), index), executor=executor)
    assert f(x=[1.0, 2.0, 3.0], index=[0, 2]).get().tolist() == [2, 6]
    with pytest.raises(FeedError, match=r"found the index 3 at \[1\] of index"):
        f(x=[1.0, 2.0, 3.0], index=[0, 3])
    assert [each.tolist() for each in seen] == [[2, 4, 6]] * 2


@needs_gxx
def test_the_contract_is_kept(executor: CupyExecutor) -> None:
    conformance(executor, only="contract:").assert_passed()


@needs_gxx
@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_optimizers_and_schedules_are_those_of_numpy(name: str, executor: CupyExecutor) -> None:
    optimizer = OPTIMIZERS[name] if name in OPTIMIZERS else ig.optim.SGD(SCHEDULES[name])
    here, there = (descent(optimizer, "float32", on) for on in ("numpy", executor))
    for t in range(3):
        here(**gradients(t, "float32"))
        there(**gradients(t, "float32"))
    for key in here.state:
        np.testing.assert_allclose(there.state[key], here.state[key], 1e-6, 1e-6, err_msg=key)


# --------------------------------------------------------------------------------- feeds and results


@needs_gxx
def test_feeds_on_the_device_are_read_there(executor: CupyExecutor) -> None:
    x = ig.input("x", ("n", 3))
    double = ig.compile(x * 2.0, executor=executor)
    array = np.arange(6, dtype="f").reshape(2, 3)
    on_device = executor.to_device(array)
    stranger = SimpleNamespace(
        __cuda_array_interface__=on_device.__cuda_array_interface__, shape=(2, 3), dtype="torch.float32"
    )
    for fed in (array, array.astype("float64"), on_device, executor.to_device(array.astype("d")), stranger):
        for _ in range(2):
            assert double(x=fed).get().tolist() == (array * 2).tolist()
    transposed = executor.to_device(array.T)
    with pytest.raises(FeedError, match=r"found shape \(3, 2\) for input 'x'; needed shape \(n, 3\)"):
        double(x=transposed)
    with pytest.raises(FeedError, match=r"dtype int64 on the device for input 'x'; needed float32"):
        double(x=executor.to_device(np.ones((2, 3), int)))
    with pytest.raises(FeedError, match="a ndarray that is no array for input 'x'"):
        ig.compile(x * 2.0)(x=on_device)


@needs_gxx
def test_results_stay_on_the_device(executor: CupyExecutor) -> None:
    x = ig.input("x", ("n",))
    function = ig.compile({"a": x + 1.0, "b": x.sum()}, executor=executor)
    results = function(x=[1.0, 2.0])
    assert isinstance(results["a"], fake_cupy.ndarray)
    assert results["a"].get().tolist() == [2, 3]
    out = {"a": executor.to_device(np.zeros(2, "f")), "b": executor.to_device(np.zeros((), "f"))}
    again = function(x=[5.0, 6.0], out=out)
    assert again["a"] is out["a"]
    assert out["a"].get().tolist() == [6, 7]
    assert float(out["b"]) == 11
    assert results["a"].get().tolist() == [2, 3]
    with pytest.raises(FeedError, match="read-only or share memory"):
        ig.compile([x + 1.0, x * 2.0], executor=executor)(x=[1.0, 2.0], out=[out["a"], out["a"]])


# ------------------------------------------------------------------------------------------ memory


@needs_gxx
def test_too_large_a_step_is_refused_before_it_runs(
    executor: CupyExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = training(executor)
    step(**feeds(12))
    before = content(step)
    monkeypatch.setattr(fake_cupy.cuda.runtime, "memGetInfo", lambda: (20_000, 1 << 30))
    with pytest.raises(
        DeviceMemoryError, match=r"found 20,000 bytes free on the device; needed [\d,]+ for one"
    ):
        step(**feeds(500))
    assert content(step) == before
    step(**feeds(12))
    assert content(step) != before


@needs_gxx
def test_cupys_own_error_of_memory_becomes_ours(
    executor: CupyExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_cupy, "FREE", 10_000)
    step = training(executor)
    monkeypatch.setattr(fake_cupy, "FREE", 100)
    with pytest.raises(DeviceMemoryError, match=r"found [\d,]+ bytes free on the device; needed"):
        step(**feeds(12))


@needs_gxx
def test_memory_is_as_planned(executor: CupyExecutor) -> None:
    step = training(executor)
    step(**feeds(12))
    report = step.memory()
    assert report.allocated is not None
    assert report.allocated >= report.arena > 0


# ----------------------------------------------------------------------------------------- finding


def test_without_cupy_the_message_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ExecutorError) as caught:
        CupyExecutor()
    says = str(caught.value)
    assert "needed CuPy and an NVIDIA device for executor 'cupy'" in says
    assert 'pip install "irgraph[cuda13]"' in says


def test_without_a_device_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise RuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(fake_cupy.cuda.runtime, "getDeviceCount", fail)
    with cupy_doubled(), pytest.raises(ExecutorError, match=r"no device \(cudaErrorInsufficientDriver\)"):
        CupyExecutor()
    monkeypatch.setattr(fake_cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    with cupy_doubled(), pytest.raises(ExecutorError, match=r"found CuPy 14.* but no device; needed"):
        CupyExecutor()


def test_it_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the project registers it, whether or not it was installed since it does."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["irgraph.executors"]
    info = tmp_path / "irgraph_again-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: irgraph_again\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[irgraph.executors]", *lines]))
    monkeypatch.syspath_prepend(str(tmp_path))
    find_executor.cache_clear()
    try:
        with cupy_doubled():
            assert isinstance(find_executor("cupy"), CupyExecutor)
        find_executor.cache_clear()
        monkeypatch.setitem(sys.modules, "cupy", None)
        with pytest.raises(ExecutorError, match="found no package 'cupy'; needed CuPy"):
            ig.compile(ig.input("x"), executor="cupy")
    finally:
        find_executor.cache_clear()
