"""Depth: a chain of 100,000 nodes is built, differentiated, compiled, run and printed in near linear time.

Each length runs in a fresh process (``python -m benchmarks.chain LENGTH``) under Python's ordinary recursion
limit, each phase timed. Compared lengths: 10,000 and 100,000, in turn. The target holds for the sum of build,
gradient, compile and print; the first call, which plans memory and runs, is shown and not in the sum.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "seconds of each phase for a chain of nodes"
SHORT, LONG = 10_000, 100_000
ROUNDS = 3
TIMEOUT_SECONDS = 300
LIMIT_SECONDS, LIMIT_GROWTH = 30.0, 12.0
PHASES = ("build", "gradient", "compile", "print", "first call")
IN_TARGET = PHASES[:-1]
TARGET = f"<= {LIMIT_SECONDS:.0f} s and <= {LIMIT_GROWTH:.0f} x t({SHORT:,})"


def run(options: Options) -> list[Row]:
    """Measure both lengths in turn and judge the sums."""
    what, label = f"chain of {LONG:,} nodes", PEERS["irgraph"].label
    if not PEERS["irgraph"].installed():
        return [missing(what, label, "not installed", TARGET)]
    samples: dict[int, list[dict[str, float]]] = {SHORT: [], LONG: []}
    for _ in range(options.rounds or ROUNDS):
        for length, found in samples.items():
            try:
                phases = json_of_module(
                    "benchmarks.chain", str(length), threads=options.threads, timeout=TIMEOUT_SECONDS
                )
            except PeerError as error:
                return [missing(f"chain of {length:,} nodes", label, str(error), TARGET)]
            found.append(phases)
    middle = {
        length: {phase: statistics.median(sample[phase] for sample in found) for phase in PHASES}
        for length, found in samples.items()
    }
    rows = []
    for phase in PHASES:
        short, long = middle[SHORT][phase], middle[LONG][phase]
        rows.append(Row(f"{what}: {phase}", label, long, note=f"{long / short:.1f} x t({SHORT:,})"))
    short, long = (sum(middle[length][phase] for phase in IN_TARGET) for length in (SHORT, LONG))
    met = long <= LIMIT_SECONDS and long <= LIMIT_GROWTH * short
    note = f"{long / short:.1f} x t({SHORT:,}) = {short:.2f} s"
    detail = {"medians": middle}
    summed = f"{what}: {' + '.join(IN_TARGET)}"
    rows.append(Row(summed, label, long, target=TARGET, met=met, note=note, detail=detail))
    return rows


def measure(length: int) -> dict[str, float]:
    """Return the seconds of each phase of a chain of `length` nodes, after checking its gradient.

    The chain alternates `tanh` and an addition of the input, so that nothing folds away or merges.
    """
    import irgraph as ig

    phases: dict[str, float] = {}
    clock = _Clock(phases)
    x = ig.input("x", (4,))
    value: Any = x
    for _ in range(length // 2):
        value = ig.tanh(value) + x
    total = ig.sum(value)
    clock.stop("build")
    gradient = ig.grad(total, x)
    clock.stop("gradient")
    function = ig.compile((total, gradient))
    clock.stop("compile")
    point = np.array([0.1, -0.2, 0.3, -0.4], np.float32)
    _, found = function(x=point)
    clock.stop("first call")
    text = str(function.graph)
    clock.stop("print")
    if text.count("\n") < length:
        raise AssertionError(f"the printed graph has fewer lines than its {length} nodes")
    np.testing.assert_allclose(found, _gradient(point, length // 2), rtol=1e-3)
    return phases


def _gradient(point: np.ndarray, links: int) -> np.ndarray:
    """Return d sum(v_n) / dx for v_0 = x, v_{k+1} = tanh(v_k) + x, carried forward in float64."""
    x = point.astype(np.float64)
    value, slope = x, np.ones_like(x)
    for _ in range(links):
        squashed = np.tanh(value)
        value, slope = squashed + x, (1 - squashed * squashed) * slope + 1
    return slope


class _Clock:
    def __init__(self, phases: dict[str, float]) -> None:
        self._phases, self._last = phases, time.perf_counter()

    def stop(self, phase: str) -> None:
        now = time.perf_counter()
        self._phases[phase], self._last = now - self._last, now


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
