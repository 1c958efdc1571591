"""The kernels of the GPU executor: none is missing, and all compute what NumPy computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import ExecutorError, FeedError
from irgraph.op import OPS, Op
from irgraph.testing import CASES, Case, assert_close
from irgraph_cupy import KERNELS, NOT_YET, CupyExecutor
from irgraph_cupy.scalars import EXPRESSIONS
from tests.cuda_shim import compiler, fake_cupy
from tests.cuda_shim.sources import AWKWARD, cupy_doubled, preload

needs_gxx = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


@pytest.fixture
def executor() -> Iterator[CupyExecutor]:
    preload()
    with cupy_doubled():
        yield CupyExecutor()


# --------------------------------------------------------------------------------------- complete

PRIMITIVES = [
    op
    for op in OPS.values()
    if op.__module__.startswith("irgraph.")
    and op.name != "placeholder"
    and not (op.source or op.view_only or op.expand is not Op.expand)
]


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: str(op.name))
def test_every_primitive_has_a_kernel(op: type[Op]) -> None:
    where = (
        "a C expression in executors/irgraph_cupy/scalars.py (EXPRESSIONS)"
        if op.elementwise
        else "a kernel in executors/irgraph_cupy/table.py (docs/cupy.md, 'Adding a kernel')"
    )
    assert (op in KERNELS) != (op.name in NOT_YET), (
        f"{op.name} needs a kernel on the GPU or an expand(): write {where}. If it must wait, name it, with "
        "the reason, in NOT_YET of executors/irgraph_cupy/table.py; take it out there once it has a kernel."
    )


def test_the_printer_knows_every_elementwise_primitive() -> None:
    missing = {op.name for op in PRIMITIVES if op.elementwise} - {op.name for op in EXPRESSIONS} - {*NOT_YET}
    assert not missing, f"no C expression for {missing} in executors/irgraph_cupy/scalars.py"


def test_missing_kernels_are_named_at_once(executor: CupyExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tanh", "cumsum"):
        monkeypatch.delitem(KERNELS, OPS[name])
    x = ig.input("x", (3,))
    with pytest.raises(ExecutorError, match="no kernels for cumsum, tanh in executor 'cupy'"):
        ig.compile([ig.tanh(x), ig.cumsum(x)], executor=executor)


# ----------------------------------------------------------------------------------------- values


REAL = [case for case in CASES if not case.is_complex]


@needs_gxx
@pytest.mark.parametrize("case", REAL, ids=str)
def test_value_is_the_oracle(case: Case, executor: CupyExecutor) -> None:
    for dtype in set(case.dtypes) & {"float32", "float64"}:
        graph = case.build_graph(dtype)
        arrays = case.sample(np.random.default_rng(1), dtype)
        results = run(list(graph.outputs), arrays, executor)
        for value, found, wanted in zip(graph.outputs, results, case.expected(arrays), strict=True):
            assert_close(found, wanted, TOLERANCE[dtype], value)


@needs_gxx
@pytest.mark.parametrize("case", [case for case in REAL if case.names], ids=str)
def test_awkward_sizes_give_what_numpy_gives(case: Case, executor: CupyExecutor) -> None:
    outputs = list(case.build_graph(named=True).outputs)
    for sizes in AWKWARD:
        arrays = case.sample(np.random.default_rng(2), None, sizes)
        try:
            wanted = run(outputs, arrays, "numpy")
        except FeedError:  # a slice that is never clipped, the maximum of nothing
            continue
        for found, each in zip(run(outputs, arrays, executor), wanted, strict=True):
            assert_close(found, each, TOLERANCE["float32"])


def run(outputs: list[ig.Value], arrays: dict[str, Any], executor: str | CupyExecutor) -> list[Any]:
    try:
        function = ig.compile(outputs, executor=executor)
    except ExecutorError as error:
        missing = [name for name in NOT_YET if name in str(error)]
        if not missing:
            raise
        pytest.skip(f"no kernel on the GPU yet: {', '.join(missing)}")
    feeds = {name: array for name, array in arrays.items() if name in function.graph.inputs}
    return [function.executor.to_host(array) for array in function(**feeds)]


def test_complex_numbers_are_refused(executor: CupyExecutor) -> None:
    x = ig.input("x", (2,), "complex64")
    with pytest.raises(ExecutorError, match="found an array of complex64 on the GPU; needed one of"):
        ig.compile(x * x, executor=executor)(x=np.ones(2, "complex64"))


@needs_gxx
def test_random_words_are_those_of_numpy(executor: CupyExecutor) -> None:
    outputs = [ig.random_uniform((999,), name="u"), ig.random_normal((5, 7), name="n", dtype="float64")]
    ours, theirs = (ig.compile(outputs, seed=3, executor=each) for each in (executor, "numpy"))
    for _ in range(3):
        (uniform, normal), (uniform_too, normal_too) = ours(), theirs()
        np.testing.assert_array_equal(uniform.get(), uniform_too)
        np.testing.assert_allclose(normal.get(), normal_too, rtol=1e-14)


@needs_gxx
@pytest.mark.parametrize("reverse", [False, True])
def test_a_check_within_a_loop_names_what_failed_first(reverse: bool, executor: CupyExecutor) -> None:
    index, table = ig.input("i", ("n",), "int64"), ig.input("table", (3, 2))
    total, rows = ig.scan(lambda s, i: (s + ig.gather(table, i),) * 2, ig.zeros((2,)), index, reverse=reverse)
    f = ig.compile([total, rows], executor=executor)
    found = [f.executor.to_host(each) for each in f(i=[0, 2, 1], table=np.arange(6.0).reshape(3, 2))]
    np.testing.assert_array_equal(found[0], [6, 9])
    np.testing.assert_array_equal(found[1][0 if reverse else -1], [6, 9])
    with pytest.raises(FeedError, match=f"the index {7 if reverse else 5} at"):
        f(i=[0, 5, 7], table=np.ones((3, 2)))


# --------------------------------------------------------------------------------------- products


@needs_gxx
def test_float32_products_are_strict_unless_asked_otherwise(executor: CupyExecutor) -> None:
    a, b = ig.input("a", (3, 4)), ig.input("b", (4, 2))
    ones = {"a": np.ones((3, 4), "f"), "b": np.ones((4, 2), "f")}
    for runner, compute in ((executor, 68), (CupyExecutor(tf32=True), 77)):
        fake_cupy.computed.clear()
        ig.compile(a @ b, executor=runner)(**ones)
        assert fake_cupy.computed == [compute]


@needs_gxx
def test_a_product_of_a_batch_is_one_call_where_steps_are_common(executor: CupyExecutor) -> None:
    rng = np.random.default_rng(0)
    a, b = ig.input("a", (2, 3, 4, 5), "float64"), ig.input("b", (3, 5, 6), "float64")
    w = ig.input("w", (5, 6), "float64")
    arrays = {
        "a": rng.normal(size=(2, 3, 4, 5)),
        "b": rng.normal(size=(3, 5, 6)),
        "w": rng.normal(size=(5, 6)),
    }
    cases = [
        (a @ w, 1), (a @ b, 2), (ig.transpose(a, (0, 1, 3, 2)) @ (a @ w), 2), (a @ w.T.T, 1),
        (w.T @ ig.transpose(a, (0, 1, 3, 2)), 1),
        (a[:, :, ::-1] @ w, 1), (a[:, :, :, ::-1] @ w[::-1], 1), (a[:, :1, :1] @ b, 2), (a[:, ::2] @ w, 2),
    ]  # fmt: skip
    for value, calls in cases:
        wanted = run([value], arrays, "numpy")[0]
        fake_cupy.computed.clear()
        assert_close(run([value], arrays, executor)[0], wanted, 1e-13)
        assert len(fake_cupy.computed) <= calls, value
