"""The step in irgraph: one compiled function with the optimizer's updates, on the default executor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import irgraph as ig
from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem


class IrgraphStep:
    """`ig.compile` over loss and updates; `phases` holds the seconds of each part of the construction."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        self.phases: dict[str, float] = {}
        started = time.perf_counter()
        loss, self._names = build_loss(problem)
        built = time.perf_counter()
        rule = ig.optim.SGD(problem.rate) if optimizer == "sgd" else ig.optim.Adam(problem.rate)
        updates = rule.minimize(loss)
        differentiated = time.perf_counter()
        self.function = ig.compile(loss, updates=updates, seed=0)
        compiled = time.perf_counter()
        self.phases["build"] = built - started
        self.phases["gradients and updates"] = differentiated - built
        self.phases["compile"] = compiled - differentiated
        self.load(problem.initial_weights())

    def place(self, x: Array, y: Any) -> tuple[Array, Any]:
        """NumPy arrays are what the function takes."""
        return x, y

    def step(self, x: Array, y: Any) -> Any:
        """Take one step and return the loss."""
        return self.function(x=x, y=y)

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        return [np.array(self.function.state[name]) for name in self._names]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        for name, source in zip(self._names, weights, strict=True):
            self.function.state[name] = source


def build_loss(problem: Problem) -> tuple[Any, list[str]]:
    """Return the mean loss as a value, and the names of its parameters in the order of the layers."""
    x = ig.input("x", ("batch", problem.sizes[0]))
    y = ig.input("y", ("batch",), "int64")
    h: Any = x
    names: list[str] = []
    for index, (fan_in, fan_out) in enumerate(problem.layers):
        names += [f"w{index}", f"b{index}"]
        matrix = ig.parameter(names[-2], (fan_in, fan_out), init=ig.init.glorot_uniform())
        h = h @ matrix + ig.parameter(names[-1], (fan_out,))
        if index != len(problem.layers) - 1:
            h = ig.relu(h)
    return ig.losses.softmax_cross_entropy(h, y), names
