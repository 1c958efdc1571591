"""What only a device can show. `make gpu` runs this; elsewhere it is skipped."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DeviceMemoryError, ExecutorError, FeedError, NumericalError
from irgraph.testing.report import Check
from irgraph.testing.suite import conformance, conformance_checks
from irgraph_cupy import CupyExecutor
from tests.cuda_shim.sources import sources

REPORT = "IRGRAPH_GPU_REPORT"
"""The name of an environment variable: where to write what was found, as JSON."""


def found() -> tuple[CupyExecutor | None, str]:
    """The executor, or why there is none."""
    try:
        return CupyExecutor(), ""
    except ExecutorError as error:
        return None, str(error).partition("\n")[0]


EXECUTOR, WHY_NOT = found()
pytestmark = pytest.mark.skipif(EXECUTOR is None, reason=f"needs a GPU: {WHY_NOT}")
CHECKS: list[Check] = [] if EXECUTOR is None else conformance_checks(EXECUTOR)


@pytest.fixture
def executor() -> CupyExecutor:
    assert EXECUTOR is not None
    return EXECUTOR


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """All kernels in one go, for most of the time would go into compiling them one by one."""
    if EXECUTOR is not None:
        EXECUTOR.precompile(sources().values())


@pytest.mark.parametrize("check", CHECKS or [None], ids=str)
def test_conformance(check: Check) -> None:
    check()


def network(seed: int = 0, executor: Any = "numpy") -> ig.Function:
    """A step of a convolutional network with an embedding, dropout, pooling and Adam."""
    image, words = ig.input("image", ("batch", 1, 12, 12)), ig.input("words", ("batch", 5), "int64")
    label = ig.input("label", ("batch",), "int64")
    kernel = ig.parameter("conv.w", (8, 1, 3, 3), init=ig.init.he_normal())
    hidden = ig.max_pool(ig.relu(ig.conv(image, kernel, padding=1)), 2).reshape("batch", 8 * 36)
    table = ig.parameter("table", (1000, 16), init=ig.init.glorot_normal())
    hidden = hidden @ ig.parameter("0.w", (288, 32), init=ig.init.he_normal())
    hidden = ig.tanh(hidden) + ig.gather(table, words).mean(axis=1) @ ig.parameter(
        "1.w", (16, 32), init=ig.init.glorot_normal()
    )
    hidden = ig.dropout(hidden, 0.1, name="drop")
    logits = hidden @ ig.parameter("2.w", (32, 10), init=ig.init.glorot_uniform())
    loss = ig.losses.softmax_cross_entropy(logits, label)
    return ig.compile(loss, updates=ig.optim.Adam(0.001).minimize(loss), seed=seed, executor=executor)


def batches(count: int, size: int = 64) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield {
            "image": rng.normal(size=(size, 1, 12, 12)).astype("float32"),
            "words": rng.integers(0, 1000, (size, 5)),
            "label": rng.integers(0, 10, size),
        }


def test_200_steps_are_those_of_numpy(executor: CupyExecutor) -> None:
    ours, theirs = network(executor=executor), network()
    for feeds in batches(200):
        found, wanted = float(ours(**feeds)), float(theirs(**feeds))
        assert found == pytest.approx(wanted, rel=1e-2, abs=1e-3)
    assert ours.state["drop/step"] == theirs.state["drop/step"] == 200


def test_a_run_repeats_bit_for_bit(executor: CupyExecutor) -> None:
    def trained() -> dict[str, bytes]:
        step = network(executor=executor)
        for feeds in batches(20):
            step(**feeds)
        return {name: array.tobytes() for name, array in step.state.items()}

    assert trained() == trained()


def test_random_words_are_those_of_numpy(executor: CupyExecutor) -> None:
    noise = ig.random_uniform((1_000_003,), name="noise", dtype="float64")
    ours, theirs = ig.compile(noise, seed=5, executor=executor), ig.compile(noise, seed=5)
    for _ in range(2):
        np.testing.assert_array_equal(ours().get(), theirs())


def test_a_failed_check_leaves_the_state_and_the_device(executor: CupyExecutor) -> None:
    step, (good, bad) = network(executor=executor), list(batches(2))
    step(**good)
    before = {name: array.tobytes() for name, array in step.state.items()}
    bad["words"][3, 1] = 10**12
    with pytest.raises(FeedError, match=r"found the index 1000000000000 at \[3, 1\] of words"):
        step(**bad)
    assert {name: array.tobytes() for name, array in step.state.items()} == before
    step(**good)


@pytest.mark.parametrize("n", [3, 300])
def test_a_matrix_without_a_result_is_named(executor: CupyExecutor, n: int) -> None:
    """By cuBLAS for small matrices, by cuSOLVER for a large one."""
    a, count = ig.input("a", (1, n, n), "float64"), ig.state("count", (), "float64", init=ig.init.zeros())
    singular = np.eye(n)[None].copy()
    singular[0, 2, 2] = 0
    for function, wrong, found in (
        (ig.linalg.inv, singular, "a singular matrix at [0] of a"),
        (ig.linalg.cholesky, -singular, "a matrix that is not positive definite at [0]"),
        (
            lambda x: ig.linalg.triangular_solve(x, np.ones((n, 1))),
            singular,
            "a 0 on its diagonal at [0] of a",
        ),
        (lambda x: ig.linalg.eigh(x).eigenvalues, singular * np.nan, "a matrix with NaN or infinity at [0]"),
    ):
        step = ig.compile(function(a), updates=[(count, count + 1.0)], executor=executor)
        with pytest.raises(NumericalError, match=re.escape(found)):
            step(a=wrong)
        assert step.state["count"] == 0
        assert np.isfinite(step(a=np.eye(n)[None]).get()).all()


def test_too_large_a_step_is_refused_with_both_numbers(executor: CupyExecutor) -> None:
    x = ig.input("x", ("n",), "float64")
    f = ig.compile(ig.cumsum(ig.broadcast_to(x, (1 << 40, "n")), axis=0).sum(), executor=executor)
    with pytest.raises(DeviceMemoryError, match=r"found [\d,]+ bytes free on the device; needed [\d,]+"):
        f(x=np.ones(4))


def test_float32_products_are_strict(executor: CupyExecutor) -> None:
    """TF32 keeps ten bits of the mantissa: the errors of the two lie a factor of 1000 apart."""
    a, b = ig.input("a", (512, 512)), ig.input("b", (512, 512))
    rng = np.random.default_rng(0)
    feeds = {name: rng.uniform(0.5, 1, (512, 512)).astype("float32") for name in "ab"}
    wanted = feeds["a"].astype("float64") @ feeds["b"].astype("float64")
    error = np.abs(ig.compile(a @ b, executor=executor)(**feeds).get() / wanted - 1).max()
    assert error < 3e-6
    loose = np.abs(ig.compile(a @ b, executor=CupyExecutor(tf32=True))(**feeds).get() / wanted - 1).max()
    assert loose < 3e-3


def test_the_report(executor: CupyExecutor) -> None:
    """The time of a step, and where it is asked for, all that was found as a file."""
    cupy = import_module("cupy")
    step, feeds = network(executor=executor), next(iter(batches(1, 256)))
    times = []
    for _ in range(50):
        cupy.cuda.get_current_stream().synchronize()
        start = time.perf_counter()
        step(**feeds)
        cupy.cuda.get_current_stream().synchronize()
        times.append(time.perf_counter() - start)
    median = sorted(times)[len(times) // 2]
    assert median < 1
    if os.environ.get(REPORT):
        write_report(executor, cupy, median)


def write_report(executor: CupyExecutor, cupy: Any, seconds: float) -> None:
    """The conformance report with device, versions and the time of a step."""
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    facts = {
        "device": properties["name"].decode(),
        "compute_capability": cupy.cuda.Device().compute_capability,
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "irgraph": ig.__version__,
        "python": platform.python_version(),
        "seconds_of_a_convolutional_step_of_256": seconds,
    }
    report = conformance(executor)
    outcomes = [vars(outcome) for outcome in report.outcomes]
    path = Path(os.environ[REPORT])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, "outcomes": outcomes}, indent=1) + "\n")
    report.assert_passed()
