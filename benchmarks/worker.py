"""One peer in a process of its own, driven over pipes: ``python -m benchmarks.worker PEER PROBLEM``.

The parent side is `Worker`; the child reads (command, arguments) pickles on its standard input and answers
(ok, value) pickles on what was its standard output; whatever a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.peers import PEERS, Optimizer, Peer
from benchmarks.problems import PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
WARM_STEPS = 5
POOL_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class PeerError(Exception):
    """A peer failed; the message is the last line of its traceback."""


class Worker:
    """The parent's handle on one peer's process."""

    def __init__(self, peer: str, problem: str, threads: int, extra: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer, problem, str(threads)],
            cwd=ROOT,
            env=os.environ | pools(threads) | (extra or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def call(self, command: str, *arguments: Any) -> Any:
        """Run one command of `Session` in the child and return its value, or raise `PeerError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((command, arguments), self._process.stdin)
            self._process.stdin.flush()
            ok, value = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise PeerError(f"its process ended with status {self._process.wait()}") from error
        if not ok:
            raise PeerError(value)
        return value

    def kill(self) -> None:
        """End the child in the middle of a command; the command raises `PeerError`."""
        self._process.kill()

    def close(self) -> None:
        """End the child and wait for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pools(threads: int) -> dict[str, str]:
    """Return the environment variables that give every thread pool the same size."""
    return {name: str(threads) for name in POOL_VARIABLES}


def json_of_module(
    module: str, *arguments: str, threads: int, timeout: float | None = None
) -> dict[str, float]:
    """Run ``python -m module arguments`` and return the JSON of its last line, or raise `PeerError`."""
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | pools(threads)
    try:
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"stopped after {timeout} s") from error
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        raise PeerError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][:200])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


class Session:
    """The child's commands."""

    def __init__(self, peer: str, problem: str) -> None:
        self._problem = PROBLEMS[problem]
        self._class = PEERS[peer].load()
        self._peer: Peer

    def build(self, optimizer: Optimizer = "sgd") -> dict[str, float]:
        """Construct the peer and take its first step; return the seconds of both, and of known parts."""
        batch = self._problem.batches(1)[0]
        started = time.perf_counter()
        self._peer = self._class(self._problem, optimizer)
        constructed = time.perf_counter()
        placed = self._peer.place(*batch)
        before_first = time.perf_counter()
        self._peer.step(*placed)
        first = time.perf_counter() - before_first
        self._batches = [self._peer.place(*batch) for batch in self._problem.batches(4)]
        phases: dict[str, float] = getattr(self._peer, "phases", {})
        return {"construct": constructed - started, "first call": first} | phases

    def check(self, steps: int) -> tuple[list[float], list[Any]]:
        """Return the losses and final weights of `steps` steps from the initial weights."""
        self._peer.load(self._problem.initial_weights())
        losses = []
        for x, y in self._problem.batches(steps):
            losses.append(float(self._peer.step(*self._peer.place(x, y))))
        return losses, self._peer.weights()

    def turn(self, steps: int) -> list[float]:
        """Return the seconds of each of `steps` steps from the initial weights, after a few warm ones."""
        self._peer.load(self._problem.initial_weights())
        step, batches, clock = self._peer.step, self._batches, time.perf_counter
        for index in range(WARM_STEPS):
            step(*batches[index % len(batches)])
        seconds = []
        for index in range(steps):
            x, y = batches[index % len(batches)]
            started = clock()
            step(x, y)
            seconds.append(clock() - started)
        return seconds

    def new_batch(self, batch: int) -> dict[str, float]:
        """Return the seconds of the first step at another batch size, and of a steady one after it."""
        placed = [self._peer.place(*each) for each in self._problem.batches(4, batch)]
        seconds = []
        for index in range(WARM_STEPS + 20):
            started = time.perf_counter()
            self._peer.step(*placed[index % len(placed)])
            seconds.append(time.perf_counter() - started)
        return {"first call": seconds[0], "steady": statistics.median(seconds[WARM_STEPS:])}


def _serve(requests: BinaryIO, replies: BinaryIO, peer: str, problem: str) -> None:
    session: Session | None = None
    while True:
        try:
            command, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            session = session or Session(peer, problem)
            reply = (True, getattr(session, command)(*arguments))
        except Exception as error:
            traceback.print_exc()
            text = str(error).strip().splitlines()
            reply = (False, f"{type(error).__name__}: {text[0] if text else ''}"[:200])
        pickle.dump(reply, replies)
        replies.flush()


def _main() -> None:
    peer, problem, threads = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # XLA sizes its pool by the cores that the process may use.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve(sys.stdin.buffer, replies, peer, problem)


if __name__ == "__main__":
    _main()
