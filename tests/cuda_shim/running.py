"""Launching generated kernels on the CPU, in both orders of the threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from irgraph_cupy.source import Launch, module

from . import fake_cupy


def device(array: Any) -> fake_cupy.ndarray:
    return fake_cupy.array(array)


def blank(shape: Sequence[int], dtype: str) -> fake_cupy.ndarray:
    """Memory of NaN, or of -1 in integers."""
    return fake_cupy.empty(tuple(shape), dtype)


def both_orders(make: Callable[[], tuple[Iterable[Launch], fake_cupy.ndarray]]) -> np.ndarray[Any, Any]:
    """The result with threads in ascending order, once that in descending order is bit for bit the same."""
    results = []
    for descending in (False, True):
        actions, out = make()
        run_all(actions, descending)
        results.append(out.get())
    assert results[0].tobytes() == results[1].tobytes()
    return results[0]


def run_all(actions: Iterable[Launch], descending: bool = False) -> None:
    launches = list(actions)
    missing = {a.source.name: a.source for a in launches if a.source.name not in fake_cupy.functions}
    if missing:
        fake_cupy.preload(module(missing.values()))
    for action in launches:
        function = fake_cupy.functions[action.source.name]
        function.descending = descending
        try:
            function((action.blocks,), (action.threads,), action.arguments)
        finally:
            function.descending = False
