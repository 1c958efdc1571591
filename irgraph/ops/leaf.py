"""What constants and sources have in common: nothing flows into them."""

from __future__ import annotations

from collections.abc import Sequence

from ..local_jacobian import Grid
from ..op import Cost, Op
from ..types import TensorType
from ..value import Value
from .requirements import FREE


class Leaf(Op):
    """An op without inputs, and so without derivatives; it costs nothing in a step."""

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE
