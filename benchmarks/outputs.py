"""Large outputs: an outer product of two vectors, kept by `y = f(...)` in a loop.

irgraph hands over the memory in which the result was computed. Beside it the same function with outputs that
are copied, as small ones are, and NumPy's product into a fresh array. All three run in one process
(``python -m benchmarks.outputs MEGABYTES``), in turn, after their results were compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "seconds of a call with a large output, and the memory of the function"
MEGABYTES = (2, 16, 78)
ROUNDS, CALLS = 15, 5
LABELS = {"handed": "irgraph", "copied": "irgraph, outputs copied", "numpy": "NumPy, fresh arrays"}


def run(options: Options) -> list[Row]:
    """Measure each size."""
    rows = []
    for size in MEGABYTES:
        what = f"outer product of {size} MB"
        if not PEERS["irgraph"].installed():
            rows.append(missing(what, "irgraph", "not installed"))
            continue
        try:
            found = json_of_module("benchmarks.outputs", str(size), threads=options.threads)
        except PeerError as error:
            rows.append(missing(what, "irgraph", str(error)))
            continue
        for name, label in LABELS.items():
            note = f"allocates {found[f'{name} bytes'] / 1e6:.1f} MB" if name != "numpy" else ""
            rows.append(Row(what, label, found[name], ratio=found[name] / found["numpy"], note=note))
    return rows


def measure(megabytes: int) -> dict[str, float]:
    """Return the median seconds of a call, and the bytes that a function takes for a step."""
    import irgraph as ig
    from irgraph_numpy import NumpyExecutor

    class Copies(NumpyExecutor):
        hands_over = None

    n = int((megabytes * 1e6 / 8) ** 0.5) + 1
    x, y = ig.input("x", (n,), "float64"), ig.input("y", (n,), "float64")
    handed, copied = [ig.compile(x[:, None] * y, executor=each) for each in ("numpy", Copies())]
    a, b = np.random.default_rng(0).normal(size=(2, n))
    calls: dict[str, Callable[[], Any]] = {
        "handed": lambda: handed(x=a, y=b),
        "copied": lambda: copied(x=a, y=b),
        "numpy": lambda: np.multiply.outer(a, b),
    }
    results = [call() for call in calls.values()]
    assert all(np.array_equal(result, results[-1]) for result in results)
    del results
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            samples[name].append(_seconds(call))
    found = {name: statistics.median(each) for name, each in samples.items()}
    taken = {"handed bytes": handed.memory().allocated, "copied bytes": copied.memory().allocated}
    return found | {name: float(nbytes or 0) for name, nbytes in taken.items()}


def _seconds(call: Callable[[], Any]) -> float:
    result = call()
    start = time.perf_counter()
    for _ in range(CALLS):
        result = call()
    stop = time.perf_counter()
    del result
    return (stop - start) / CALLS


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
