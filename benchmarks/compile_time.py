"""Compile times: forward, backward and Adam of 50 layers to the first result, and a second batch size.

Each measurement is a fresh process that has imported its library: the clock starts before the network is
built and stops after the first step, so that lazy imports inside the compiler count. Then the step runs at
another batch size: what its first call takes more than a steady one is the cost of the new size. Caches on
disk are switched off or pointed at an empty folder. Processes take turns over the rounds; medians. A peer
that takes seconds is measured once, and one that takes minutes is stopped.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import threading
from collections.abc import Iterator

from benchmarks.peers import PEERS
from benchmarks.problems import DEEP
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, Worker

PURPOSE = "seconds from nothing to the first Adam step of 50 layers, and for a second batch size"
ROUNDS = 7
SLOW_SECONDS = 5.0  # A peer that takes longer is measured once.
TIMEOUT_SECONDS = 150.0
COMPILERS = ("irgraph", "torch_compile", "jax", "pytensor")
NEW_BATCH = 48
LIMIT = 0.5
NEW_BATCH_SHARE = 0.2
WHAT = "50 layers + Adam: compile and first call"
WHAT_NEW = f"second batch size ({DEEP.batch}, then {NEW_BATCH})"


def run(options: Options) -> list[Row]:
    """Measure every peer that compiles."""
    measured: dict[str, list[dict[str, float]]] = {}
    failures: dict[str, str] = {}
    wanted = [name for name in COMPILERS if options.wants(name)]
    for _ in range(options.rounds or ROUNDS):
        for name in wanted:
            if name in failures or _is_slow(measured.get(name, [])):
                continue
            try:
                measured.setdefault(name, []).append(_measure(name, options.threads))
            except PeerError as error:
                failures[name] = str(error)
    return [row for name in wanted for row in _rows(name, measured.get(name, []), failures.get(name, ""))]


def _is_slow(samples: list[dict[str, float]]) -> bool:
    return bool(samples) and samples[0]["total"] > SLOW_SECONDS


def _measure(name: str, threads: int) -> dict[str, float]:
    if not PEERS[name].installed():
        raise PeerError("not installed")
    with tempfile.TemporaryDirectory() as folder:
        no_caches = {
            "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
            "TORCHINDUCTOR_CACHE_DIR": folder,
            "PYTENSOR_FLAGS": f"base_compiledir={folder}",
        }
        with Worker(name, DEEP.name, threads, no_caches) as worker:
            with _stopped_late(worker):
                phases: dict[str, float] = worker.call("build", "adam")
            with _stopped_late(worker):
                new: dict[str, float] = worker.call("new_batch", NEW_BATCH)
    total = phases["construct"] + phases["first call"]
    extra = max(new["first call"] - new["steady"], 0.0)
    return phases | {"total": total, "new batch": extra, "share": extra / total}


@contextlib.contextmanager
def _stopped_late(worker: Worker) -> Iterator[None]:
    """Kill the worker after the time limit and say so."""
    timer = threading.Timer(TIMEOUT_SECONDS, worker.kill)
    timer.start()
    try:
        yield
    except PeerError as error:
        if timer.finished.is_set():
            raise PeerError(f"stopped after {TIMEOUT_SECONDS:.0f} s") from error
        raise
    finally:
        timer.cancel()


def _rows(name: str, samples: list[dict[str, float]], failure: str) -> list[Row]:
    ours, label = name == "irgraph", PEERS[name].label
    target = f"< {LIMIT} s" if ours else ""
    target_new = f"<= {NEW_BATCH_SHARE} of the first" if ours else ""
    if failure or not samples:
        return [missing(WHAT, label, failure, target), missing(WHAT_NEW, label, failure, target_new)]
    middle = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    sums = ("total", "new batch", "share")
    parts = "; ".join(f"{key} {value:.3f} s" for key, value in middle.items() if key not in sums)
    detail = {"rounds": len(samples), "medians": middle}
    first = Row(WHAT, label, middle["total"], target=target, note=parts, detail=detail)
    new = Row(WHAT_NEW, label, middle["new batch"], target=target_new)
    new.note = f"{middle['share']:.2f} of the first"
    if ours:
        first.met = middle["total"] < LIMIT
        new.met = middle["share"] <= NEW_BATCH_SHARE
    return [first, new]
