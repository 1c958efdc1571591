"""Running sums: a linear map that exists as an op only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..local_jacobian import Grid, Labels, Map, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..types import TensorType, bool_, int64, normalize_axis
from ..value import Node, Value
from .operands import as_value
from .requirements import require_dtype


@final
@dataclass(frozen=True)
class Cumsum(Op):
    """The sum of the elements so far along an axis, or from the end."""

    name: ClassVar[str] = "cumsum"
    takes_complex: ClassVar[bool] = True
    axis: int
    reverse: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(inputs[0])
        o = i.renew(self.axis)

        def running(reverse: bool) -> Map:
            return Map(
                lambda t, lead: Cumsum(lead, reverse)(t),
                lambda t, lead: Cumsum(lead, not reverse)(t),
                Labels((o[self.axis],)),
                Labels((i[self.axis],)),
            )

        return [[term(o, i, running(self.reverse))]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        axis = write.constant(self.axis, int64)
        return [write.node("CumSum", write.read(node.inputs[0]), axis, since=14, reverse=int(self.reverse))]


def cumsum(x: Any, axis: int = -1, reverse: bool = False) -> Value:
    """The running sum along `axis`, from the end if `reverse`; integers are summed as int64.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cumsum(constant([1.0, 2.0, 3.0])))
    array([1., 3., 6.], dtype=float32)
    """
    x = as_value(x)
    if not x.dtype.is_inexact:
        x = x.astype(int64)
    return Cumsum(normalize_axis(axis, x.ndim), reverse)(x)
