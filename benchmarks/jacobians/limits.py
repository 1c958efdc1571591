"""What has limits of its own: seconds of planning, and bytes of a Hessian and of structured results.

Each is measured in a process of its own: ``python -m benchmarks.jacobians.limits NAME``.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.jacobians.cases import CASES, Case
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

ROUNDS = 5
MIB = 2**20
PLANS = {
    "planning a network of 20 layers": ("layers", 0.050),
    "planning a network of 2,000 nodes": ("nodes", 2.0),
    "planning a chain of 500 factors": ("chain", 5.0),
}
PAIRS = "Hessian of a potential of pairs, N = 1000"
CHAINS = "elementwise chain"


def rows(options: Options) -> list[Row]:
    """The rows of planning times and of memory."""
    found = []
    for title, (name, limit) in PLANS.items():
        if options.chosen(title):
            found.append(_plan_row(title, name, limit, options.threads))
    for number, case in enumerate(CASES):
        if options.chosen(f"{case.title}: memory") and case.title.startswith((PAIRS, CHAINS)):
            found += _memory_rows(number, case, options.threads)
    return found


def _plan_row(title: str, name: str, limit: float, threads: int) -> Row:
    target = f"<= {limit:g} s"
    try:
        seconds = json_of_module("benchmarks.jacobians.limits", name, threads=threads, timeout=120)
    except PeerError as error:
        return missing(title, "irgraph", str(error), target)
    median = statistics.median(seconds["rounds"])
    return Row(title, "irgraph", median, target=target, met=median <= limit, detail=seconds)


def _memory_rows(number: int, case: Case, threads: int) -> list[Row]:
    """Peaks of the first call, which allocates the arena; results included."""
    target = "<= 2 x the result" if case.title == PAIRS else ""
    out = []
    for dtype in case.dtypes:
        title = f"{case.title}, {dtype}: memory"
        try:
            found = json_of_module(
                "benchmarks.jacobians.limits", "memory", str(number), dtype, threads=threads
            )
        except PeerError as error:
            out.append(missing(title, "irgraph", str(error), target, "MiB"))
            continue
        result = found["result"]
        note = f"result {result / MIB:,.1f} MiB, predicted arena {found['predicted'] / MIB:,.1f} MiB"
        note += f", peak resident size grew {found['resident'] / MIB:,.1f} MiB"
        met = None
        if target:
            met = max(found["traced"], found["predicted"] + result) <= 2 * result
        row = Row(title, "irgraph", found["traced"] / MIB, "MiB", found["traced"] / result, target, met, note)
        row.detail = found
        out.append(row)
    return out


# ---------------------------------------------------------------------------------- in the child


def layers() -> Callable[[], Any]:
    """20 layers of widths that go down and up again."""
    import irgraph as ig

    widths = [*range(200, 0, -20), *range(20, 220, 20), 200]
    y = x = ig.input("x", (widths[0],))
    for n in range(20):
        y = ig.tanh(
            y @ ig.parameter(f"w{n}", (widths[n], widths[n + 1])) + ig.parameter(f"b{n}", (widths[n + 1],))
        )
    return lambda: ig.plan_jacobian(y, x)


def nodes() -> Callable[[], Any]:
    """About 2,000 nodes: layers of changing width with a residual connection beside every fourth."""
    import irgraph as ig

    rng = random.Random(0)
    y = x = ig.input("x", (16,))
    kept, count = x, 0
    while count < 2000:
        for n in range(4):
            width = 16 if n == 3 else rng.choice((4, 8, 16, 32))
            y = ig.tanh(y @ ig.parameter(f"w{count}", (int(str(y.shape[0])), width)))
            count += 2
        y = kept = y + kept
        count += 1
    return lambda: ig.plan_jacobian(y, x)


def chain() -> Callable[[], Any]:
    """The dynamic program on 500 random factors."""
    from irgraph.autodiff.chain_order import Factor, plan_chain

    rng = random.Random(0)
    sizes = [rng.randint(1, 1000) for _ in range(501)]
    factors = [Factor(sizes[n + 1], sizes[n], rng.randint(1, 10**6)) for n in range(500)]
    return lambda: plan_chain(factors)


def memory(number: int, dtype: str) -> dict[str, float]:
    """The bytes of a call: predicted, traced by Python, and in the resident size."""
    import numpy as np

    from benchmarks.jacobians.irgraph_side import compiled

    case = CASES[number]
    task = case.make(dtype)
    function = compiled(case, task)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    result = function(x=task.x)
    _, traced = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    nbytes = result.nbytes if hasattr(result, "nbytes") else np.asarray(result).nbytes
    return {"result": nbytes, "predicted": function.memory().arena, "traced": traced, "resident": grown}


def main(name: str, *arguments: str) -> None:
    """Print one measurement as JSON."""
    if name == "memory":
        print(json.dumps(memory(int(arguments[0]), arguments[1])))
        return
    call, seconds = {"layers": layers, "nodes": nodes, "chain": chain}[name](), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"rounds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
