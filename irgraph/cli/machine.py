"""What irgraph finds on a machine: versions, BLAS, cores, executors, devices, extras."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from typing import Any

import numpy as np

from ..errors import ExecutorError
from ..executor import GROUP, find_executor

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")
BRINGS = {
    "runtime": "running exported models in ONNX Runtime, to check them",
    "view": "pictures of graphs without a system package, and networkx graphs",
    "cuda12": "the GPU executor, for an NVIDIA driver of CUDA 12",
    "cuda13": "the GPU executor, for an NVIDIA driver of CUDA 13",
    "demo": "`irgraph demo`: its digits, its picture, and the replay in ONNX Runtime",
    "examples": "MNIST's digits for examples/mnist_cnn.py and the accuracy benchmark",
    "dev": "the tests and the linters",
    "peers": "the libraries that the benchmarks are measured against",
}


def version_of(package: str) -> str | None:
    """The installed version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cores() -> str:
    """How many cores there are, and how many this process may use."""
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return f"{total}" if usable == total else f"{usable} of {total} usable"


# ---------------------------------------------------------------------------------------- BLAS


def blas() -> tuple[str, str]:
    """The BLAS library that NumPy was built with, and its threads."""
    config: Any = np.show_config(mode="dicts")
    built = config.get("Build Dependencies", {}).get("blas", {})
    name = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    return name, _pools() or _thread_variables()


def _pools() -> str:
    """The thread pools that are loaded, as threadpoolctl tells; empty without it."""
    try:
        pools = import_module("threadpoolctl").threadpool_info()
    except Exception:
        return ""
    found = [
        f"{p['num_threads']} ({p['internal_api']} {p.get('version') or ''})"
        for p in pools
        if p["user_api"] == "blas"
    ]
    return ", ".join(dict.fromkeys(found)).replace(" )", ")")


def _thread_variables() -> str:
    found = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    return ", ".join(found) or "one for each core, unless OPENBLAS_NUM_THREADS or its like says otherwise"


# ----------------------------------------------------------------------------------- executors


@dataclass(frozen=True)
class Found:
    """Something by name: what it is, or why it does not work."""

    name: str
    works: bool
    detail: str


def executors() -> list[Found]:
    """The executors that installed packages register; each is loaded."""
    found = []
    for name in sorted(entry_points(group=GROUP).names):
        try:
            executor = find_executor(name)
            found.append(Found(name, True, f"{type(executor).__module__}.{type(executor).__name__}"))
        except ExecutorError as error:
            cause = error.__cause__
            why = f"{error}" + (f"\n  {type(cause).__name__}: {cause}" if cause else "")
            found.append(Found(name, False, why))
    return found


# ------------------------------------------------------------------------------------- devices


def devices() -> list[Found]:
    """The CUDA devices that the driver reports, and whether CuPy can use them."""
    try:
        driver = _load_driver()
    except OSError:
        return [Found("CUDA", False, "no NVIDIA driver (libcuda) on this machine")]
    status = driver.cuInit(0)
    if status != 0:
        return [
            Found("CUDA", False, f"the NVIDIA driver is there, but cuInit fails with CUDA error {status}")
        ]
    return [*_cuda_devices(driver), _cupy()]


def _load_driver() -> Any:
    """The CUDA driver's library. Raises OSError without one."""
    return ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")


def _cuda_devices(driver: Any) -> list[Found]:
    count, supported = ctypes.c_int(0), ctypes.c_int(0)
    driver.cuDeviceGetCount(ctypes.byref(count))
    driver.cuDriverGetVersion(ctypes.byref(supported))
    cuda = f"CUDA {supported.value // 1000}.{supported.value % 1000 // 10}"
    found = []
    for number in range(count.value):
        device, name, memory = ctypes.c_int(0), ctypes.create_string_buffer(256), ctypes.c_size_t(0)
        driver.cuDeviceGet(ctypes.byref(device), number)
        driver.cuDeviceGetName(name, len(name), device)
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        detail = f"{name.value.decode()}, {memory.value / 2**30:.1f} GiB, driver for {cuda}"
        found.append(Found(f"CUDA {number}", True, detail))
    return found or [Found("CUDA", False, f"driver for {cuda}, but no device")]


def _cupy() -> Found:
    try:
        cupy = import_module("cupy")
        return Found("CuPy", True, f"{cupy.__version__}, sees {cupy.cuda.runtime.getDeviceCount()} devices")
    except ModuleNotFoundError:
        return Found("CuPy", False, "not installed")
    except Exception as error:
        return Found("CuPy", False, f"{type(error).__name__}: {error}")


# -------------------------------------------------------------------------------------- extras


@dataclass(frozen=True)
class Extra:
    """An optional set of packages: which it has, which of them are missing, and what it brings."""

    name: str
    packages: tuple[str, ...]
    missing: tuple[str, ...]
    brings: str


def extras() -> list[Extra]:
    """The extras that the installed irgraph declares, in the order of `BRINGS`."""
    packages: dict[str, list[str]] = {name: [] for name in BRINGS}
    for requirement in requires("irgraph") or ():
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name and extra and name[0] != "irgraph":
            packages.setdefault(extra[1], []).append(name[0])
    return [
        Extra(name, tuple(wanted), tuple(p for p in wanted if version_of(p) is None), BRINGS.get(name, ""))
        for name, wanted in packages.items()
        if wanted
    ]
