"""All kernels that the table of cases leads to, without running one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

import numpy as np

import irgraph as ig
from irgraph.testing import CASES
from irgraph_cupy.source import Source, module

from . import fake_cupy, fake_solver

AWKWARD = ({"n": 1, "m": 1}, {"n": 0, "m": 2})


@contextmanager
def cupy_doubled() -> Iterator[None]:
    """As if CuPy were installed and had a device."""
    libraries = {"cublas": fake_cupy, "cusolver": fake_solver}
    doubles = {f"cupy_backends.cuda.libs.{name}": double for name, double in libraries.items()}
    with mock.patch.dict(sys.modules, {"cupy": fake_cupy, **doubles}):
        yield


class Collected(Exception):
    """The kernels of a plan are known; nothing is to be run."""


def all_sources() -> str:
    """A module with every kernel of every case."""
    return module(sources().values())


@cache
def sources() -> dict[str, Source]:
    """Every kernel of every case, in the dtypes and at the sizes that tests run, by name."""
    from irgraph_cupy import CupyExecutor
    from irgraph_cupy.device import Device

    found: dict[str, Source] = {}

    def collect(device: Device, sources: Iterable[Source]) -> None:
        found.update({source.name: source for source in sources})
        raise Collected

    with cupy_doubled(), mock.patch.object(Device, "compile", collect):
        executor = CupyExecutor()
        for case in CASES:
            for dtype in set(case.dtypes) & {"float32", "float64"}:
                for sizes in ({}, *(AWKWARD if case.names else ())):
                    graph = case.build_graph(dtype, named=True)
                    arrays = case.sample(np.random.default_rng(0), dtype, sizes)
                    feeds = {name: array for name, array in arrays.items() if name in graph.inputs}
                    try:
                        ig.compile(list(graph.outputs), executor=executor)(**feeds)
                    except (Collected, ig.errors.FeedError, ig.errors.ExecutorError):
                        continue  # sizes that break a guard, or an op without a kernel: not told here
    return found


@cache
def preload() -> None:
    """Compile all of these for the CPU in one go, which is twenty times faster than one by one."""
    fake_cupy.preload(all_sources())
