"""Convolutions against torch: one layer and its gradients, and whole training steps, on NumPy and exported.

- The same float32 problem for both, checked before timing: results within 1e-4 of the largest element; of a
  training step the losses of the first steps, each from the weights that the step before left.
- One process for each peer, with the same number of threads; they take turns, in an order that rotates. A
  turn's figure is the median of its calls, the reported one the median over the rounds, and the ratio the
  median over the rounds of irgraph's figure to torch's in the same round.
- A call begins and ends with arrays in the peer's own memory. irgraph copies its feeds in and its results
  out, and is timed with that; torch runs `conv2d` in its default memory format (NCHW), and eager steps.
- Figures of more than one thread need a quiet machine: threads of BLAS wait for each other at each product,
  which takes time slices where other programs run. The JSON file tells the load.
- ONNX Runtime runs the exported step, state and all, through `irgraph.onnx.replay`: stock, with one thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.report import Options, Row, missing
from benchmarks.worker import pools

PURPOSE = "seconds of convolutions and of training steps of convolutional networks; ratios are to torch"
ROUNDS = 21
TURN_SECONDS = 0.2
PAUSE_SECONDS = 0.06  # longer than any thread pool spins after its work
STEPS_CHECKED = 4
Array = np.ndarray[Any, Any]
Builder = Callable[[Any], Callable[[], Any]]
"""What a child calls once with its task, for what it then calls again and again."""


@dataclass(frozen=True)
class Layer:
    """A 2-D convolution with stride 1: images, channels, filters, size, kernel; `part` is what to compute."""

    part: str
    shape: tuple[int, int, int, int, int]

    def arrays(self) -> tuple[Array, Array, Array]:
        """An image, filters, and a cotangent."""
        n, c, o, size, k = self.shape
        rng = np.random.default_rng(0)
        shapes = (n, c, size, size), (o, c, k, k), (n, o, size, size)
        x, w, g = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
        return x, w, g


@dataclass(frozen=True)
class Network:
    """conv, relu, max_pool 2x2, twice; then dense layers; mean softmax cross entropy and plain SGD."""

    batch: int
    kernel: int
    padding: tuple[int, int]
    channels: tuple[int, int]
    dense: tuple[int, ...]
    rate: float = 0.05

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' shapes by name, in order."""
        (a, b), k = self.channels, self.kernel
        shapes: dict[str, tuple[int, ...]] = {"w0": (a, 1, k, k), "b0": (a,), "w1": (b, a, k, k), "b1": (b,)}
        size = 28
        for padding in self.padding:
            size = (size + 2 * padding - k + 1) // 2
        widths = (b * size * size, *self.dense)
        for n, (wide, narrow) in enumerate(itertools.pairwise(widths), 2):
            shapes |= {f"w{n}": (wide, narrow), f"b{n}": (narrow,)}
        return shapes

    def weights(self) -> dict[str, Array]:
        """He-normal filters and matrices, and zero biases; the same on every call."""
        rng = np.random.default_rng(0)
        found = {}
        for name, shape in self.shapes().items():
            fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
            scale = np.sqrt(2 / fan_in) if len(shape) > 1 else 0.0
            found[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
        return found

    def batches(self) -> tuple[Array, Array]:
        """Images and labels, the same on every call."""
        rng = np.random.default_rng(1)
        images = rng.standard_normal((self.batch, 1, 28, 28), dtype=np.float32)
        return images, rng.integers(0, self.dense[-1], self.batch)


LAYER = (8, 64, 64, 56, 3)
CNN = Network(32, 5, (0, 0), (6, 16), (10,))
WIDER = Network(32, 3, (1, 1), (16, 32), (10,))
LENET = Network(64, 5, (2, 0), (6, 16), (120, 84, 10))


@dataclass(frozen=True)
class Problem:
    """What is timed, by which peer of irgraph's, with how many threads (0: all), and the ratio to keep."""

    title: str
    task: Any
    peer: str = "irgraph"
    threads: int = 0
    limit: float | None = None


PROBLEMS = (
    Problem("conv2d 3x3, 64 to 64, 56x56, batch 8", Layer("y", LAYER), limit=1.3),
    Problem("its gradient towards the image", Layer("dx", LAYER)),
    Problem("its gradient towards the filters", Layer("dw", LAYER)),
    Problem("conv2d as above, one thread", Layer("y", LAYER), "irgraph", 1),
    Problem("LeNet step, batch 64", LENET, limit=1.5),
    Problem("CNN step 5x5 6-16, batch 32, one thread", CNN, "onnx", 1, 1.0),
    Problem("CNN step 3x3 16-32, batch 32, one thread", WIDER, "onnx", 1, 1.0),
    Problem("CNN step 5x5 6-16, batch 32, one thread", CNN, "irgraph", 1),
    Problem("CNN step 3x3 16-32, batch 32, one thread", WIDER, "irgraph", 1),
)
LABELS = {"irgraph": "irgraph", "onnx": "ONNX Runtime", "torch": "torch eager"}

# -------------------------------------------------------------------------------------------- peers


def _irgraph_layer(task: Layer) -> Callable[[], Any]:
    import irgraph as ig

    x, w, g = task.arrays()
    xs, ws, gs = (ig.input(name, a.shape) for name, a in (("x", x), ("w", w), ("g", g)))
    y = ig.conv(xs, ws, padding=task.shape[-1] // 2)
    dx, dw = ig.vjp(y, [xs, ws], gs)
    function = ig.compile({"y": y, "dx": dx, "dw": dw}[task.part])
    feeds = {name: a for name, a in (("x", x), ("w", w), ("g", g)) if name in function.graph.inputs}
    return lambda: function(**feeds)


def _irgraph_step(task: Network) -> Any:
    import irgraph as ig

    values = {name: ig.parameter(name, shape) for name, shape in task.shapes().items()}
    x, label = ig.input("x", ("batch", 1, 28, 28)), ig.input("label", ("batch",), "int64")
    h = x
    for n, padding in enumerate(task.padding):
        h = ig.max_pool(ig.relu(ig.conv(h, values[f"w{n}"], values[f"b{n}"], padding=padding)), 2)
    h = h.reshape("batch", values["w2"].shape[0])
    for n in range(2, 2 + len(task.dense)):
        h = h @ values[f"w{n}"] + values[f"b{n}"]
        h = ig.relu(h) if n < 1 + len(task.dense) else h
    loss = ig.losses.softmax_cross_entropy(h, label)
    step = ig.compile(loss, updates=ig.optim.SGD(task.rate).minimize(loss), seed=0)
    for name, array in task.weights().items():
        step.state[name] = array
    return step


def _irgraph(task: Layer | Network) -> Callable[[], Any]:
    if isinstance(task, Layer):
        return _irgraph_layer(task)
    step, (x, label) = _irgraph_step(task), task.batches()
    return lambda: step(x=x, label=label)


def _onnx(task: Layer | Network) -> Callable[[], Any]:
    import onnxruntime

    from irgraph.onnx import replay, to_model
    from irgraph.onnx.replaying import Replay

    assert isinstance(task, Network)
    model = to_model(_irgraph_step(task))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    run = Replay(session, replay(model).state)
    x, label = task.batches()
    return lambda: next(iter(run(x=x, label=label).values()))


def _torch(task: Layer | Network) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if isinstance(task, Network):
        return _torch_step(task)
    x, w, g = (torch.from_numpy(array) for array in task.arrays())
    padding = task.shape[-1] // 2
    if task.part == "y":
        return lambda: torch.nn.functional.conv2d(x, w, padding=padding)
    wanted = (x if task.part == "dx" else w).requires_grad_()
    y = torch.nn.functional.conv2d(x, w, padding=padding)
    return lambda: torch.autograd.grad(y, wanted, g, retain_graph=True)[0]


def _torch_step(task: Network) -> Callable[[], Any]:
    import torch
    from torch.nn.functional import conv2d, cross_entropy, max_pool2d

    parameters = {name: torch.from_numpy(a).requires_grad_() for name, a in task.weights().items()}
    x, label = map(torch.from_numpy, task.batches())

    def step() -> Any:
        h = x
        for n, padding in enumerate(task.padding):
            h = max_pool2d(
                torch.relu(conv2d(h, parameters[f"w{n}"], parameters[f"b{n}"], padding=padding)), 2
            )
        h = h.reshape(len(h), -1)
        for n in range(2, 2 + len(task.dense)):
            h = torch.addmm(parameters[f"b{n}"], h, parameters[f"w{n}"])
            h = torch.relu(h) if n < 1 + len(task.dense) else h
        loss = cross_entropy(h, label)
        loss.backward()
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.sub_(parameter.grad, alpha=task.rate)
                parameter.grad = None
        return loss.detach()

    return step


BUILDERS: dict[str, Builder] = {"irgraph": _irgraph, "onnx": _onnx, "torch": _torch}


def _serve(pipe: Connection, build: Builder, task: Any) -> None:
    """The child: answers ("check", n) with n results, and ("turn", n) with the median seconds of n calls."""
    call = build(task)
    while True:
        command, count = pipe.recv()
        if command == "check":
            pipe.send([np.array(call()) for _ in range(count)])
            continue
        seconds = []
        for _ in range(count + 2):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
        pipe.send(statistics.median(seconds[2:]))


@contextlib.contextmanager
def _child(build: Builder, task: Any, threads: int) -> Iterator[Connection]:
    mine, theirs = multiprocessing.Pipe()
    before = dict(os.environ)
    os.environ.update(pools(threads))  # read when the child imports its libraries
    child = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, build, task), daemon=True
    )
    child.start()
    os.environ.clear()
    os.environ.update(before)
    theirs.close()
    try:
        yield mine
    finally:
        child.terminate()
        child.join()


