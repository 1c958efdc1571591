"""Executors come in by the front door: entry points, the protocol, and a stranger's package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExecutorError, FeedError, NonFiniteError
from irgraph.executor import GROUP, find_executor
from irgraph.ops.indexing import CheckIndex
from irgraph.ops.shape import Reshape

PLUGIN = Path(__file__).parent / "executors" / "plugin"


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """Executors that a test brings in are not known to the next."""
    find_executor.cache_clear()
    yield
    find_executor.cache_clear()


@pytest.fixture
def _naive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `pip install naive-executor` had been run."""
    monkeypatch.syspath_prepend(str(PLUGIN))


def install(folder: Path, package: str, entries: str, source: str = "") -> None:
    """Put a package with entry points into a folder, as pip does."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")
    (folder / f"{package}.py").write_text(source)


# --------------------------------------------------------------------------------- finding them


def test_the_default_is_an_ordinary_provider() -> None:
    assert find_executor("numpy").name == "numpy"
    assert find_executor("numpy") is find_executor("numpy")


@pytest.mark.usefixtures("_naive")
def test_unknown_names_list_what_is_installed() -> None:
    with pytest.raises(
        ExecutorError, match=r"found executor 'abacus'; needed an installed one: .*naive.*numpy"
    ):
        find_executor("abacus")


def test_a_failing_import_is_chained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "broken_executor", "broken = broken_executor:Executor", "import no_such_driver\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        ExecutorError, match=r"'broken' \(broken_executor:Executor\), whose import failed"
    ) as caught:
        ig.compile(ig.input("x"), executor="broken")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "no_such_driver" in str(caught.value.__cause__)
    assert ig.compile(ig.input("x"))(x=1.0) == 1.0


def test_two_providers_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "first_executor", "fast = first_executor:Executor")
    install(tmp_path, "second_executor", "fast = second_executor:Executor")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ExecutorError) as caught:
        find_executor("fast")
    says = str(caught.value)
    assert "two providers of executor 'fast'" in says
    assert "first_executor:Executor" in says
    assert "second_executor:Executor" in says
    assert "Remove one." in says


def test_one_provider_found_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an editable install beside an ordinary one."""
    install(tmp_path, "irgraph_copy", "numpy = irgraph_numpy:NumpyExecutor")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_executor("numpy").name == "numpy"


# ------------------------------------------------------------------------------ a stranger's own


def classifier(width: int = 16) -> tuple[ig.Value, ig.Value]:
    """The loss and the predictions of a small MLP."""
    x, label = ig.input("x", ("batch", 8)), ig.input("label", ("batch",), "int64")
    w = ig.parameter("0.w", (8, width), init=ig.init.glorot_uniform())
    hidden = ig.tanh(x @ w + ig.parameter("0.b", (width,)))
    hidden = ig.relu(hidden @ ig.parameter("1.w", (width, width), init=ig.init.he_normal()))
    logits = hidden @ ig.parameter("2.w", (width, 4), init=ig.init.glorot_uniform())
    return ig.losses.softmax_cross_entropy(logits, label), logits


def batches(count: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(3)
    for n in range(count):
        size = 12 if n % 3 else 7
        yield {"x": rng.normal(size=(size, 8)).astype("float32"), "label": rng.integers(0, 4, size)}


OPTIMIZERS = [ig.optim.SGD(0.1, momentum=0.9, nesterov=True), ig.optim.Adam(0.01)]


@pytest.mark.usefixtures("_naive")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["nesterov", "adam"])
def test_a_stranger_trains_as_numpy_does(optimizer: ig.optim.Optimizer) -> None:
    loss, logits = classifier()
    updates = optimizer.minimize(loss)
    numpy = ig.compile([loss, logits], updates=updates, seed=7)
    naive = ig.compile([loss, logits], updates=updates, seed=7, executor="naive", verify=True)
    assert naive.executor.name == "naive"
    for feeds in batches(20):
        for ours, theirs in zip(numpy(**feeds), naive(**feeds), strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=2e-4, atol=1e-5)
    for name, array in numpy.state.items():
        np.testing.assert_allclose(naive.state[name], array, rtol=2e-4, atol=1e-5)
    report = naive.memory()
    assert report.allocated is not None
    assert report.allocated >= report.arena > 0


@pytest.mark.usefixtures("_naive")
def test_a_stranger_swaps_state() -> None:
    a, b = ig.state("a", (2, 3), init=1.0), ig.state("b", (3, 2), init=2.0)
    f = ig.compile([a, b.T + 0.0], updates=[(a, b.T), (b, a.T)], executor="naive")
    np.testing.assert_array_equal(f(), [np.full((2, 3), 1.0), np.full((2, 3), 2.0)])
    assert f.state["a"].tolist() == [[2.0] * 3] * 2
    assert f.state["b"].tolist() == [[1.0] * 2] * 3


@pytest.mark.usefixtures("_naive")
def test_a_strangers_failures_leave_the_state() -> None:
    loss, _ = classifier()
    f = ig.compile(loss, updates=ig.optim.Adam().minimize(loss), executor="naive", check=True)
    feeds = next(batches(1))
    f(**feeds)
    before = {name: array.tobytes() for name, array in f.state.items()}
    with pytest.raises(FeedError, match="an index that is not among 0 to 3"):
        f(**feeds | {"label": feeds["label"] + 4})
    with pytest.raises(NonFiniteError, match="not finite in a feed of x"):
        f(**feeds | {"x": feeds["x"] * np.inf})
    assert {name: array.tobytes() for name, array in f.state.items()} == before


@pytest.mark.usefixtures("_naive")
def test_missing_kernels_are_named_with_the_users_line() -> None:
    x = ig.input("x", (3,))
    with pytest.raises(ExecutorError) as caught:
        ig.compile([ig.cumsum(x), ig.sin(x), ig.cos(x), x.T], executor="naive")
    assert "no kernels for cos, cumsum, sin in executor 'naive'" in str(caught.value)
    assert f"{__file__}:" in str(caught.value)


@pytest.mark.usefixtures("_naive")
def test_views_need_no_kernel_but_reshapes_and_checks_do(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ig.input("x", (2, 6), "float64")
    part = ig.broadcast_to(ig.stop_gradient(x.T[::2]), (4, 3, 2))
    f = ig.compile(part.reshape(2, 12), executor="naive")
    array = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(f(x=array), np.broadcast_to(array.T[::2], (4, 3, 2)).reshape(2, 12))
    kernels = vars(sys.modules[type(find_executor("naive")).__module__])["KERNELS"]
    for op, use in ((Reshape, x.reshape(12)), (CheckIndex, ig.gather(x, ig.input("at", (1,), "int64")))):
        with monkeypatch.context() as patch:
            patch.delitem(kernels, op)
            with pytest.raises(ExecutorError, match=f"no kernels for {op.name} in executor 'naive'"):
                ig.compile(use, executor="naive")


@pytest.mark.usefixtures("_naive")
def test_an_executor_may_be_passed_itself() -> None:
    assert ig.compile(ig.input("x") * 2.0, executor=find_executor("naive"))(x=3.0) == 6.0
