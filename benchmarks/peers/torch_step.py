"""The step in PyTorch: eager, as most people write it, and under `torch.compile`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def _loss(parameters: Sequence[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    h = x
    last = len(parameters) - 2
    for index in range(0, len(parameters), 2):
        h = torch.addmm(parameters[index + 1], h, parameters[index])
        if index != last:
            h = torch.relu(h)
    return cross_entropy(h, y)


class TorchStep:
    """Eager PyTorch: a tape for each step, `backward`, and an update in place under `no_grad`."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        if optimizer != "sgd":
            raise NotImplementedError("the eager step is plain SGD")
        _use_all_threads()
        self._rate = problem.rate
        self._parameters = [torch.from_numpy(array).requires_grad_() for array in problem.initial_weights()]

    def place(self, x: Array, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Share the memory of the NumPy arrays."""
        return torch.from_numpy(x), torch.from_numpy(y)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take one step and return the loss."""
        loss = _loss(self._parameters, x, y)
        loss.backward()
        with torch.no_grad():
            for parameter in self._parameters:
                parameter.sub_(parameter.grad, alpha=self._rate)
                parameter.grad = None
        return loss.detach()

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        return [parameter.detach().numpy().copy() for parameter in self._parameters]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        with torch.no_grad():
            for parameter, source in zip(self._parameters, weights, strict=True):
                parameter.copy_(torch.from_numpy(source))


class CompiledTorchStep:
    """The loss, its gradients and the update in one function given to `torch.compile` (default mode).

    The parameters are arguments: as closure variables, or with `backward` outside the compiled part, the
    step was slower.
    """

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        _use_all_threads()
        self._parameters = [torch.from_numpy(array) for array in problem.initial_weights()]
        self._moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self._parameters]
        self._count = torch.zeros(())
        self._arguments = (self._parameters, self._moments, self._count)
        rate, gradients_of = problem.rate, torch.func.grad_and_value(_loss)

        def sgd(slots: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            parameters, _, _ = slots
            gradients, loss = gradients_of(parameters, x, y)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=rate)
            return loss

        def adam(slots: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            parameters, moments, count = slots
            gradients, loss = gradients_of(parameters, x, y)
            count.add_(1)
            scale = rate * torch.sqrt(1 - BETA2**count) / (1 - BETA1**count)
            for parameter, (mean, square), g in zip(parameters, moments, gradients, strict=True):
                mean.mul_(BETA1).add_(g, alpha=1 - BETA1)
                square.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                parameter.sub_(scale * mean / (torch.sqrt(square) + EPSILON))
            return loss

        self._step = torch.compile(sgd if optimizer == "sgd" else adam)

    place = TorchStep.place
    weights = TorchStep.weights
    load = TorchStep.load

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take one step and return the loss."""
        with torch.no_grad():
            return self._step(self._arguments, x, y)


def _use_all_threads() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.set_float32_matmul_precision("highest")
