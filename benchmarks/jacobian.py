"""Jacobians and Hessians against JAX and torch: results compared first, then timed in turn.

- One process for each library, with the same threads; they take turns in an order that rotates, after a pause
  that is longer than any thread pool spins. A turn's figure is the median of its calls, the reported one the
  median over the rounds, a ratio the median over the rounds of both figures in the same round.
- All variants of a case must agree with the first peer's result within the dtype's tolerance, relative to the
  largest element. One that does not, or fails, is reported and not timed.
- A call begins with the point in the library's own memory and ends when the result is computed. irgraph
copies
  its feeds in and its results out of its arena, and is timed with that. Weights stay where the library has
  them.
- "by hand" peers know what irgraph has to find: where to cut the chain and in which order to multiply, that a
  Jacobian is diagonal, of which blocks it consists. They are shown beside the others; the target of a row is
  to be ahead of all others.
- The published times of ADBench's tasks are from GradBench's runs, on another machine.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.jacobians import limits
from benchmarks.jacobians.cases import CASES, Case
from benchmarks.jacobians.children import SIDES, Child, child
from benchmarks.peers import installed
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError

PURPOSE = "seconds of whole Jacobians and Hessians; planning; memory; ratios are irgraph's to a peer's"
ROUNDS = 11
TURN_SECONDS, CASE_SECONDS = 0.1, 4.0
PAUSE_SECONDS = 0.06
TOLERANCE = {"float32": 2e-4, "float64": 1e-10}
AHEAD = "ahead of all not by hand"


@dataclass
class Found:
    """One variant of a case: which process has it, seconds by rounds, or why there are none."""

    side: str
    failure: str = ""
    difference: float = 0.0
    first: float = 0.0
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def run(options: Options) -> list[Row]:
    """Time every case, then plan and measure what has limits of its own."""
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        children: dict[str, Child | str] = {}
        for side in SIDES:
            if side == "irgraph" or options.wants(side):
                ready = installed(side)
                children[side] = (
                    stack.enter_context(child(side, options.threads)) if ready else "not installed"
                )
        for number, case in enumerate(CASES):
            if options.chosen(case.title):
                for dtype in case.dtypes:
                    found = _rows(case, dtype, _measure(number, dtype, children, options.rounds or ROUNDS))
                    mine = next((row for row in found if row.peer == "irgraph"), found[0])
                    print(f"  {mine.what}: {mine.value} s; {mine.note}", file=sys.stderr, flush=True)
                    rows += found
    return rows + limits.rows(options)


# ------------------------------------------------------------------------------------- one case


def _measure(number: int, dtype: str, children: dict[str, Child | str], rounds: int) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for side, process in children.items():
        try:
            if isinstance(process, str):
                raise PeerError(process)
            for label in process.ask("load", number, dtype):
                found[label] = Found(side)
        except PeerError as error:
            found[side] = Found(side, str(error))
    _compare(found, children, TOLERANCE[dtype])
    timed = {label: entry for label, entry in found.items() if not entry.failure}
    lengths = {label: _length(children[entry.side], label) for label, entry in timed.items()}
    for turn in range(rounds):
        labels = list(timed)
        shift = turn % max(len(labels), 1)
        for label in labels[shift:] + labels[:shift]:
            calls, limit = lengths[label]
            if turn < limit:
                time.sleep(PAUSE_SECONDS)
                seconds = _ask(children[timed[label].side], "turn", label, calls)
                timed[label].rounds.append(statistics.median(seconds))
    return found


def _compare(found: dict[str, Found], children: dict[str, Child | str], tolerance: float) -> None:
    """Call each once, the peers first, and hold the results against the first one."""
    reference = None
    with tempfile.TemporaryDirectory() as folder:
        for label, entry in sorted(found.items(), key=lambda pair: pair[1].side == "irgraph"):
            if entry.failure:
                continue
            path = str(Path(folder) / "result.npy")
            try:
                entry.first = _ask(children[entry.side], "first", label, path)
            except PeerError as error:
                entry.failure = str(error)
                continue
            result = np.load(path)
            if reference is None:
                reference = result
            entry.difference = _difference(result, reference)
            if not entry.difference <= tolerance:
                entry.failure = f"wrong: differs by {entry.difference:.1e}"


def _difference(result: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference, relative to the largest element."""
    if result.shape != reference.shape:
        return float("inf")
    return float(np.max(np.abs(result - reference)) / np.max(np.abs(reference)))


def _length(process: Child | str, label: str) -> tuple[int, int]:
    """How many calls fill a turn, and how many rounds fit in a case's time."""
    seconds = _ask(process, "turn", label, 1)[0]
    if seconds < 1:
        seconds = min(_ask(process, "turn", label, 2))
    calls = int(min(max(TURN_SECONDS / seconds, 1), 2000))
    return calls, max(3, int(CASE_SECONDS / (seconds * calls)))


def _ask(process: Child | str, command: str, *arguments: object) -> object:
    assert isinstance(process, Child)
    return process.ask(command, *arguments)


# --------------------------------------------------------------------------------------- its rows


def _rows(case: Case, dtype: str, found: dict[str, Found]) -> list[Row]:
    title = f"{case.title}, {dtype}"
    target = AHEAD if case.seconds is None else f"<= {case.seconds * 1e3:g} ms"
    if case.modes:
        target += "; no slower than its own modes"
    rows = []
    for label, entry in found.items():
        wanted = target if label == "irgraph" else ""
        if entry.failure:
            rows.append(missing(title, label, entry.failure, wanted))
            continue
        row = Row(title, label, entry.median, target=wanted, note=case.note)
        row.detail = {"rounds": entry.rounds, "first call": entry.first, "off by": entry.difference}
        if label == "irgraph":
            row.met, row.note = _verdict(case, entry, found)
        elif entry.side != "irgraph" and found.get("irgraph", entry).rounds:
            row.note = f"irgraph takes {_ratio(found['irgraph'], entry):.2f} x; {case.note}".rstrip("; ")
        rows.append(row)
    rows += [missing(title, name, why) for name, why in case.without.items()]
    return rows


def _verdict(case: Case, mine: Found, found: dict[str, Found]) -> tuple[bool | None, str]:
    """Whether the target is met, and what was faster."""
    others = {label: entry for label, entry in found.items() if entry.rounds and label != "irgraph"}
    ratios = {label: _ratio(mine, entry) for label, entry in others.items()}
    own = {label: ratio for label, ratio in ratios.items() if found[label].side == "irgraph"}
    peers = {label: ratio for label, ratio in ratios.items() if label not in own}
    note = ", ".join(f"{ratio:.2f} x {label}" for label, ratio in ratios.items() if label in own)
    slower = [f"{ratio:.2f} x {label}" for label, ratio in peers.items() if ratio > 1]
    note = "; ".join(filter(None, [case.note, note, "slower: " + ", ".join(slower) if slower else "fastest"]))
    if case.seconds is not None:
        return mine.median <= case.seconds, note
    rivals = [ratio for label, ratio in peers.items() if "by hand" not in label]
    if any(ratio > 1 for ratio in rivals) or any(ratio > 1.1 for ratio in own.values()):
        return False, note
    return (True if rivals or own else None), note


def _ratio(mine: Found, other: Found) -> float:
    """The median over the rounds that both have."""
    return statistics.median(a / b for a, b in zip(mine.rounds, other.rounds, strict=False))
