"""Looking at values while a graph runs: identities that call a Python function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..attributes import attribute_class
from ..errors import DTypeError, explain
from ..layout import Layout
from ..local_jacobian import Grid, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType
from ..value import Node, Value
from .operands import as_value
from .requirements import FREE

Callback = Callable[[np.ndarray[Any, Any]], object]


@final
@dataclass(frozen=True)
class Tap(Op):
    """The identity; `callback` gets a copy of the array on the host at each step.

    Its kernel runs with the results, never in the commit: a callback that raises leaves the state as it was.
    """

    name: ClassVar[str] = "tap"
    effect: ClassVar[bool] = True
    checks: ClassVar[bool] = True
    callback: Callback

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(outputs[0])
        return [[term(i, i)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """An Identity: a model calls no Python."""
        return [write.node("Identity", write.read(node.inputs[0]))]


@final
@attribute_class("printer")
@dataclass(frozen=True)
class Printer:
    """Prints an array to the standard output of the moment, under a label; long ones are shortened."""

    label: str

    def __call__(self, array: np.ndarray[Any, Any]) -> None:
        sizes = ", ".join(map(str, array.shape))
        text = np.array2string(array, precision=4, threshold=64, edgeitems=3, max_line_width=100)
        separator = "\n" if "\n" in text else " "
        sys.stdout.write(f"{self.label} : {array.dtype}[{sizes}]{separator}{text}\n")


def tap(x: Any, callback: Callback, label: str = "") -> Value:
    """`x`, with `callback(array)` called at each step on a copy of what it is then.

    It is called where a result or an update reaches the value that is returned, once for each tap, in the
    order of the nodes in `function.program.graph`: after what its value is computed from, and before the
    state changes. Gradients pass through; a gradient is tapped like any other value. What the callback
    returns is ignored; what it raises ends the step, with the tap's line in a note, and leaves the state as
    it was. In ONNX it is an Identity, named `label` where one is given.

    Raises DTypeError for a callback that can't be called.

    >>> from irgraph import compile, input
    >>> seen = []
    >>> f = compile(tap(input("x", (2,)) * 2, seen.append).sum())
    >>> float(f(x=[1.0, 2.0])), seen
    (6.0, [array([2., 4.], dtype=float32)])
    """
    if not callable(callback):
        raise DTypeError(explain(f"the callback {callback!r}", "a function of one array", here()))
    return Node(Tap(callback), (as_value(x),), name=label or None).outputs[0]


def print_value(x: Any, label: str = "") -> Value:
    """`x`, printed at each step under a label: by default its name, or its op and line. See `tap` for when.

    >>> from irgraph import compile, input
    >>> f = compile(print_value(input("x", (2,)) * 2, "twice").sum())
    >>> total = f(x=[1.0, 2.0])
    twice : float32[2] [2. 4.]
    """
    value = as_value(x)
    line = here()
    file = line.file.replace("\\", "/").rpartition("/")[2]
    told = label or value.node.name or value.node.op.label or f"{value.node.op.name} at {file}:{line.line}"
    return tap(value, Printer(told), label)
