"""float16 and bfloat16 on the GPU: every bit pattern, and every rounding, is that of NumPy and ml_dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import NonFiniteError
from irgraph.types import DTYPES
from irgraph_cupy import CupyExecutor
from irgraph_cupy.elementwise import launch_copy
from irgraph_cupy.source import OPTIONS, Source, module
from tests.cuda_shim import compiler, fake_cupy, nvrtc
from tests.cuda_shim.running import blank, device, run_all
from tests.cuda_shim.sources import cupy_doubled, preload

pytestmark = pytest.mark.skipif(compiler.GXX is None, reason="needs g++, to run CUDA C on the CPU")
Array = np.ndarray[Any, Any]
LOW = ["float16", "bfloat16"]
OTHERS = ["float32", "float64", "int32", "bool"]


def copied(array: Array, dtype: str) -> Array:
    out = blank(array.shape, DTYPES[dtype].numpy.name)
    run_all(launch_copy(device(array), out))
    return np.asarray(out.get())


def casts() -> dict[str, Source]:
    """The kernels of all casts from and to low precision."""
    found: dict[str, Source] = {}
    for low in LOW:
        for other in (*OTHERS, *LOW):
            for pair in ((low, other), (other, low)):
                x, out = (blank((2,), DTYPES[name].numpy.name) for name in pair)
                found |= {each.source.name: each.source for each in launch_copy(x, out)}
    return found


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """In one go."""
    fake_cupy.preload(module(casts().values()))


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_casts_compile_for_a_gpu(architecture: str) -> None:
    library, text = nvrtc.find_library(), module(casts().values())
    if library is None:
        pytest.skip("needs NVRTC, not a GPU: pip install 'nvidia-cuda-nvrtc==13.*'")
    code = nvrtc.compile_for_gpu(library, text, [*OPTIONS, f"-arch={architecture}"])
    assert all(name.encode() in code for name in casts())


@pytest.mark.parametrize("low", LOW)
def test_every_pattern_is_widened_and_comes_back(low: str) -> None:
    bits = np.arange(1 << 16, dtype="uint16")
    patterns = bits.view(DTYPES[low].numpy)
    for other in ("float32", "float64"):
        wide = copied(patterns, other)
        with warnings.catch_warnings(action="ignore"):  # ml_dtypes warns of NaN
            wanted = patterns.astype(other)
        np.testing.assert_array_equal(wide, wanted)
        np.testing.assert_array_equal(np.signbit(wide), np.signbit(wanted))
        back = copied(wide, low)
        regular = ~np.isnan(wanted)
        assert back.view("uint16")[regular].tolist() == bits[regular].tolist()
        assert np.isnan(back[~regular].astype("float32")).all()
    np.testing.assert_array_equal(copied(patterns, "bool"), wanted != 0)


@pytest.mark.parametrize("low", LOW)
def test_halfway_and_its_neighbours_are_rounded_to_even(low: str) -> None:
    """Between any two neighbours, subnormal ones and the last before infinity too."""
    patterns = np.arange(1 << 16, dtype="uint16").view(DTYPES[low].numpy).astype("float32")
    finite = np.unique(patterns[np.isfinite(patterns)])
    middle = ((finite[1:].astype("float64") + finite[:-1]) / 2).astype("float32")
    last = np.float32(65520.0 if low == "float16" else 3.3961775e38)
    middle = np.concatenate([middle, [last, -last]]).astype("float32")
    x = np.concatenate(
        [middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(0))]
    )
    with warnings.catch_warnings(action="ignore"):
        wanted = x.astype(DTYPES[low].numpy).view("uint16")
    assert copied(x, low).view("uint16").tolist() == wanted.tolist()


def test_float64_is_rounded_to_float16_once() -> None:
    just_above = 1 + 2.0**-11 + 2.0**-40  # which float32 rounds to halfway, and then to 1
    x = np.array([just_above, -just_above, 2.0**-25 + 2.0**-70, 1e-300, 5e-324, 65519.999999999, 1e300])
    with np.errstate(over="ignore"):
        assert copied(x, "float16").tolist() == x.astype("float16").tolist()


@pytest.mark.parametrize("low", LOW)
def test_a_step_in_low_precision_is_that_of_numpy(low: str) -> None:
    """Casts, moves, fills, constants, state and feeds; arithmetic is float32."""
    x, w = ig.input("x", (3, 4), low), ig.parameter("w", (4,), low, init=1.5)
    y = ig.where(ig.greater(x, 0.0), ig.concatenate([x[:, 1:], x[:, :1]], axis=1) * w, 0.25)
    y = ig.pad(y, ((1, 0), (0, 0))) + ig.constant(np.ones(4), low)
    outputs = [y, ig.grad(y.sum(), w), y.astype("float64")]
    array = np.random.default_rng(0).normal(size=(3, 4)).astype(DTYPES[low].numpy)
    preload()
    with cupy_doubled():
        ours, theirs = (
            ig.compile(outputs, updates=[(w, w * 1.01)], check=True, executor=each)
            for each in (CupyExecutor(), "numpy")
        )
        for _ in range(3):
            for found, wanted in zip(ours(x=array), theirs(x=array), strict=True):
                assert found.get().tobytes() == wanted.tobytes()
        assert ours.state["w"].tobytes() == theirs.state["w"].tobytes()
        array[1, 2] = np.nan
        with pytest.raises(NonFiniteError, match=r"nan at .* of the feed 'x'"):
            ours(x=array)
