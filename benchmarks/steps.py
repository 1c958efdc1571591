"""Training steps: irgraph and its peers against the step written by hand in NumPy.

What makes the comparison fair:

- The same problem for all: float32, full float32 matrix products, the same initial weights and batches, and a
  step that is done when the loss and all new weights are computed (JAX is awaited on every step).
- The same threads: every pool (OpenMP, OpenBLAS, MKL, Numba, XLA) may use all cores, or `--threads` of them.
- Batches are placed as the library's own arrays before timing, so no peer pays for a conversion.
- Every peer lives in its own process, since thread pools in one process fight: OpenBLAS and OpenMP workers
  spin for up to tens of milliseconds after their work, on cores that the next library needs. They take turns
  all the same: a round is one turn of each peer, in an order that rotates, after a pause that is longer than
  any pool spins. An idle peer sleeps on a pipe.
- Before timing, the losses and all weights after a few steps must agree with a float64 answer: a peer that
  disagrees is reported, not timed.
- A turn starts from the initial weights, so that all peers work on the same numbers (no underflow in one of
  them after a million steps), takes a few warm steps, and then times each step. The turn's figure is the
  median of its steps, and the reported figure is the median over the rounds. The ratio is the median over
  the rounds of the peer's figure to NumPy's in the same round, so that slow drifts of the machine cancel.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.peers import PEERS, REFERENCE
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, Worker

PURPOSE = "seconds of one training step"
ROUNDS = 21
TURN_SECONDS = 0.15
PAUSE_SECONDS = 0.06
CHECK_STEPS = 5
LOSS_TOLERANCE = 1e-5
# Relative to how far the weights moved. Weights are stored in float32, and the smallest moves are only some
# thousand units in the last place, so that even an exact step shows an error of a few 1e-4 here.
UPDATE_TOLERANCE = 2e-3


def run(options: Options) -> list[Row]:
    """Time every problem with every peer."""
    rows = []
    for problem in PROBLEMS.values():
        if not options.problems or problem.name in options.problems:
            rows += _run_problem(problem, options)
    return rows


def _run_problem(problem: Problem, options: Options) -> list[Row]:
    failures: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        workers = dict(_start(problem, options, failures, stack))
        lengths = {name: _turn_length(worker) for name, worker in workers.items()}
        medians: dict[str, list[float]] = {name: [] for name in workers}
        names = list(workers)
        for index in range(options.rounds or ROUNDS):
            shift = index % max(len(names), 1)
            for name in names[shift:] + names[:shift]:
                time.sleep(PAUSE_SECONDS)
                medians[name].append(statistics.median(workers[name].call("turn", lengths[name])))
    wanted = [name for name in PEERS if options.wants(name) or name == REFERENCE]
    return [_row(problem, name, medians, failures) for name in wanted]


def _start(
    problem: Problem, options: Options, failures: dict[str, str], stack: contextlib.ExitStack
) -> Iterator[tuple[str, Worker]]:
    """Yield the peers that are installed, build, and agree with the float64 answer."""
    for name, entry in PEERS.items():
        if not options.wants(name) and name != REFERENCE:
            continue
        if not entry.installed():
            failures[name] = "not installed"
            continue
        worker = stack.enter_context(Worker(name, problem.name, options.threads))
        try:
            worker.call("build")
            disagreement = _disagreement(problem, worker)
        except PeerError as error:
            failures[name] = str(error)
            continue
        if disagreement:
            failures[name] = disagreement
            continue
        yield name, worker


def _disagreement(problem: Problem, worker: Worker) -> str:
    """Return what differs between a peer and the float64 answer, or nothing."""
    expected_losses, expected = problem.answer(problem.batches(CHECK_STEPS))
    losses, weights = worker.call("check", CHECK_STEPS)
    loss_error = float(np.max(np.abs(np.subtract(losses, expected_losses)) / np.abs(expected_losses)))
    if not loss_error <= LOSS_TOLERANCE:
        return f"wrong: a loss is off by {loss_error:.1e}"
    for index, (found, right, start) in enumerate(
        zip(weights, expected, problem.initial_weights(), strict=True)
    ):
        error = float(np.linalg.norm(found - right) / np.linalg.norm(right - start))
        if not error <= UPDATE_TOLERANCE:
            return f"wrong: the update of parameter {index} is off by {error:.1e}"
    return ""


def _turn_length(worker: Worker) -> int:
    """Return how many steps fill a turn."""
    seconds = statistics.median(worker.call("turn", 20))
    return int(min(max(TURN_SECONDS / seconds, 10), 2000))


def _row(problem: Problem, name: str, medians: dict[str, list[float]], failures: dict[str, str]) -> Row:
    target = _target(problem) if name == "irgraph" else ""
    if name not in medians:
        return missing(problem.title, PEERS[name].label, failures[name], target)
    mine = medians[name]
    ratio = _ratio(mine, medians.get(REFERENCE))
    quartiles = statistics.quantiles(mine, n=4) if len(mine) > 1 else mine * 3
    row = Row(problem.title, PEERS[name].label, statistics.median(mine), ratio=ratio, target=target)
    row.detail = {"rounds": len(mine), "fastest": min(mine), "quartiles": [quartiles[0], quartiles[2]]}
    if name == "irgraph":
        row.met, row.note = _verdict(problem, row, medians)
    return row


def _ratio(mine: list[float], reference: list[float] | None) -> float | None:
    if reference is None:
        return None
    return statistics.median(a / b for a, b in zip(mine, reference, strict=True))


def _target(problem: Problem) -> str:
    rivals = ", ".join(PEERS[name].label for name in problem.ahead_of)
    return f"<= {problem.limit} x NumPy" + (f"; ahead of {rivals}" if rivals else "")


def _verdict(problem: Problem, row: Row, medians: dict[str, list[float]]) -> tuple[bool | None, str]:
    """Return whether the target is met (None where a rival was not measured) and what irgraph loses to."""
    ratios = {name: _ratio(medians["irgraph"], times) for name, times in medians.items() if name != "irgraph"}
    slower_than = [PEERS[name].label for name, ratio in ratios.items() if ratio is not None and ratio >= 1]
    note = "slower than " + ", ".join(slower_than) if slower_than else "fastest"
    beaten = all(PEERS[name].label not in slower_than for name in problem.ahead_of)
    unmeasured = [PEERS[name].label for name in problem.ahead_of if name not in medians]
    if row.ratio is None or row.ratio > problem.limit or not beaten:
        return (None if row.ratio is None else False), note
    if unmeasured:
        return None, f"{note}; not compared with {', '.join(unmeasured)}"
    return True, note
