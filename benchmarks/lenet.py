"""One training step of a LeNet-like network made of layers, beside the same in torch, eager.

Images 1x28x28 in batches of 64; 6 filters 5x5 (padded to 28x28), 16 filters 5x5, each with relu and a max
pool 2x2, then dense layers of 120, 84 and 10; mean softmax cross entropy; SGD with momentum 0.9. irgraph's
model is `irgraph.nn` with `optim.SGD` on the NumPy executor, torch's is `torch.nn` modules with
`torch.optim.SGD`. The way of measuring is that of `benchmarks.conv`: the losses of the first steps from the
same weights are equal first.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from benchmarks.conv import LENET, Network, Problem, measured
from benchmarks.report import Options, Row, missing

PURPOSE = "seconds of a training step of a LeNet-like network; ratios are to torch eager"
MOMENTUM = 0.9
LIMIT = 1.5
PROBLEMS = tuple(
    Problem(
        f"LeNet step of layers, batch 64, {threads} thread{'s' if threads > 1 else ''}",
        LENET,
        "irgraph",
        threads,
        LIMIT,
    )
    for threads in (1, 2)
)


def irgraph_step(task: Network) -> Callable[[], Any]:
    """The step in irgraph."""
    import irgraph as ig

    layers: list[Any] = []
    for filters, padding in zip(task.channels, task.padding, strict=True):
        layers += [ig.nn.Conv2D(filters, task.kernel, padding=padding, activation="relu"), ig.nn.MaxPool2D(2)]
    layers.append(ig.nn.Flatten())
    layers += [ig.nn.Dense(units, "relu") for units in task.dense[:-1]] + [ig.nn.Dense(task.dense[-1])]
    model = ig.nn.Sequential(layers, name="lenet")
    x, label = ig.input("x", ("batch", 1, 28, 28)), ig.input("label", ("batch",), "int64")
    loss = ig.losses.softmax_cross_entropy(model(x, training=True), label)
    step = ig.compile(loss, updates=ig.optim.SGD(task.rate, momentum=MOMENTUM).minimize(loss), seed=0)
    for path, array in zip(model.parameters, task.weights().values(), strict=True):
        step.state[path] = array
    images, labels = task.batches()
    return lambda: step(x=images, label=labels)


def torch_step(task: Network) -> Callable[[], Any]:
    """The step in torch."""
    import torch
    from torch import nn

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    weights = list(task.weights().values())
    layers: list[Any] = []
    channels = (1, *task.channels)
    for before, filters, padding in zip(channels, task.channels, task.padding, strict=False):
        layers += [nn.Conv2d(before, filters, task.kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    for w in weights[2 * len(task.channels) :: 2]:
        layers += [nn.Linear(*w.shape), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(array.T.copy() if array.ndim == 2 else array))
    optimizer = torch.optim.SGD(model.parameters(), task.rate, momentum=MOMENTUM)
    images, labels = map(torch.from_numpy, task.batches())
    criterion = nn.CrossEntropyLoss()

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def run(options: Options) -> list[Row]:
    """Time the step with one thread and with two."""
    target = f"<= {LIMIT} x torch"
    if importlib.util.find_spec("torch") is None:
        return [missing(each.title, "irgraph", "torch is not installed", target) for each in PROBLEMS]
    rows: list[Row] = []
    for problem in PROBLEMS:
        rows += measured(problem, {"irgraph": irgraph_step, "torch": torch_step}, target, options)
    return rows