# ------------------------------------------------------------------------------------------ the run


def run(options: Options) -> list[Row]:
    """Time every problem beside torch."""
    rows: list[Row] = []
    for problem in PROBLEMS:
        target = "" if problem.limit is None else f"<= {problem.limit} x torch"
        needed = ["torch"] + ["onnxruntime"] * (problem.peer == "onnx")
        lacking = [name for name in needed if importlib.util.find_spec(name) is None]
        if lacking:
            rows.append(
                missing(problem.title, LABELS[problem.peer], f"{lacking[0]} is not installed", target)
            )
        else:
            builders = {name: BUILDERS[name] for name in (problem.peer, "torch")}
            rows += measured(problem, builders, target, options)
    return rows


def measured(problem: Problem, builders: Mapping[str, Builder], target: str, options: Options) -> list[Row]:
    """The rows of one problem by its own peer and by torch, whose results are equal first."""
    threads = problem.threads or options.threads
    with contextlib.ExitStack() as stack:
        peers = tuple(builders)
        pipes = {
            name: stack.enter_context(_child(build, problem.task, threads))
            for name, build in builders.items()
        }
        difference = _difference(pipes, 1 if isinstance(problem.task, Layer) else STEPS_CHECKED)
        if difference > 1e-4:
            why = f"wrong: differs by {difference:.1e}"
            return [missing(problem.title, LABELS[problem.peer], why, target)]
        calls = {name: max(int(TURN_SECONDS / _ask(pipe, "turn", 3)), 3) for name, pipe in pipes.items()}
        found: dict[str, list[float]] = {name: [] for name in peers}
        for number in range(options.rounds or ROUNDS):
            for name in peers[:: 1 if number % 2 else -1]:
                time.sleep(PAUSE_SECONDS)
                found[name].append(_ask(pipes[name], "turn", calls[name]))
    ratios = [mine / theirs for mine, theirs in zip(found[problem.peer], found["torch"], strict=True)]
    ratio = statistics.median(ratios)
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    met = None if problem.limit is None else ratio <= problem.limit
    rows = []
    for name in peers:
        row = Row(problem.title, LABELS[name], statistics.median(found[name]))
        row.detail = {"threads": threads, "rounds": len(found[name]), "fastest": min(found[name])}
        rows.append(row)
    rows[0].target, rows[0].met = target, met
    rows[0].note = f"{ratio:.2f} x torch, quartiles {quartiles[0]:.2f} to {quartiles[2]:.2f}"
    rows[0].detail |= {
        "ratio to torch": ratio,
        "quartiles": [quartiles[0], quartiles[2]],
        "off by": difference,
    }
    return rows


def _difference(pipes: dict[str, Connection], count: int) -> float:
    """The largest difference of results, relative to the largest element."""
    mine, theirs = (_ask(pipe, "check", count) for pipe in pipes.values())
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in zip(mine, theirs, strict=True))


def _ask(pipe: Connection, command: str, count: int) -> Any:
    pipe.send((command, count))
    return pipe.recv()
