"""Generated CUDA C: NVRTC takes all of it, and on the CPU it computes what NumPy computes in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest

from irgraph_cupy.elementwise import launch_copy, launch_take
from irgraph_cupy.indexed import launch_add_at, launch_philox, launch_put_at
from irgraph_cupy.reductions import (
    Reducer,
    extreme_of,
    launch_reduction,
    launch_scan,
    mean_of,
    position_of,
    sum_of,
)
from irgraph_cupy.sorting import launch_argsort
from irgraph_cupy.source import OPTIONS, Launch, collapse, module
from tests.cuda_shim import compiler, fake_cupy, nvrtc
from tests.cuda_shim.running import blank, both_orders, device, run_all
from tests.cuda_shim.sources import all_sources

needs_gxx = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")


NVRTC = nvrtc.find_library()


@pytest.mark.skipif(NVRTC is None, reason="needs NVRTC, not a GPU: pip install 'nvidia-cuda-nvrtc==13.*'")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_every_kernel_compiles_for_a_gpu(architecture: str) -> None:
    assert NVRTC is not None
    text = all_sources()
    code = nvrtc.compile_for_gpu(NVRTC, text, [*OPTIONS, f"-arch={architecture}"])
    names = [name for name, _, _ in compiler.KERNEL.findall(text)]
    assert len(names) > 300
    assert all(name.encode() in code for name in names)


def test_nvrtc_tells_what_it_refuses() -> None:
    if NVRTC is None:
        pytest.skip("needs NVRTC, not a GPU: pip install 'nvidia-cuda-nvrtc==13.*'")
    with pytest.raises(ValueError, match="undefined"):
        nvrtc.compile_for_gpu(NVRTC, "__global__ void f(int* x) { x[0] = missing; }", ["-arch=sm_80"])


def test_no_kernel_adds_floats_atomically() -> None:
    """Sums whose order is that in which threads arrive would differ from run to run."""
    assert "atomicAdd" not in all_sources()
    assert "atomicMin(out, number)" in all_sources()  # of integers: the order does not matter


# ------------------------------------------------------------------------------------------- running


SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((1,), (0,)),
    ((7, 1), (0,)),
    ((255,), (0,)),
    ((3, 257), (1,)),
    ((300, 5), (0,)),
    ((2, 65, 3), (0, 2)),
    ((4, 3, 5, 2), (1, 3)),
    ((17000, 2), (1,)),
    ((70001,), (0,)),
    ((3, 66000), (1,)),
    ((5, 4), ()),
    ((3, 0), (1,)),
]


REDUCERS: dict[str, Callable[[Any, Any], Reducer]] = {
    "sum": sum_of,
    "mean": mean_of,
    "max": lambda x, out: extreme_of(x, out, True),
    "min": lambda x, out: extreme_of(x, out, False),
}


@cache
def reduction_kernels() -> None:
    """Compile them all in one go."""
    found = {}
    for shape, axes in SHAPES:
        for dtype in ("float32", "int64", "uint8"):
            x, kept = blank(shape, dtype), [n for axis, n in enumerate(shape) if axis not in axes]
            for reducer in REDUCERS.values():
                out = blank(kept, dtype)
                for each in launch_reduction(reducer(x, out), x, axes, out, blank):
                    found[each.source.name] = each.source
    fake_cupy.preload(module(found.values()))


@needs_gxx
@pytest.mark.parametrize(("shape", "axes"), SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_reductions(shape: tuple[int, ...], axes: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * 100).astype(dtype)
    kept = tuple(n for axis, n in enumerate(shape) if axis not in axes)
    wide = x.astype("float64" if x.dtype.kind == "f" else x.dtype)
    source = device(x)
    wanted: dict[str, Any] = {"sum": wide.sum(axes, dtype=x.dtype if x.dtype.kind == "u" else None)}
    if x.dtype.kind == "f" and x.size:
        wanted["mean"] = wide.mean(axes)
    if x.size:
        wanted |= {"max": x.max(axes), "min": x.min(axes)}
    reduction_kernels()
    for name, expected in wanted.items():

        def make(name: str = name) -> tuple[Iterable[Launch], fake_cupy.ndarray]:
            out = blank(kept, dtype)
            return launch_reduction(REDUCERS[name](source, out), source, axes, out, blank), out

        tolerance = {"float32": 3e-7, "float64": 1e-13}.get(dtype, 0)
        found = both_orders(make)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 100 * x.size**0.5)


@needs_gxx
def test_extremes_of_nan_and_inf_are_those_of_numpy() -> None:
    x = np.array([[1, np.nan, 3, np.nan], [-np.inf, -1, 2, 2], [np.inf, 5, np.inf, -np.inf]] * 100, "f")
    source = device(x)
    for is_max in (False, True):
        values, positions = blank((300,), "float32"), blank((300,), "int64")
        run_all(launch_reduction(extreme_of(source, values, is_max), source, (1,), values, blank))
        run_all(launch_reduction(position_of(source, positions, is_max), source, (1,), positions, blank))
        np.testing.assert_array_equal(values.get(), x.max(1) if is_max else x.min(1))
        np.testing.assert_array_equal(positions.get(), x.argmax(1) if is_max else x.argmin(1))


@needs_gxx
@pytest.mark.parametrize("shape", [(1, 1), (3, 300), (20000, 3), (2, 1000)])
def test_positions_are_those_of_the_first(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(0, 4, shape)
    source = device(x)
    for is_max in (False, True):

        def make(is_max: bool = is_max) -> tuple[Iterable[Launch], fake_cupy.ndarray]:
            out = blank(shape[:1], "int64")
            return launch_reduction(position_of(source, out, is_max), source, (1,), out, blank), out

        np.testing.assert_array_equal(both_orders(make), x.argmax(1) if is_max else x.argmin(1))


@needs_gxx
@pytest.mark.parametrize("shape", [(1,), (256,), (257,), (600, 2), (5, 2, 3), (2, 0)])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_running_sums(shape: tuple[int, ...], dtype: str) -> None:
    x = (np.random.default_rng(0).normal(size=shape) * 10).astype(dtype)
    source = device(x)
    for axis in range(len(shape) if len(shape) != 2 else 1):  # many lines take the fibers long
        for reverse in (False, True):

            def make(axis: int = axis, reverse: bool = reverse) -> tuple[Iterable[Launch], fake_cupy.ndarray]:
                out = blank(shape, dtype)
                return launch_scan(source, axis, reverse, out), out

            wide = np.flip(x, axis) if reverse else x
            wanted = wide.cumsum(axis, dtype="float64" if dtype == "float32" else dtype)
            wanted = np.flip(wanted, axis) if reverse else wanted
            np.testing.assert_allclose(both_orders(make), wanted, rtol=1e-6, atol=1e-5)


@needs_gxx
@pytest.mark.parametrize("count", [0, 1, 200, 257, 5000])
@pytest.mark.parametrize("rows", [1, 15, 16, 70_000])
def test_scatter_add(count: int, rows: int) -> None:
    rng = np.random.default_rng(count)
    index, updates = rng.integers(0, min(rows, 40), (count, 2)), rng.normal(size=(count, 2, 3))

    def make() -> tuple[Iterable[Launch], fake_cupy.ndarray]:
        out = blank((rows, 3), "float64")
        return launch_add_at(device(updates), device(index), out, blank), out

    wanted = np.zeros((rows, 3))
    np.add.at(wanted, index, updates)
    np.testing.assert_allclose(both_orders(make), wanted, rtol=1e-13, atol=1e-13)


@needs_gxx
def test_indices_that_are_out_of_range_touch_nothing_else() -> None:
    """A check reports them after the step; until then every access stays inside."""
    bad = np.array([-5, 2, 99, 0] * 100)
    x, out = np.arange(6.0).reshape(3, 2), blank((400, 2), "float64")
    run_all(launch_take(device(x), device(bad), 0, out))
    np.testing.assert_array_equal(out.get()[:4], x[[0, 2, 2, 0]])
    rows = blank((3, 2), "float64")
    run_all(launch_add_at(device(np.ones((400, 2))), device(bad), rows, blank))
    np.testing.assert_array_equal(rows.get(), [[100] * 2, [0] * 2, [100] * 2])


@needs_gxx
def test_copies_between_any_two_layouts() -> None:
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    source = device(x)
    for view in ((slice(None),), (slice(None), slice(None, None, -1)), (1, slice(None, None, 2))):
        part = source[view]
        for dtype in ("float64", "bool"):
            out = blank(part.shape, dtype)
            run_all(launch_copy(part, out))
            np.testing.assert_array_equal(out.get(), x[view].astype(dtype))
    out = blank((2, 3, 4, 5), "float64")
    run_all(launch_copy(source, out[:, ::-1]))
    np.testing.assert_array_equal(out.get(), x[:, ::-1])


# The known answers of Random123 (Salmon et al., SC 2011), kat_vectors, philox4x32 with 10 rounds.
@needs_gxx
@pytest.mark.parametrize(
    ("step", "key", "stream", "answer"),
    [
        (0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ],
)
def test_known_random_words(step: int, key: int, stream: int, answer: str) -> None:
    out = blank((4,), "uint32")
    run_all(launch_philox(device(np.int64(key)), device(np.int64(step)), out, stream, 32))
    assert [f"{word:08x}" for word in out.get()] == answer.split()


def test_collapsing_keeps_every_element() -> None:
    """Against brute force: the offsets that a shape and strides stand for, in order."""
    rng = np.random.default_rng(0)

    def offsets(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
        return [int(np.dot(at, strides)) if shape else 0 for at in np.ndindex(*shape)]

    for _ in range(200):
        shape = tuple(rng.integers(1, 4, rng.integers(0, 5)).tolist())
        dense = tuple(int(np.prod(shape[n + 1 :])) for n in range(len(shape)))
        operands = [dense, tuple(s * int(rng.integers(0, 2)) for s in dense), tuple(-s for s in dense)]
        sizes, collapsed = collapse(shape, operands)
        assert len(sizes) <= len(shape)
        for before, after in zip(operands, collapsed, strict=True):
            assert offsets(shape, before) == offsets(sizes, after)


def test_the_shim_refuses_a_barrier_that_some_threads_miss() -> None:
    if compiler.GXX is None:
        pytest.skip("needs g++, to run CUDA C on the CPU")
    kernels = compiler.compile_for_cpu(
        'namespace of_torn {\nextern "C" __global__ void torn(int* x) {\n'
        "  if (threadIdx.x) __syncthreads();\n  x[threadIdx.x] = 1;\n}\n}\n"
    )
    with pytest.raises(compiler.ShimError, match="a barrier or shuffle that not all threads meet"):
        kernels["torn"]((1,), (4,), (device(np.zeros(4, "int32")),))


def test_the_shim_shuffles_as_a_warp_does() -> None:
    if compiler.GXX is None:
        pytest.skip("needs g++, to run CUDA C on the CPU")
    kernels = compiler.compile_for_cpu(
        'namespace of_shift {\nextern "C" __global__ void shift(float* x) {\n'
        "  float v = x[threadIdx.x];\n"
        "  for (int d = 16; d; d /= 2) v += __shfl_down_sync(~0u, v, d);\n"
        "  if (threadIdx.x % 32 == 0) x[threadIdx.x] = v;\n}\n}\n"
    )
    x = device(np.arange(64, dtype="f"))
    kernels["shift"]((1,), (64,), (x,))
    assert x.get()[[0, 32]].tolist() == [sum(range(32)), sum(range(32, 64))]


@needs_gxx
@pytest.mark.parametrize("shape", [(1,), (2,), (7, 1), (3, 129), (500, 3), (2, 5, 4)])
def test_sorting_is_stable(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 9, shape).astype("f")
    x.reshape(-1)[:: max(x.size // 5, 1)] = np.nan
    for axis in range(x.ndim):
        for descending in (False, True):
            out = blank(shape, "int64")
            run_all(launch_argsort(device(x), axis, descending, out, blank))
            wanted = np.argsort(np.flip(x, axis) if descending else x, axis=axis, kind="stable")
            wanted = shape[axis] - 1 - np.flip(wanted, axis) if descending else wanted
            np.testing.assert_array_equal(out.get(), wanted)


@needs_gxx
@pytest.mark.parametrize("mode", ["set", "add", "multiply", "max", "min"])
@pytest.mark.parametrize("count", [0, 30, 300])
def test_putting_goes_in_the_order_of_the_index(mode: str, count: int) -> None:
    rng = np.random.default_rng(count)
    x, index, updates = rng.normal(size=(9, 2)), rng.integers(0, 9, count), rng.normal(size=(count, 2))

    def make() -> tuple[Iterable[Launch], fake_cupy.ndarray]:
        out = blank((9, 2), "float64")
        return launch_put_at(device(x), device(updates), device(index), out, mode, blank), out

    wanted = x.copy()
    names = {"max": "maximum", "min": "minimum"}
    for at, update in zip(index, updates, strict=True):
        wanted[at] = update if mode == "set" else getattr(np, names.get(mode, mode))(wanted[at], update)
    np.testing.assert_allclose(both_orders(make), wanted, rtol=1e-12, atol=1e-13)
