"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..dims import same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Grid, Label, Labels, labels, term
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, bool_, broadcast_shapes
from ..value import Value, operator
from .operands import operands
from .requirements import require_dtype
from .shape import reshape


@final
class Matmul(Op):
    """Products of the last two axes; the axes before them broadcast."""

    name: ClassVar[str] = "matmul"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "MatMul"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        a, b = inputs
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, a, b)
        if a.dtype != b.dtype:
            raise DTypeError(explain(f"{a} and {b}", "one dtype", do="Cast one of them."))
        if a.rank < 2 or b.rank < 2 or same_size(a.shape[-1], b.shape[-2]) is None:
            raise ShapeError(explain(f"{a} @ {b}", "as many columns on the left as rows on the right"))
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return (a.with_shape((*batch, a.shape[-2], b.shape[-1])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        a, b = inputs
        *lead, i, k = labels(outputs[0])
        batch, j = Labels(lead), Label(a.shape[-1])
        left = Labels((*batch.against(a.shape[:-2]), i, j))
        right = Labels((*batch.against(b.shape[:-2]), j, k))
        out = Labels((*batch, i, k))
        return [[term(out, left, (b, right)), term(out, right, (a, left))]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        moved = inputs[0].nbytes + inputs[1].nbytes + outputs[0].nbytes
        return Cost(2 * (outputs[0].size * inputs[0].shape[-1]), moved)


@operator("matmul")
def matmul(a: Any, b: Any) -> Value:
    """The matrix product `a @ b`, with NumPy's rules: axes before the last two broadcast, vectors count
    as a row on the left and a column on the right, and lose that axis in the result.

    Raises ShapeError where the inner sizes differ, with both shapes.

    >>> from irgraph import input
    >>> matmul(input("x", ("batch", 3)), input("w", (3, 5)))
    <a result of matmul : float32[batch, 5]>
    """
    a, b = operands("matmul", a, b)
    for value in (a, b):
        if value.ndim == 0:
            raise ShapeError(
                explain(f"matmul of the scalar {value!r}", "at least one axis", here(), "Use *.")
            )
    left = reshape(a, (1, *a.shape)) if a.ndim == 1 else a
    right = reshape(b, (*b.shape, 1)) if b.ndim == 1 else b
    result = Matmul()(left, right)
    if a.ndim > 1 and b.ndim > 1:
        return result
    kept = list(result.shape)
    if b.ndim == 1:
        del kept[-1]
    if a.ndim == 1:
        del kept[-1 if b.ndim == 1 else -2]
    return reshape(result, kept)
