"""The libraries that take the same training step, each behind one small class with the same methods."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from benchmarks.problems import Array, Problem

Optimizer = Literal["sgd", "adam"]


class Peer(Protocol):
    """One library's training step for one problem.

    Law: after the same batches, `weights()` and the losses agree with `Problem.answer` to float32 accuracy.
    """

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        """Build the step and compile what the library compiles ahead of the first call."""

    def place(self, x: Array, y: Any) -> tuple[Any, Any]:
        """Return the batch as the library's own arrays; not timed."""

    def step(self, x: Any, y: Any) -> Any:
        """Take one step; on return the new weights and the loss are computed. `float` reads the loss."""

    def weights(self) -> list[Array]:
        """Return copies of w0, b0, w1, b1, … as NumPy arrays."""

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the weights; optimizer slots are left as they are."""


def installed(module: str) -> bool:
    """Whether a module can be found; a bare folder of that name is not one."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


@dataclass(frozen=True)
class Entry:
    """Where a peer's class is, the module that has to be installed for it, and what a table calls it."""

    label: str
    requires: str
    path: str

    def installed(self) -> bool:
        """Whether the library can be found; a broken install is found and fails loudly later."""
        return installed(self.requires)

    def load(self) -> type[Peer]:
        """Import the peer's class."""
        module, name = self.path.split(":")
        peer: type[Peer] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), name)
        return peer


REFERENCE = "numpy"
"""The peer that every ratio divides by."""

PEERS = {
    "numpy": Entry("NumPy by hand", "numpy", "numpy_step:NumpyStep"),
    "numpy_tuned": Entry("NumPy, two more tricks", "numpy", "numpy_tuned_step:TunedNumpyStep"),
    "irgraph": Entry("irgraph", "irgraph", "irgraph_step:IrgraphStep"),
    "torch": Entry("torch eager", "torch", "torch_step:TorchStep"),
    "torch_compile": Entry("torch.compile", "torch", "torch_step:CompiledTorchStep"),
    "jax": Entry("JAX jit", "jax", "jax_step:JaxStep"),
    "pytensor": Entry("PyTensor", "pytensor", "pytensor_step:PytensorStep"),
    "autograd": Entry("autograd", "autograd", "autograd_step:AutogradStep"),
}
