"""float16 and bfloat16: stored in two bytes, computed in float32, rounded once."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError
from irgraph.printing import parse, to_text
from irgraph.testing import CASES, Case, assert_close
from irgraph.types import as_dtype
from irgraph_numpy import NumpyExecutor

LOW = ["float16", "bfloat16"]
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
DIFFERENTIABLE = [case for case in CASES if case.differentiable and case.low_dtypes]

low = pytest.mark.parametrize("dtype", LOW)


def rounded(array: Any, dtype: str) -> Any:
    """An array in low precision, as float64."""
    return np.asarray(array).astype(as_dtype(dtype).numpy).astype(np.float64)


# Values are held to the oracles by the conformance suite, which tests/test_conformance.py runs.


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_gradients_are_those_in_float64(case: Case) -> None:
    """At the same points, within some units in the last place of the largest element."""

    def gradients(dtype: str, arrays: dict[str, Any]) -> list[Any]:
        values = case.values(dtype)
        ends = [ig.constant(np.zeros(())).astype(dtype)]
        ends += [y.sum() for y in case.results(values) if y.dtype.is_float]
        wrt = [values[name] for name in case.differentiable]
        f = ig.compile(ig.grad(sum(ends[1:], ends[0]), wrt, "zero"), inputs=list(values.values()))
        found: list[Any] = f(**arrays)
        return found

    for dtype in case.low_dtypes:
        arrays = case.sample(np.random.default_rng(0), dtype)
        wide = {n: rounded(a, dtype) if case.inputs[n].dtype is None else a for n, a in arrays.items()}
        for found, wanted in zip(gradients(dtype, arrays), gradients("float64", wide), strict=True):
            assert found.dtype == as_dtype(dtype).numpy
            assert_close(found, wanted, 16 * EPSILON[dtype])


@low
def test_sums_are_accumulated_in_float32(dtype: str) -> None:
    """In the dtype itself, ones stop adding up at 2048 and 256, and 70,000 of them overflow float16."""
    x = ig.input("x", ("n",), dtype)
    f = ig.compile([x.sum(), x.mean(), ig.cumsum(x)[-1], x @ x, (x * 0.5).sum()])
    total, mean, last, product, half = (float(each) for each in f(x=np.ones(4096)))
    assert (total, mean, last, product, half) == (4096, 1, 4096, 4096, 2048)
    assert float(f(x=np.ones(70_000))[1]) == 1


@low
def test_a_composite_op_rounds_once(dtype: str) -> None:
    x = ig.input("x", (64, 50), dtype)
    array = rounded(np.random.default_rng(0).normal(size=(64, 50)) * 4, dtype).astype(np.float32)
    once = ig.evaluate(ig.softmax(ig.input("x", (64, 50))), x=array)
    found = ig.evaluate(ig.softmax(x), x=array)
    np.testing.assert_array_equal(found, once.astype(found.dtype))


@low
def test_the_text_form_and_constants(dtype: str) -> None:
    rng = np.random.default_rng(1)
    x = ig.input("x", (3,), dtype)
    large, small = (ig.constant(rng.normal(size=n).astype(as_dtype(dtype).numpy)) for n in ((99, 3), (3,)))
    special = ig.constant([np.inf, -np.inf, np.nan], dtype)
    graph = ig.Graph({"y": x * large + small + special, "z": ig.full((2,), 0.1, dtype)})
    again = parse(to_text(graph))
    assert again.structure() == graph.structure()
    assert pickle.loads(pickle.dumps(graph)).structure() == graph.structure()
    y, z = ig.evaluate(list(again.outputs), x=[1, 2, 3])
    assert y.dtype == z.dtype == as_dtype(dtype).numpy
    assert z.astype(float).tolist() == rounded([0.1, 0.1], dtype).tolist()


@low
def test_training(dtype: str) -> None:
    x, y = ig.input("x", ("n", 8), dtype), ig.input("y", ("n",), "int64")
    w = ig.parameter("w", (8, 3), dtype, init=ig.init.glorot_uniform())
    loss = ig.losses.softmax_cross_entropy(x @ w, y)
    for optimizer in (ig.optim.SGD(0.5, momentum=0.9), ig.optim.Adam(0.0625)):
        step = ig.compile(loss, updates=optimizer.minimize(loss), check=True)
        rng = np.random.default_rng(0)
        feeds = {"x": rng.normal(size=(32, 8)), "y": rng.integers(0, 3, 32)}
        losses = [float(step(**feeds)) for _ in range(40)]
        assert losses[-1] < 0.75 * losses[0]
        assert step.state["w"].dtype == as_dtype(dtype).numpy


@low
def test_scalars_take_the_dtype_and_arrays_do_not_mix(dtype: str) -> None:
    x = ig.input("x", (2,), dtype)
    for y in (x + 1, 2.5 * x, x / 3, x**2, ig.maximum(x, 0), ig.where(x > 0, x, 0.0), -x, x % 1):
        assert str(y.dtype) == dtype
    for other in ("float32", "float64", next(d for d in LOW if d != dtype)):
        with pytest.raises(DTypeError, match=f"x of {dtype} .* and y of {other}"):
            x + ig.input("y", (2,), other)
    assert str((x.astype("float32") + ig.input("y", (2,))).dtype) == "float32"


@pytest.mark.parametrize(
    ("dtype", "number", "held"),
    [("float16", 70_000.0, 65_504.0), ("bfloat16", 3.4e38, 3.38e38), ("float32", 1e300, 3.4e38)],
)
def test_numbers_that_would_become_infinite_are_refused(dtype: str, number: float, held: float) -> None:
    x = ig.input("x", ("n",), dtype)
    f = ig.compile(x * 1.0, updates=[(s := ig.state("s", (1,), dtype), s + 1.0)])
    for fed in ([0.0, number], np.array([np.nan, -number])):
        with pytest.raises(
            FeedError, match=rf"number .* at \[1\] for input 'x'; needed {dtype}, whose largest"
        ):
            f(x=fed)
    assert f.state["s"] == 0
    assert np.isfinite(f(x=[held, -held]).astype(float)).all()
    assert np.isinf(f(x=[np.inf]).astype(float)).all()
    for build in (
        lambda: x + number,
        lambda: ig.full((), number, dtype),
        lambda: ig.constant([number], dtype),
        lambda: ig.constant(np.array([number])).astype(dtype),
        lambda: ig.parameter("w", (), dtype, init=number),
        lambda: f.state.update({"s": [number]}),
    ):
        with pytest.raises(DTypeError, match=r"found .*; needed"):
            build()
    overflown = ig.evaluate(ig.input("y", (1,), "float64").astype(dtype), y=[number])
    assert np.isinf(overflown.astype(float)).all()  # what is computed may overflow


def test_floats_to_integers() -> None:
    x = ig.input("x", (3,))
    assert ig.evaluate(x.astype("int8"), x=[1.9, -1.9, 127.5]).tolist() == [1, -1, 127]
    ig.evaluate(x.astype("int8"), x=[np.nan, 1e30, -np.inf])  # some integers, and no warning
    for number in (np.nan, np.inf, 128.0, -129.0, 300):
        for value in (ig.constant([0.0, number]), ig.full((2,), float(number))):
            with pytest.raises(DTypeError, match=r"found the number .*; needed ones that int8 can hold"):
                value.astype("int8")
        with pytest.raises(DTypeError, match="needed ones that int8 can hold"):
            ig.constant([0, number], "int8")
    assert ig.evaluate(ig.constant([127.9, -128.9]).astype("int8")).tolist() == [127, -128]
    with pytest.raises(FeedError, match="the integer 300"):
        ig.evaluate(ig.input("u", (1,), "uint8"), u=[300])


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_random_numbers(dtype: str, bits: int) -> None:
    numbers = ig.compile(ig.random_uniform((4000,), name="u", dtype=dtype), seed=0)().astype(float)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1
    assert (numbers * 2**bits % 1 == 0).all()
    normal = ig.compile(ig.random_normal((4000,), name="n", dtype=dtype), seed=0)().astype(float)
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


def test_an_executor_may_keep_its_own_kernels() -> None:
    class Native(NumpyExecutor):
        name = "native"

        def rounds_once(self, op: Any, dtype: Any) -> bool:
            return op.name == "add" and str(dtype) == "float16"

    x = ig.input("x", (2,), "float16")
    f = ig.compile(ig.exp(x + x), executor=Native())
    names = [(node.op.name, str(node.outputs[0].dtype)) for node in f.program.graph.nodes]
    assert names == [
        ("input", "float16"),
        ("add", "float16"),
        ("cast", "float32"),
        ("exp", "float32"),
        ("cast", "float16"),
    ]
    assert f(x=[0.5, 1.0]).tolist() == np.exp(np.array([1.0, 2.0], "float32")).astype("float16").tolist()
