"""Memory: what a compiled step plans, holds and allocates.

- The arena that irgraph allocates must be as large as the peak it predicted; the hand-written NumPy step's
  buffers (activations, cotangents, gradients, scratch) are shown beside it.
- A steady step's allocations beyond the outputs that it returns: the peak that `tracemalloc` sees during one
  step (NumPy reports its arrays to it), the largest of several steps.
- Growth of the resident size over 1,000 steps.

Each peer is measured in a fresh process: ``python -m benchmarks.memory PEER PROBLEM``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "bytes that a step plans, allocates and keeps"
MEASURED = ("numpy", "irgraph", "autograd")
WARM_STEPS, TRACED_STEPS, STEPS = 50, 20, 1_000
LIMIT_STEP, LIMIT_GROWTH = 64 * 1024, 1024 * 1024
KIB = 1024
TARGETS = ("= predicted", f"< {LIMIT_STEP // KIB} KiB", f"< {LIMIT_GROWTH // KIB} KiB")


def run(options: Options) -> list[Row]:
    """Measure every problem with the peers whose allocations Python can see."""
    rows = []
    for problem in PROBLEMS.values():
        if options.problems and problem.name not in options.problems:
            continue
        for name in MEASURED:
            if options.wants(name):
                rows += _rows(problem, name, options.threads)
    return rows


def _rows(problem: Problem, name: str, threads: int) -> list[Row]:
    ours, label = name == "irgraph", PEERS[name].label
    targets = TARGETS if ours else ("",) * len(TARGETS)
    whats = [f"{problem.title}: {what}" for what in ("arena", "steady step", f"growth over {STEPS:,} steps")]
    pairs = list(zip(whats, targets, strict=True))
    if not PEERS[name].installed():
        return [missing(what, label, "not installed", target, "KiB") for what, target in pairs]
    try:
        found = json_of_module("benchmarks.memory", name, problem.name, threads=threads)
    except PeerError as error:
        return [missing(what, label, str(error), target, "KiB") for what, target in pairs]
    rows = []
    if "arena" in found:
        met = found["arena"] == found["predicted"] if ours else None
        note = "buffers allocated by hand"
        if ours:
            note = f"predicted {found['predicted'] / KIB:,.1f} KiB; "
            note += f"NumPy holds {found['held'] / KIB:,.1f} KiB more after the first call"
        rows.append(Row(whats[0], label, found["arena"] / KIB, "KiB", target=targets[0], met=met, note=note))
    limits = (("step", LIMIT_STEP), ("growth", LIMIT_GROWTH))
    for (what, target), (key, limit) in zip(pairs[1:], limits, strict=True):
        met = found[key] < limit if ours else None
        rows.append(Row(what, label, found[key] / KIB, "KiB", target=target, met=met))
    return rows


def measure(name: str, problem: Problem) -> dict[str, float]:
    """Return the bytes of the arena (planned and held), of one steady step, and of growth."""
    peer: Any = PEERS[name].load()(problem)
    batches = [peer.place(*batch) for batch in problem.batches(4)]
    found = {"held": _bytes_held_by_arrays(lambda: peer.step(*batches[0]))}

    def steps(count: int) -> None:
        for index in range(count):
            peer.step(*batches[index % len(batches)])

    steps(WARM_STEPS)
    gc.collect()
    before = _resident_bytes()
    steps(STEPS)
    gc.collect()
    found["growth"] = _resident_bytes() - before
    found["step"] = max(_step_bytes(peer, *batch) for batch in batches * (TRACED_STEPS // len(batches)))
    if name == "irgraph":
        memory = peer.function.memory()
        found |= {"predicted": memory.peak, "arena": memory.allocated}
    elif name == "numpy":
        found["arena"] = peer.buffer_bytes(problem.batch)
    return found


def _step_bytes(peer: Any, x: Any, y: Any) -> float:
    """Return the peak of traced bytes during one step, less the loss that it returns."""
    tracemalloc.start()
    try:
        peer.step(x, y)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        loss = peer.step(x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return float(peak - before - np.asarray(loss).nbytes)


def _bytes_held_by_arrays(call: Callable[[], object]) -> float:
    """Return how many bytes of array data a call leaves allocated, as NumPy reports them to `tracemalloc`."""
    tracemalloc.start()
    try:
        result = call()
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
        return float(sum(trace.size for trace in traces) - np.asarray(result).nbytes)
    finally:
        tracemalloc.stop()


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        # A peak, not the present size: growth is still seen. Kilobytes, except on macOS.
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], PROBLEMS[sys.argv[2]])))
