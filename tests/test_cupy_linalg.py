"""Linear algebra of the GPU executor on the double: what NumPy refuses is refused, with its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DeviceMemoryError, ExecutorError, NumericalError
from irgraph.testing import assert_close
from irgraph_cupy import CupyExecutor
from irgraph_cupy.libraries import library
from tests.cuda_shim import compiler, fake_cupy, fake_solver
from tests.cuda_shim.sources import cupy_doubled, preload
from tests.test_linalg import REFUSED

needs_gxx = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")
RNG = np.random.default_rng(0)


@pytest.fixture
def executor() -> Iterator[CupyExecutor]:
    preload()
    with cupy_doubled():
        yield CupyExecutor()


def refused(result: ig.Value, executor: Any, **feeds: Any) -> str:
    """The error of a step that counts its calls in the state, which must not change."""
    count = ig.state("count", (), "float64", init=ig.init.zeros())
    step = ig.compile(result, updates=[(count, count + 1.0)], executor=executor)
    with pytest.raises(NumericalError) as caught:
        step(**feeds)
    assert step.state["count"] == 0
    step(**{name: np.broadcast_to(np.eye(each.shape[-1]), each.shape) for name, each in feeds.items()})
    assert step.state["count"] == 1
    return str(caught.value)


@needs_gxx
@pytest.mark.parametrize("name", REFUSED)
def test_a_matrix_without_a_result_is_named_as_on_numpy(name: str, executor: CupyExecutor) -> None:
    build, array, found, needed = REFUSED[name]
    result = build(ig.input("a", (2, 2, 2), "float64"))
    says = refused(result, executor, a=array)
    assert says == refused(result, "numpy", a=array)
    assert found in says
    assert needed in says


NAN = np.array([np.eye(3), np.full((3, 3), np.nan), np.eye(3)])
OTHERS = {"eigh": lambda a: ig.linalg.eigh(a).eigenvalues, "pinv": ig.linalg.pinv}


@needs_gxx
@pytest.mark.parametrize("name", OTHERS)
def test_nan_is_named_as_on_numpy(name: str, executor: CupyExecutor) -> None:
    result = OTHERS[name](ig.input("a", (3, 1, 3, 3), "float64"))
    says = [refused(result, each, a=NAN[:, None]) for each in (executor, "numpy")]
    assert says[0] == says[1]
    assert "found a matrix with NaN or infinity at [1, 0] of" in says[0]


@needs_gxx
def test_what_lapack_takes_is_not_refused(executor: CupyExecutor) -> None:
    """NaN is no zero pivot; a determinant may be 0."""
    a = ig.input("a", (2, 2, 2), "float64")
    outputs = [ig.linalg.inv(a), ig.linalg.qr(a).R, ig.linalg.cholesky(a)]
    for result in ig.compile(outputs, executor=executor)(a=np.full((2, 2, 2), np.nan)):
        assert np.isnan(result.get()[:, 0, 0]).all()
    singular = ig.compile([ig.linalg.det(a), *ig.linalg.slogdet(a)], executor=executor)
    found = [each.get().tolist() for each in singular(a=[np.eye(2)[::-1], [[1, 2], [2, 4]]])]
    assert found == [[-1, 0], [-1, 0], [0, -np.inf]]


@needs_gxx
def test_the_step_is_repeated_with_its_factorizations(executor: CupyExecutor) -> None:
    """The second factorization fails, of what the first gave, whose memory is used again after it."""
    x = ig.input("x", (2, 3, 3), "float64")
    q = ig.linalg.qr(x + 0.0).Q
    low = ig.linalg.cholesky(ig.linalg.inv(x * 2.0) + 0.0 * q)
    result = ig.tanh(low @ low).sum()
    array = np.array([np.eye(3), np.diag([1.0, 2.0, -3.0])])
    says = [refused(result, each, x=array) for each in (executor, "numpy")]
    assert says[0] == says[1]
    assert "not positive definite at [1]" in says[0]


@needs_gxx
def test_a_constant_without_a_result_is_refused(executor: CupyExecutor) -> None:
    inverse = ig.linalg.inv(ig.constant([[1.0, 2.0], [2.0, 4.0]]))
    x = ig.input("x", (2,))
    for each in (executor, "numpy"):
        with pytest.raises(NumericalError, match=r"found a singular matrix of .* in inverse"):
            ig.compile(inverse @ x, executor=each)(x=[1.0, 2.0])


@needs_gxx
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_large_matrices_are_computed_one_by_one(dtype: str, executor: CupyExecutor) -> None:
    n, letter = 300, "s" if dtype == "float32" else "d"
    half = RNG.standard_normal((1, n, n)) / n**0.5
    arrays = {"a": (half + 2 * np.eye(n)).astype(dtype), "b": RNG.standard_normal((1, n, 2)).astype(dtype)}
    a, b = ig.input("a", (1, n, n), dtype), ig.input("b", (1, n, 2), dtype)
    turned = ig.transpose(a, (0, 2, 1))
    outputs = [
        ig.linalg.solve(a, b), ig.linalg.inv(a), *ig.linalg.slogdet(a), ig.linalg.cholesky(a @ turned),
        ig.linalg.triangular_solve(a, b), ig.linalg.triangular_solve(turned, b, lower=False),
        ig.linalg.triangular_solve(a, b, transposed=True),
    ]  # fmt: skip
    fake_solver.called.clear()
    found = ig.compile(outputs, executor=executor)(**arrays)
    for one, wanted in zip(found, ig.compile(outputs)(**arrays), strict=True):
        assert_close(one.get(), wanted, 2e-5 if dtype == "float32" else 1e-12)
    wanted = [f"{letter}{name}" for name in ("getrf", "getrs", "potrf", "trsm")]
    assert {name for name in fake_solver.called if "bufferSize" not in name} == set(wanted)
    arrays["a"][0, :, 5] = arrays["a"][0, 5, :] = 0
    for result in outputs[:2]:
        fed = {name: array for name, array in arrays.items() if name == "a" or result is outputs[0]}
        with pytest.raises(NumericalError, match=r"a singular matrix at \[0\] of a"):
            ig.compile(result, executor=executor)(**fed)


@needs_gxx
def test_determinants_do_not_overflow_on_the_way(executor: CupyExecutor) -> None:
    a = ig.input("a", (5, 5), "float64")
    array = np.diag([1e200, -1e200, 1e-200, 1e-300, 1e100])[[1, 0, 2, 3, 4]]
    assert float(ig.compile(ig.linalg.det(a), executor=executor)(a=array)) == pytest.approx(1.0, rel=1e-14)


@needs_gxx
def test_cupys_error_of_memory_within_a_step_becomes_ours(
    executor: CupyExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(a: Any) -> Any:
        raise fake_cupy.OutOfMemoryError("out of memory")

    monkeypatch.setattr(fake_cupy.linalg, "qr", fail)
    with pytest.raises(DeviceMemoryError, match="what a library takes for a factorization"):
        ig.compile(ig.linalg.qr(ig.input("a", (2, 2))).R, executor=executor)(a=np.eye(2))


def test_without_the_library_the_message_tells_what_to_install() -> None:
    with pytest.raises(ExecutorError, match=r"found cusolver, which can't be loaded .* needed it, for fact"):
        library("cusolver")
