"""What an op's room may ask of the ONNX exporter. Nothing here imports onnx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .dims import Shape
from .types import DType
from .value import Node, Value


def is_exact_attribute(number: float, dtype: DType) -> bool:
    """Whether a float attribute, which ONNX keeps in float32, is the same number to an op of this dtype."""
    return dtype.itemsize <= 4 or float(np.float32(number)) == number


class OnnxWriter(Protocol):
    """Writes the nodes of one ONNX graph; names stand for tensors.

    `opset` is the one that was asked for, else the lowest: an op with a newer form, and an `expand` too,
    writes the form only where that opset has it.
    """

    opset: int

    def read(self, value: Value) -> str:
        """The name of a value that is already written."""
        ...

    def node(self, op_type: str, /, *inputs: str, since: int = 1, **attributes: Any) -> str:
        """Write a node with one output and return its name.

        The opsets that have the op, with these dtypes and attributes, are looked up. `since` is the first
        opset with this form where that does not tell, as when an attribute got a new meaning.
        """
        ...

    def nodes(
        self, op_type: str, /, *inputs: str, outputs: int, since: int = 1, **attributes: Any
    ) -> tuple[str, ...]:
        """Write a node with several outputs and return their names."""
        ...

    def constant(self, content: object, dtype: DType) -> str:
        """The name of an initializer with this content."""
        ...

    def sizes(self, shape: Shape) -> str:
        """The name of a 1-D int64 tensor with these sizes, computed at run time where they are named."""
        ...

    def cast(self, name: str, dtype: DType) -> str:
        """Write a cast."""
        ...

    def scan(self, node: Node) -> Sequence[str]:
        """Write a scan with its body and return the names of its outputs."""
        ...
