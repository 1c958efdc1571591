"""One process for each library, driven over a pipe: it loads cases, saves results, takes turns."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.jacobians.cases import CASES
from benchmarks.worker import PeerError, pools

SIDES = ("irgraph", "jax", "torch")


class Child:
    """The parent's handle."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def ask(self, command: str, *arguments: Any) -> Any:
        """The value of one command of `Session`; raises `PeerError` with the last line of a traceback."""
        self._pipe.send((command, arguments))
        try:
            ok, value = self._pipe.recv()
        except EOFError as error:
            raise PeerError("the process ended") from error
        if not ok:
            raise PeerError(value)
        return value


class Session:
    """The commands of a child."""

    def __init__(self, side: str) -> None:
        self._side = importlib.import_module(f"benchmarks.jacobians.{side}_side")
        self._calls: dict[str, Callable[[], Any]] = {}

    def load(self, number: int, dtype: str) -> list[str]:
        """Build a case, forget the one before, and return the labels of what can be called."""
        case = CASES[number]
        self._calls = {}
        self._calls = self._side.variants(case, case.make(dtype))
        return list(self._calls)

    def first(self, label: str, path: str) -> float:
        """Call once, save the result, and return the seconds of the call."""
        started = time.perf_counter()
        result = self._calls[label]()
        seconds = time.perf_counter() - started
        np.save(path, host(result))
        return seconds

    def turn(self, label: str, count: int) -> list[float]:
        """The seconds of each of some calls."""
        call, clock, seconds = self._calls[label], time.perf_counter, []
        for _ in range(count):
            started = clock()
            result = call()
            seconds.append(clock() - started)
            del result
        return seconds


def host(result: Any) -> Any:
    """A result as one NumPy array to compare; of a sparse matrix its products with random vectors."""
    if isinstance(result, (list, tuple)):
        import scipy.sparse

        return host(scipy.sparse.bmat([list(row) for row in result], format="csr"))
    if hasattr(result, "indptr"):
        rng = np.random.default_rng(0)
        right, left = rng.standard_normal((result.shape[1], 3)), rng.standard_normal((result.shape[0], 3))
        return np.concatenate([(result @ right).ravel(), (result.T @ left).ravel()])
    if type(result).__module__.startswith("irgraph"):  # a structured Jacobian, of the elementwise case only
        return np.asarray(result.diagonal())
    return np.asarray(result)


def serve(pipe: Connection, side: str, threads: int) -> None:
    """The child's loop."""
    if hasattr(os, "sched_setaffinity"):  # XLA sizes its pool by the cores that the process may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    session = Session(side)
    while True:
        try:
            command, arguments = pipe.recv()
        except EOFError:
            return
        try:
            reply = (True, getattr(session, command)(*arguments))
        except Exception as error:
            traceback.print_exc()
            text = str(error).strip().splitlines()
            reply = (False, f"{type(error).__name__}: {text[0] if text else ''}"[:200])
        pipe.send(reply)


@contextlib.contextmanager
def child(side: str, threads: int) -> Iterator[Child]:
    """A process for one library, ended at the end."""
    mine, theirs = multiprocessing.Pipe()
    before = dict(os.environ)
    os.environ.update(pools(threads))  # read when the child imports its libraries
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, side, threads), daemon=True
    )
    process.start()
    os.environ.clear()
    os.environ.update(before)
    theirs.close()
    try:
        yield Child(mine)
    finally:
        process.terminate()
        process.join()
