"""One training step of an LSTM beside the same in torch, eager; and what compiling it costs for more steps.

128 and 1,024 positions of 64 features, 256 units, batches of 32; the mean squared error of the last output;
its gradients; SGD. irgraph uses `irgraph.nn.LSTM` on the NumPy executor, torch `torch.nn.LSTM`. The
way of measuring is that of `benchmarks.conv`: the losses of the first steps from the same weights are equal
first.

Compiling is building the layer, differentiating, compiling and planning; both lengths take turns in one
process, and what is counted is the processor's time, as all of it runs on one thread.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.conv import Problem, measured
from benchmarks.report import Options, Row, missing

PURPOSE = "seconds of a training step of an LSTM; ratios are to torch eager; seconds to compile it"
LENGTHS = (128, 1024)
COMPILED = 11  # times, in turn
SPREAD = 0.2


@dataclass(frozen=True)
class Recurrence:
    """A sequence model, its data and its first weights."""

    length: int
    batch: int = 32
    features: int = 64
    units: int = 256
    rate: float = 0.1

    def data(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Sequences, and what the last outputs should be."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.batch, self.length, self.features))
        return x.astype("float32"), rng.uniform(-0.5, 0.5, (self.batch, self.units)).astype("float32")

    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """Weights by their names in irgraph."""
        rng = np.random.default_rng(1)
        shapes = {"w": (self.features, 4 * self.units), "recurrent_w": (self.units, 4 * self.units)}
        drawn = {name: rng.normal(size=shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}
        return {name: w.astype("float32") for name, w in drawn.items()} | {
            "b": np.zeros(4 * self.units, "float32")
        }


def compiled(task: Recurrence) -> Any:
    """The step in irgraph, built and compiled."""
    import irgraph as ig

    x = ig.input("x", (task.batch, task.length, task.features))
    y = ig.input("y", (task.batch, task.units))
    layer = ig.nn.LSTM(task.units, weight_init=0.0, recurrent_init=0.0, name="lstm")  # weights come later
    error = layer(x) - y
    loss = (error * error).mean()
    return ig.compile(loss, updates=ig.optim.SGD(task.rate).minimize(loss), seed=0)


def irgraph_step(task: Recurrence) -> Callable[[], Any]:
    """The step in irgraph."""
    step = compiled(task)
    for name, array in task.weights().items():
        step.state[f"lstm.{name}"] = array
    x, y = task.data()
    return lambda: step(x=x, y=y)


def torch_step(task: Recurrence) -> Callable[[], Any]:
    """The step in torch; of its two biases, which only add up, one stays 0."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = torch.nn.LSTM(task.features, task.units, batch_first=True)
    weights = {name: torch.from_numpy(array.T.copy()) for name, array in task.weights().items()}
    own = [model.weight_ih_l0, model.weight_hh_l0, model.bias_ih_l0]
    with torch.no_grad():
        for parameter, name in zip(own, ("w", "recurrent_w", "b"), strict=True):
            parameter.copy_(weights[name])
        model.bias_hh_l0.zero_()
    model.bias_hh_l0.requires_grad_(False)
    optimizer = torch.optim.SGD(own, task.rate)
    x, y = map(torch.from_numpy, task.data())

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x)[0][:, -1], y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def compile_rows() -> list[Row]:
    """Seconds of the processor to compile at both lengths, in turn."""
    tasks = [Recurrence(length) for length in LENGTHS]
    found: dict[int, list[float]] = {task.length: [] for task in tasks}
    for task in tasks:
        compiled(task).plan()  # imports and caches
    for number in range(COMPILED):
        for task in tasks[:: 1 if number % 2 else -1]:
            started = time.process_time()
            compiled(task).plan()
            found[task.length].append(time.process_time() - started)
    ratio = statistics.median(b / a for a, b in zip(*found.values(), strict=True))
    rows = [
        Row(f"compile, {length} positions", "irgraph", statistics.median(seconds))
        for length, seconds in found.items()
    ]
    for row, seconds in zip(rows, found.values(), strict=True):
        row.detail = {"rounds": COMPILED, "fastest": min(seconds)}
    rows[-1].target, rows[-1].met = f"that of {LENGTHS[0]}, +- 20 %", abs(ratio - 1) <= SPREAD
    rows[-1].note = f"{ratio:.2f} x that of {LENGTHS[0]}"
    rows[-1].detail["ratio"] = ratio
    return rows


PROBLEMS = tuple(
    Problem(
        f"LSTM step, {length} positions, {threads} thread{'s' if threads > 1 else ''}",
        Recurrence(length),
        threads=threads,
    )
    for length, threads in ((128, 1), (1024, 1), (128, 2))
)


def run(options: Options) -> list[Row]:
    """Time compiling and the steps."""
    rows = compile_rows() if options.chosen("compile") else []
    for problem in PROBLEMS:
        if not options.chosen(problem.title):
            continue
        if importlib.util.find_spec("torch") is None:
            rows.append(missing(problem.title, "irgraph", "torch is not installed"))
        else:
            rows += measured(problem, {"irgraph": irgraph_step, "torch": torch_step}, "", options)
    return rows
